package train

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/gpu"
	"github.com/distillmesh/distillmesh/train/gpu/cudatest"
	"github.com/distillmesh/distillmesh/train/recipe"
)

func TestMain(m *testing.M) { cudatest.Main(m) }

// What was done before a GPU is lost is in the last checkpoint, from which the same GPU goes on to the same bits.
func TestATrainingWhoseGPUIsLostResumesBitForBit(t *testing.T) {
	driver := cudatest.New(t)
	s := blobs(8, data.Shape{C: 1, H: 8, W: 8}, 3, false)
	net := network(t, "convnet3:2", s)
	r := recipe.Recipe{Optimizer: recipe.SGD, LR: 0.01, Batch: 4, MinSteps: 5, MaxSteps: 5}
	on := device.Choice{Name: "cuda:0"}
	whole, err := Fit(context.Background(), net, s, r, Options{Seed: 1, Device: on})
	if err != nil {
		t.Fatal(err)
	}
	var state []byte
	opt := Options{Seed: 1, Device: on, CheckpointEvery: 2, Checkpoint: func(now []byte) error {
		if state == nil {
			driver.Fail("kernel", 20, 702) // within the steps that come
		}
		state = slices.Clone(now)
		return nil
	}}
	if _, err := Fit(context.Background(), net, s, r, opt); !errors.Is(err, gpu.ErrLost) || state == nil {
		t.Fatalf("a watchdog ended a kernel: %v, a state of %d bytes", err, len(state))
	}
	resumed, err := Fit(context.Background(), net, s, r, Options{Seed: 1, Device: on, Resume: state})
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range whole.Params {
		if !slices.Equal(p, resumed.Params[i]) {
			t.Errorf("parameter %d differs from that of a training without interruption", i)
		}
	}
}
