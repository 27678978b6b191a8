package distilltest

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/spectrum"
)

// Coded is a code for small images: not all coefficients, in steps that differ.
func Coded(s data.Shape) *spectrum.Code { return &spectrum.Code{Shape: s, K: 24, Step: 0.25, Power: 1} }

// coarser is another code for the samples of a request, which keeps as many coefficients.
func coarser(req distill.Request) *spectrum.Code {
	out := *Coded(req.Samples.Shape)
	out.Step *= 2
	return &out
}

// checkStateOfAnotherCode resumes a state that was made for one code with another: it is refused, unless the
// method makes the same images for every code.
func checkStateOfAnotherCode(t *testing.T, m distill.Method, req distill.Request) {
	t.Helper()
	req.Code = coarser(req)
	resumed, err := m.Distill(context.Background(), req)
	if errors.Is(err, checkpoint.ErrState) {
		return
	}
	req.Resume = nil
	whole, err2 := m.Distill(context.Background(), req)
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	if !slices.Equal(resumed.Images.X, whole.Images.X) || !reflect.DeepEqual(resumed.Recipe, whole.Recipe) {
		t.Error("the state of another code was resumed, and gives other images than without")
	}
}

// checkCoded checks what holds for every method when its images will be written by a code.
func checkCoded(t *testing.T, m distill.Method, local *data.Samples) {
	t.Helper()
	req := distill.Request{Samples: local, IPC: 2, Seed: 9, Code: Coded(local.Shape)}
	do := func(t *testing.T, req distill.Request) *distill.Result {
		t.Helper()
		r, err := m.Distill(context.Background(), req)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	t.Run("plain ones, as its outline says", func(t *testing.T) {
		r := do(t, req)
		checkImages(t, r, local, 2)
		o, err := m.Outline(req)
		if err != nil || o.Formation != data.NewFormation(1) || r.Formation.OrDefault() != o.Formation ||
			!reflect.DeepEqual(o.Recipe, r.Recipe) || o.Consumer != r.Consumer || o.Soft != (r.Images.Soft != nil) {
			t.Errorf("%+v beforehand (%v), then %+v, %+v", o, err, r.Formation, r.Recipe)
		}
		if o.Recipe != nil && (o.Recipe.Coarse != 0 || o.Recipe.Band != 0 && o.Recipe.Band != req.Code.K) {
			t.Errorf("networks see them by 1/%d of the resolution, %d coefficients", o.Recipe.Coarse, o.Recipe.Band)
		}
	})
	t.Run("the same bits for any number of workers", func(t *testing.T) {
		want := do(t, req).Images
		for _, workers := range Fewer([]int{3}, []int{1, 3}) {
			other := req
			other.Device = device.Choice{Workers: workers}
			if got := do(t, other).Images; !slices.Equal(got.X, want.X) || !slices.Equal(got.Soft, want.Soft) {
				t.Errorf("other bits with %d workers", workers)
			}
		}
	})
	t.Run("going on where it was interrupted", func(t *testing.T) { checkResume(t, m, req) })
	t.Run("unless tiles or other images are asked for", func(t *testing.T) {
		tiles, other := req, req
		tiles.Formation = 2
		if _, err := m.Distill(context.Background(), tiles); !errors.Is(err, data.ErrFormation) {
			t.Errorf("tiles: %v", err)
		}
		for what, c := range map[string]spectrum.Code{
			"of larger images":     {Shape: data.Shape{C: 1, H: 12, W: 8}, K: 24, Step: 1},
			"of turned images":     {Shape: data.Shape{C: 1, H: 8, W: 10}, K: 24, Step: 1},
			"of no coefficient":    {Shape: local.Shape, Step: 1},
			"of more than all":     {Shape: local.Shape, K: local.Shape.Size() + 1, Step: 1},
			"of a step that is 0":  {Shape: local.Shape, K: 24},
			"of a power below one": {Shape: local.Shape, K: 24, Step: 1, Power: -1},
		} {
			other.Code = &c
			if _, err := m.Distill(context.Background(), other); !errors.Is(err, spectrum.ErrSpectrum) {
				t.Errorf("a code %s: %v", what, err)
			}
		}
	})
}
