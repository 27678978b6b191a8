package train

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/engine"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// onOpenCL is a choice of the first device of OpenCL, or skips.
func onOpenCL(t *testing.T) device.Choice {
	t.Helper()
	c := device.Choice{Name: "opencl:0"}
	if _, _, err := engine.Resolve(c); err != nil {
		t.Skipf("no OpenCL (Debian: pocl-opencl-icd): %v", err)
	}
	return c
}

// curve is the losses of a training's steps.
func curve(t *testing.T, name string, s *data.Samples, r recipe.Recipe, on device.Choice) (losses []float64) {
	t.Helper()
	_, err := Fit(context.Background(), network(t, name, s), s, r, Options{Seed: 1, Device: on,
		Hook: func(p Progress) error {
			losses = append(losses, p.Loss)
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	return losses
}

func TestATrainingOnAGPUFollowsThatOnTheProcessor(t *testing.T) {
	on := onOpenCL(t)
	for _, c := range []struct {
		net       string
		optimizer string
		steps     int
	}{
		{"lenet", recipe.SGD, 40},
		{"convnet3:8", recipe.Adam, 20},
	} {
		t.Run(c.net, func(t *testing.T) {
			s := blobs(60, digit, 10, false)
			r := recipe.Recipe{Optimizer: c.optimizer, LR: 0.01, WeightDecay: 1e-4, Batch: 20, MinSteps: c.steps,
				MaxSteps: c.steps}
			want := curve(t, c.net, s, r, device.Choice{Name: device.CPU})
			got := curve(t, c.net, s, r, on)
			far := 0.0
			for i, w := range want {
				far = max(far, math.Abs(got[i]-w)/(1+w))
			}
			t.Logf("loss from %.3f to %.3f, at most %.1e away", want[0], want[len(want)-1], far)
			if far > 1e-3 {
				t.Errorf("losses %v, on the processor %v", got, want)
			}
		})
	}
}

func TestATrainingOnAGPUResumesBitForBit(t *testing.T) {
	on := onOpenCL(t)
	s := blobs(40, digit, 10, false)
	net := network(t, "lenet", s)
	r := recipe.Recipe{Optimizer: recipe.Adam, LR: 0.001, Batch: 20, MinSteps: 12, MaxSteps: 12}
	whole, err := Fit(context.Background(), net, s, r, Options{Seed: 1, Device: on})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	_, err = Fit(ctx, net, s, r, Options{Seed: 1, Device: on, Hook: func(p Progress) error {
		if p.Step == 5 {
			cancel()
		}
		return nil
	}})
	var stopped *Interrupted
	if !errors.As(err, &stopped) {
		t.Fatalf("got %v", err)
	}
	resumed, err := Fit(context.Background(), net, s, r, Options{Seed: 1, Device: on, Resume: stopped.State})
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range whole.Params {
		for j, v := range p {
			if resumed.Params[i][j] != v {
				t.Fatalf("parameter %d, value %d: %v, without interruption %v", i, j, resumed.Params[i][j], v)
			}
		}
	}
}
