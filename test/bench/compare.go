package main

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/distillmesh/distillmesh/train/kernel"
)

//go:embed peer_torch.py
var peerScript []byte

// peer runs the same work in PyTorch.
type peer struct{ python, script string }

// findPeer is the first Python that imports torch, or nil.
func findPeer(ctx context.Context, python string) *peer {
	candidates := []string{"python3", "/usr/bin/python3"}
	if python != "" {
		candidates = []string{python}
	}
	for _, p := range candidates {
		if exec.CommandContext(ctx, p, "-c", "import torch").Run() == nil {
			script := filepath.Join(os.TempDir(), fmt.Sprintf("peer_torch_%d.py", os.Getpid()))
			if os.WriteFile(script, peerScript, 0o600) == nil {
				return &peer{p, script}
			}
		}
	}
	return nil
}

// best is the faster of one thread and two: a busy core makes PyTorch's threads
// wait for each other.
func (p *peer) best(ctx context.Context, workload string) (best Row, err error) {
	for _, threads := range []int{1, 2} {
		cmd := exec.CommandContext(ctx, p.python, p.script, workload)
		// A library that was told to take the processor for an older one would
		// not show what it can do.
		for _, v := range os.Environ() {
			if name, _, _ := strings.Cut(v, "="); name != "OPENBLAS_CORETYPE" && name != "OPENBLAS_L2_SIZE" {
				cmd.Env = append(cmd.Env, v)
			}
		}
		cmd.Env = append(cmd.Env, "THREADS="+strconv.Itoa(threads))
		row, err := read(cmd)
		if err != nil {
			return best, err
		}
		if row.Rate > best.Rate {
			best = row
		}
	}
	return best, nil
}

// compare prints both sides in turn, and the medians of the rounds.
func compare(ctx context.Context, names []string, rounds int, p *peer) error {
	if p == nil {
		fmt.Println("no Python with torch here: our side alone")
	} else {
		defer os.Remove(p.script)
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
			if p == nil {
				continue
			}
			if other, err = p.best(ctx, n); err != nil {
				return err
			}
			theirs, ratios = append(theirs, other.Rate), append(ratios, last.Rate/other.Rate)
		}
		rate, share := middle(ours), "-"
		if f := workloads[n].flops; f > 0 {
			share = fmt.Sprintf("%.0f %%", 100*f*rate/workloads[n].work/limit)
		}
		if p == nil {
			fmt.Fprintf(w, "%s\t%.4g\t-\t%s\t-\t%s\t%.0f\t-\t\n", n, rate, last.Unit, share, last.PeakRSS)
			continue
		}
		fmt.Fprintf(w, "%s\t%.4g\t%.4g\t%s\t%.2f (%.2f-%.2f)\t%s\t%.0f\t%.0f\t\n", n, rate, middle(theirs), last.Unit,
			middle(ratios), ratios[0], ratios[len(ratios)-1], share, last.PeakRSS, other.PeakRSS)
	}
	return w.Flush()
}
