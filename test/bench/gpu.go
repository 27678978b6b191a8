package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/distillmesh/distillmesh/test/peer"
	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/engine"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/graph/enginetest"
	"github.com/distillmesh/distillmesh/train/nn"
	"github.com/distillmesh/distillmesh/train/recipe"
)

//go:embed gpu_torch.py
var gpuScript []byte

// gpuReport is what checkGPU finds. Times are medians of seconds.
type gpuReport struct {
	Device string     `json:"device"`
	Suite  suiteRow   `json:"suite"`
	Curves []curveRow `json:"curves"`
	Steps  []stepRow  `json:"steps"`
	Lanes  []laneRow  `json:"lanes"`
	Peer   []peerRow  `json:"peer,omitempty"`
	Errors []string   `json:"errors,omitempty"`
}

type suiteRow struct {
	Tests   int      `json:"tests"`
	Failed  []string `json:"failed,omitempty"`
	Seconds float64  `json:"seconds"`
}

// curveRow is how far a training's losses are from the processor's.
type curveRow struct {
	Net     string  `json:"net"`
	Steps   int     `json:"steps"`
	Largest float64 `json:"largest_difference"` // of the loss, relative to 1 + loss
}

type stepRow struct {
	Workload string  `json:"workload"`
	Batch    int     `json:"batch"`
	StepS    float64 `json:"step_s"`
	First    float64 `json:"first_s"` // with building kernels
	Bytes    int     `json:"program_bytes,omitempty"`
}

type laneRow struct {
	Lanes int     `json:"lanes"`
	Rate  float64 `json:"steps_per_s"` // of all lanes
}

// peerRow is a step in PyTorch or JAX.
type peerRow struct {
	Peer     string  `json:"peer"` // torch 2.4 eager, graph, compile
	Workload string  `json:"workload"`
	Batch    int     `json:"batch"`
	StepS    float64 `json:"step_s"`
	MiB      float64 `json:"mib,omitempty"`
}

// gpuNets are the trainings that are timed.
var gpuNets = []struct {
	net   string
	batch int
	shape data.Shape
}{
	{"lenet", 50, data.Shape{C: 1, H: 28, W: 28}}, {"lenet", 128, data.Shape{C: 1, H: 28, W: 28}},
	{"alexnet", 50, data.Shape{C: 3, H: 32, W: 32}}, {"convnet3", 50, data.Shape{C: 3, H: 32, W: 32}},
	{"convnet3", 128, data.Shape{C: 3, H: 32, W: 32}}, {"convnet3", 256, data.Shape{C: 3, H: 32, W: 32}},
}

