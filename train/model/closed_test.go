package model

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/recipe"
	"github.com/distillmesh/distillmesh/train/view"
)

func TestClosedFormsByName(t *testing.T) {
	shape := data.Shape{C: 1, H: 1, W: 2}
	samples := &data.Samples{Shape: shape, Classes: 2, X: []float32{1, 0, 0, 2}, Y: []int{0, 1}}
	for name, params := range map[string]int{"ntk:1": 0, "ridge": 4, "ridge:0.5": 4, "ridge:1e4": 4} {
		spec, err := Parse(name, shape, 2)
		if err != nil || spec.Iterative() || spec.NumParams() != params {
			t.Fatalf("%s: %+v, %v", name, spec, err)
		}
		m, err := spec.Fit(context.Background(), samples, recipe.Recipe{}, train.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if a, err := train.Evaluate(context.Background(), m, samples); err != nil || a.Correct != 2 {
			t.Errorf("%s: %+v right, error %v", name, a, err)
		}
		back, err := spec.Load(m.Tensors(), view.View{})
		if err != nil {
			t.Fatal(err)
		}
		want, _ := m.Logits(context.Background(), samples)
		if got, err := back.Logits(context.Background(), samples); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s read back scores %v, want %v (%v)", name, got, want, err)
		}
	}
	for _, name := range []string{"ntk:0", "ntk", "ridge:", "ridge:-1", "ridge:NaN", "ridge:1e99", "ridges"} {
		if _, err := Parse(name, shape, 2); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
