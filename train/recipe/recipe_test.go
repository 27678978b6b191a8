package recipe

import (
	"math"
	"testing"
)

func TestRecipeCountsSteps(t *testing.T) {
	for name, c := range map[string]struct {
		recipe  Recipe
		n, want int
	}{
		"small sets get the least":      {Default(), 20, 500},
		"in between, epochs count":      {Default(), 120, 1500},
		"large sets get the most":       {Default(), 60000, 5000},
		"the full-data recipe is fixed": {FullData(), 60000, 2000},
		"no limit":                      {Recipe{Batch: 10, Epochs: 3}, 101, 33},
	} {
		if got := c.recipe.Steps(c.n); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	for _, spoil := range []func(r *Recipe){
		func(r *Recipe) { r.Optimizer = "lion" }, func(r *Recipe) { r.LR = math.NaN() }, func(r *Recipe) { r.LR = 0 },
		func(r *Recipe) { r.Momentum = 0.9 }, func(r *Recipe) { r.WeightDecay = -1 }, func(r *Recipe) { r.Batch = 0 },
		func(r *Recipe) { r.Epochs = -1 }, func(r *Recipe) { r.MinSteps = 9999 }, func(r *Recipe) { r.MaxSteps = -1 },
		func(r *Recipe) { r.Augment = "flop" }, func(r *Recipe) { r.Schedule = "steps" },
		func(r *Recipe) { r.CutMix = 1.5 }, func(r *Recipe) { r.CutMix = math.NaN() },
		func(r *Recipe) { r.Elastic = -1 }, func(r *Recipe) { r.Elastic = math.Inf(1) }, func(r *Recipe) { r.Smooth = 1 },
		func(r *Recipe) { r.Smooth = math.NaN() },
		func(r *Recipe) { r.Coarse = 1 }, func(r *Recipe) { r.Coarse = -2 }, func(r *Recipe) { r.Coarse = MaxCoarse + 1 },
		func(r *Recipe) { r.Band = -1 }, func(r *Recipe) { r.Band, r.Coarse = 64, 2 },
	} {
		r := Default()
		spoil(&r)
		if r.Validate() == nil {
			t.Errorf("accepted %+v", r)
		}
	}
}

func TestTheRateFallsAsHalfACosine(t *testing.T) {
	r := Recipe{LR: 0.5}
	if r.Rate(3, 4) != 0.5 {
		t.Error("without a schedule the rate is not constant")
	}
	r.Schedule = Cosine
	for step, want := range []float64{0.5, 0.4267767, 0.25, 0.0732233, 0} {
		if got := r.Rate(step, 4); math.Abs(got-want) > 1e-7 {
			t.Errorf("rate of step %d of 4 is %v, want %v", step, got, want)
		}
	}
}