// checkGPU runs every check on a device, writes what it found to a file after each, and prints a table. What
// fails does not keep the rest from running.
func checkGPU(ctx context.Context, id, to, python string) error {
	on, reason, err := engine.Resolve(device.Choice{Name: id})
	if err != nil {
		return err
	}
	if !on.GPU() {
		return fmt.Errorf("no GPU to check: %s", reason)
	}
	r := &gpuReport{Device: on.Chosen() + " " + reason}
	for _, check := range []struct {
		name string
		run  func(context.Context, device.Choice) error
	}{
		{"suite", r.suite}, {"curves", r.curves}, {"steps", r.steps}, {"matching", r.matching}, {"lanes", r.lanes},
		{"peer", func(ctx context.Context, _ device.Choice) error { return r.peer(ctx, python) }},
	} {
		start := time.Now()
		if err := check.run(ctx, on); err != nil {
			r.Errors = append(r.Errors, check.name+": "+err.Error())
		}
		fmt.Fprintf(os.Stderr, "%s: %.1f s\n", check.name, time.Since(start).Seconds())
		if err := r.write(to); err != nil {
			return err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return r.show()
}

func (r *gpuReport) write(to string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(to, append(text, '\n'), 0o644)
}

// suite runs the tests that every engine passes, and random programs.
func (r *gpuReport) suite(_ context.Context, on device.Choice) error {
	e, err := engine.Open(on)
	if err != nil {
		return err
	}
	defer e.Close()
	start := time.Now()
	for _, test := range append(enginetest.Tests(), enginetest.Random(40)...) {
		r.Suite.Tests++
		if err := test.Run(e); err != nil {
			r.Suite.Failed = append(r.Suite.Failed, fmt.Sprintf("%s: %v", test.Name, err))
		}
	}
	r.Suite.Seconds = time.Since(start).Seconds()
	return nil
}

// curves trains the same networks here and on the processor.
func (r *gpuReport) curves(ctx context.Context, on device.Choice) error {
	for _, c := range []struct {
		net   string
		steps int
		shape data.Shape
	}{{"lenet", 200, data.Shape{C: 1, H: 28, W: 28}}, {"convnet3:32", 60, data.Shape{C: 3, H: 32, W: 32}}} {
		net, err := nn.Parse(c.net, c.shape, 10)
		if err != nil {
			return err
		}
		rng := source()
		s := &data.Samples{Shape: c.shape, Classes: 10, X: normal(rng, 100*c.shape.Size())}
		for i := range 100 {
			s.Y = append(s.Y, i%10)
		}
		recipe := recipe.Recipe{Optimizer: recipe.Adam, LR: 1e-3, Batch: 50, MinSteps: c.steps, MaxSteps: c.steps}
		var losses [2][]float64
		for i, d := range []device.Choice{{Name: device.CPU}, on} {
			_, err := train.Fit(ctx, net, s, recipe, train.Options{Seed: 1, Device: d, Hook: func(p train.Progress) error {
				losses[i] = append(losses[i], p.Loss)
				return nil
			}})
			if err != nil {
				return err
			}
		}
		far := 0.0
		for i, v := range losses[0] {
			far = max(far, math.Abs(losses[1][i]-v)/(1+v))
		}
		r.Curves = append(r.Curves, curveRow{c.net, c.steps, far})
	}
	return nil
}

// steps times trainings whose samples reside on the device.
func (r *gpuReport) steps(_ context.Context, on device.Choice) error {
	for _, w := range gpuNets {
		e, err := engine.Open(on)
		if err != nil {
			return err
		}
		row, err := timeSteps(e, w.net, w.batch, w.shape)
		e.Close()
		if err != nil {
			return err
		}
		r.Steps = append(r.Steps, row)
	}
	return nil
}

// stepsPerRound is a whole number of what Stepper tells a device at once.
const stepsPerRound = 64

func timeSteps(e graph.Engine, name string, batch int, shape data.Shape) (row stepRow, err error) {
	row = stepRow{Workload: name, Batch: batch}
	round, err := rounds(e, name, batch, shape)
	if err != nil {
		return row, err
	}
	start := time.Now()
	if err := round(); err != nil {
		return row, err
	}
	row.First = time.Since(start).Seconds()
	var times []float64
	for i := range 8 {
		start := time.Now()
		if err := round(); err != nil {
			return row, err
		}
		if i > 0 { // the first records
			times = append(times, time.Since(start).Seconds()/stepsPerRound)
		}
	}
	row.StepS = middle(times)
	return row, nil
}

// rounds is a function that does stepsPerRound steps and waits for them.
func rounds(e graph.Engine, name string, batch int, shape data.Shape) (func() error, error) {
	net, err := nn.Parse(name, shape, 10)
	if err != nil {
		return nil, err
	}
	samples, stepper, err := steppers(e, net, batch)
	if err != nil {
		return nil, err
	}
	if _, err := stepper.Reside(samples); err != nil {
		return nil, err
	}
	index, rates := first(batch), []float32{0.01, 0.9, 0}
	return func() error {
		for range stepsPerRound {
			if err := stepper.Step(samples, index, rates); err != nil {
				return err
			}
		}
		_, err := stepper.Loss()
		return err
	}, nil
}

// matching times an iteration of trajectory matching: 100 color images, 30 inner steps of 50.
func (r *gpuReport) matching(_ context.Context, on device.Choice) error {
	e, err := engine.Open(on)
	if err != nil {
		return err
	}
	defer e.Close()
	step, err := matching(&computer{engine: e}, data.Shape{C: 3, H: 32, W: 32}, 100, 30, 50)
	if err != nil {
		return err
	}
	row := stepRow{Workload: "unroll", Batch: 50}
	var times []float64
	for i := range 5 {
		start := time.Now()
		if err := step(); err != nil {
			return err
		}
		if i == 0 {
			row.First = time.Since(start).Seconds()
		} else if i > 1 {
			times = append(times, time.Since(start).Seconds())
		}
	}
	row.StepS = middle(times)
	r.Steps = append(r.Steps, row)
	return nil
}

// lanes trains LeNets side by side.
func (r *gpuReport) lanes(_ context.Context, on device.Choice) error {
	for _, n := range []int{1, 2, 4, 8, 16, 32} {
		together, err := engine.Together(on, n)
		if err != nil {
			return err
		}
		rate, err := laneRate(together, n)
		if err != nil {
			return fmt.Errorf("%d lanes: %w", n, err)
		}
		r.Lanes = append(r.Lanes, laneRow{n, rate})
	}
	return nil
}

func laneRate(on device.Choice, n int) (float64, error) {
	all := make([]func() error, n)
	for i := range all {
		e, err := engine.Open(on)
		if err != nil {
			return 0, err
		}
		defer e.Close()
		if all[i], err = rounds(e, "lenet", 50, data.Shape{C: 1, H: 28, W: 28}); err != nil {
			return 0, err
		}
	}
	errs := make([]error, n)
	var took time.Duration
	for i := range 4 {
		var group sync.WaitGroup
		start := time.Now()
		for lane := range all {
			group.Go(func() { errs[lane] = errors.Join(errs[lane], all[lane]()) })
		}
		group.Wait()
		if i > 1 { // two rounds to build and record
			took += time.Since(start)
		}
	}
	return float64(2*n*stepsPerRound) / took.Seconds(), errors.Join(errs...)
}

// peer times the same in PyTorch, and in JAX, where they are.
func (r *gpuReport) peer(ctx context.Context, python string) error {
	torch := peer.Find(ctx, python, gpuScript, "torch")
	if torch == nil {
		return errors.New("no Python with torch here")
	}
	defer torch.Close()
	return torch.Run(ctx, &r.Peer, nil)
}

// show prints the report.
func (r *gpuReport) show() error {
	fmt.Printf("%s\nsuite: %d tests, %d failed, %.1f s\n", r.Device, r.Suite.Tests, len(r.Suite.Failed), r.Suite.Seconds)
	for _, f := range r.Suite.Failed {
		fmt.Println("  failed:", f)
	}
	for _, c := range r.Curves {
		fmt.Printf("%s, %d steps: losses at most %.1e from the processor's\n", c.Net, c.Steps, c.Largest)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "workload\tbatch\tours, ms\tfirst, s\tpeer, ms\tpeer is\t")
	for _, s := range r.Steps {
		fmt.Fprintf(w, "%s\t%d\t%.4g\t%.2f\t\t\t\n", s.Workload, s.Batch, 1000*s.StepS, s.First)
		for _, p := range r.Peer {
			if p.Workload == s.Workload && p.Batch == s.Batch {
				fmt.Fprintf(w, "\t\t\t\t%.4g\t%s (%.2f times ours)\t\n", 1000*p.StepS, p.Peer, p.StepS/s.StepS)
			}
		}
	}
	for _, l := range r.Lanes {
		fmt.Fprintf(w, "lenet\t50\t%.0f steps/s in %d lanes\t(%.1f times one)\t\t\t\n", l.Rate, l.Lanes,
			l.Rate/r.Lanes[0].Rate)
	}
	for _, e := range r.Errors {
		fmt.Fprintln(w, "not measured:", e)
	}
	return w.Flush()
}
