package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"strconv"
	"text/tabwriter"

	"github.com/distillmesh/distillmesh/test/peer"
	"github.com/distillmesh/distillmesh/train/kernel"
)

//go:embed peer_torch.py
var peerScript []byte

// best is the faster of one thread and two: a busy core makes PyTorch's threads
// wait for each other.
func best(ctx context.Context, torch *peer.Script, workload string) (best Row, err error) {
	for _, threads := range []int{1, 2} {
		var row Row
		if err := torch.Run(ctx, &row, []string{"THREADS=" + strconv.Itoa(threads)}, workload); err != nil {
			return best, err
		}
		if row.Rate > best.Rate {
			best = row
		}
	}
	return best, nil
}

// compare prints both sides in turn, and the medians of the rounds.
func compare(ctx context.Context, names []string, rounds int, torch *peer.Script) error {
	if torch == nil {
		fmt.Println("no Python with torch here: our side alone")
	} else {
		defer torch.Close()
	}
	limit := kernel.PeakFlops(0)
	fmt.Printf("engine %s, multiply-add peak of all cores %.0f GFLOP/s\n", kernel.Name(), limit/1e9)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "workload\tours\tpeer\tunit\tratio\tof peak\tMiB\tpeer MiB\t")
	for _, n := range names {
		var ours, theirs, ratios []float64
		var last, other Row
		for range rounds {
			var err error
			if last, err = apart(ctx, n); err != nil {
				return err
			}
			ours = append(ours, last.Rate)
			if torch == nil {
				continue
			}
			if other, err = best(ctx, torch, n); err != nil {
				return err
			}
			theirs, ratios = append(theirs, other.Rate), append(ratios, last.Rate/other.Rate)
		}
		rate, share := middle(ours), "-"
		if f := workloads[n].flops; f > 0 {
			share = fmt.Sprintf("%.0f %%", 100*f*rate/workloads[n].work/limit)
		}
		if torch == nil {
			fmt.Fprintf(w, "%s\t%.4g\t-\t%s\t-\t%s\t%.0f\t-\t\n", n, rate, last.Unit, share, last.PeakRSS)
			continue
		}
		fmt.Fprintf(w, "%s\t%.4g\t%.4g\t%s\t%.2f (%.2f-%.2f)\t%s\t%.0f\t%.0f\t\n", n, rate, middle(theirs), last.Unit,
			middle(ratios), ratios[0], ratios[len(ratios)-1], share, last.PeakRSS, other.PeakRSS)
	}
	return w.Flush()
}
