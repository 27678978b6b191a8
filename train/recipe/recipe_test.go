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
		func(r *Recipe) { r.Smooth = math.NaN() }, func(r *Recipe) { r.Schedule = Stepwise },
		func(r *Recipe) { r.Drop = 0.5 }, func(r *Recipe) { r.Schedule, r.Drop = Stepwise, math.NaN() },
		func(r *Recipe) { r.Schedule, r.Drop = Stepwise, 1.5 }, func(r *Recipe) { r.Mix = MixUp },
		func(r *Recipe) { r.MixBeta = 1 }, func(r *Recipe) { r.Mix, r.MixBeta = "both", 1 },
		func(r *Recipe) { r.Mix, r.MixBeta = MixUp, math.Inf(1) },
		func(r *Recipe) { r.Mix, r.MixBeta, r.CutMix = MixCut, 1, 0.5 },
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

func TestTheRateFollowsItsSchedule(t *testing.T) {
	for name, c := range map[string]struct {
		schedule string
		drop     float64
		want     []float64 // of steps 0 to 4 of 4
	}{
		"constant":                             {"", 0, []float64{0.5, 0.5, 0.5, 0.5, 0.5}},
		"to zero as half a cosine":             {Cosine, 0, []float64{0.5, 0.4267767, 0.25, 0.0732233, 0}},
		"to half as a quarter of a wave":       {HalfCosine, 0, []float64{0.5, 0.4809699, 0.4267767, 0.3456709, 0.25}},
		"a tenth at half of the training":      {Stepwise, 0.5, []float64{0.5, 0.5, 0.05, 0.05, 0.005}},
		"a tenth at every third, between them": {Stepwise, 1. / 3, []float64{0.5, 0.5, 0.05, 0.005, 0.0005}},
	} {
		r := Recipe{LR: 0.5, Schedule: c.schedule, Drop: c.drop}
		for step, want := range c.want {
			if got := r.Rate(step, 4); math.Abs(got-want) > 1e-7 {
				t.Errorf("%s: rate of step %d of 4 is %v, want %v", name, step, got, want)
			}
		}
	}
}
