// Command bench measures the work that a user would otherwise run in PyTorch,
// under the same names and fields as peer_torch.py beside it:
//
//	go run ./test/bench                     ours, the peer's and the limit, side by side
//	go run ./test/bench -json [workload...] ours alone, one JSON object a line
//
// Each workload runs in a process of its own, so that peak memory is its own.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"github.com/distillmesh/distillmesh/test/peer"
	"github.com/distillmesh/distillmesh/train/graph/cpu"
	"github.com/distillmesh/distillmesh/train/kernel"
)

// Row is one measurement.
type Row struct {
	Peer     string  `json:"peer,omitempty"`
	Engine   string  `json:"engine,omitempty"`
	Workload string  `json:"workload"`
	StepS    float64 `json:"step_s"` // median seconds per step
	Rate     float64 `json:"rate"`
	Unit     string  `json:"unit"`
	Threads  int     `json:"threads"`
	PeakRSS  float64 `json:"peak_rss_mib"`
}

func main() {
	alone := flag.Bool("json", false, "print one JSON object a line for our side alone")
	once := flag.Bool("once", false, "run the one named workload in this process")
	profile := flag.String("cpuprofile", "", "with -once: where to write a profile")
	rounds := flag.Int("rounds", 3, "how often both sides run, in turn")
	python := flag.String("python", "", "the Python that has torch (default: the first of python3 and /usr/bin/python3)")
	configured := flag.Bool("as-configured", false,
		"let the peer keep this machine's OPENBLAS settings, which may make it slower")
	onGPU := flag.String("gpu", "", "check a GPU, by ID or auto, instead: results, speed beside PyTorch, lanes, memory")
	to := flag.String("o", "gpu-check.json", "with -gpu: where the results go")
	flag.Parse()
	if *profile != "" {
		file, err := os.Create(*profile)
		if err == nil {
			err = pprof.StartCPUProfile(file)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		defer pprof.StopCPUProfile()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if *onGPU != "" {
		if err := checkGPU(ctx, *onGPU, *to, *python); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	if err := run(ctx, flag.Args(), *alone, *once, *configured, *rounds, *python); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, names []string, alone, once, configured bool, rounds int, python string) error {
	for _, n := range names {
		if _, ok := workloads[n]; !ok {
			return fmt.Errorf("workload %q: have %s", n, strings.Join(order, ", "))
		}
	}
	if len(names) == 0 {
		names = order
	}
	if once {
		row, err := measure(names[0])
		if err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(row)
	}
	if alone {
		for _, n := range names {
			row, err := apart(ctx, n)
			if err != nil {
				return err
			}
			if err := json.NewEncoder(os.Stdout).Encode(row); err != nil {
				return err
			}
		}
		return nil
	}
	torch := peer.Find(ctx, python, peerScript, "torch")
	if torch != nil {
		torch.AsConfigured = configured
	}
	return compare(ctx, names, rounds, torch)
}

// apart measures a workload in a process of its own.
func apart(ctx context.Context, name string) (Row, error) {
	self, err := os.Executable()
	if err != nil {
		return Row{}, err
	}
	var row Row
	err = peer.Decode(exec.CommandContext(ctx, self, "-once", name), &row)
	return row, err
}

// measure runs a workload in this process: the median of its rounds.
func measure(name string) (Row, error) {
	w := workloads[name]
	on := &computer{kernel.NewPool(0), cpu.New(0)}
	defer on.close()
	step, err := w.prepare(on)
	if err != nil {
		return Row{}, fmt.Errorf("%s: %w", name, err)
	}
	var seconds []float64
	for i := range w.warm + w.rounds {
		start := time.Now()
		if err := step(); err != nil {
			return Row{}, fmt.Errorf("%s: %w", name, err)
		}
		if i >= w.warm {
			seconds = append(seconds, time.Since(start).Seconds())
		}
	}
	median := middle(seconds)
	return Row{Engine: kernel.Name(), Workload: name, StepS: median, Rate: w.work / median, Unit: w.unit,
		Threads: on.pool.Workers(), PeakRSS: peakRSS()}, nil
}

func middle(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
