package artifact

import (
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
)

func TestARecipeIsFollowedOnlyWhenAllSetsAgreeAndItIsModest(t *testing.T) {
	set := func(change func(r *train.Recipe)) *Set {
		r := train.DefaultRecipe()
		change(&r)
		return &Set{Manifest: Manifest{Recipe: &r, Images: ImagesInfo{Shape: [3]int{1, 28, 28}}}}
	}
	tiles := func(factor, side, coarse int) *Set {
		s := set(func(r *train.Recipe) { r.Coarse = coarse })
		s.Manifest.Formation, s.Manifest.Images.Shape = data.NewFormation(factor), [3]int{1, side, side}
		if side < 28 {
			s.Manifest.Formation = s.Manifest.Formation.Alone()
		}
		return s
	}
	plain := set(func(*train.Recipe) {})
	affine := set(func(r *train.Recipe) { r.Augment = "affine" })
	again := set(func(r *train.Recipe) { r.Augment = "affine" })
	for name, c := range map[string]struct {
		sets []*Set
		want bool
	}{
		"one set":          {[]*Set{affine}, true},
		"two that agree":   {[]*Set{affine, again}, true},
		"two that do not":  {[]*Set{affine, plain}, false},
		"one without":      {[]*Set{affine, {}}, false},
		"none":             {nil, false},
		"a million steps":  {[]*Set{set(func(r *train.Recipe) { r.MaxSteps, r.MinSteps = 1e6, 1e6 })}, false},
		"no step at all":   {[]*Set{set(func(r *train.Recipe) { r.Epochs, r.MinSteps = 0, 0 })}, false},
		"a rate of 1000":   {[]*Set{set(func(r *train.Recipe) { r.LR = 1000 })}, false},
		"a rate of naught": {[]*Set{set(func(r *train.Recipe) { r.LR = 1e-300 })}, false},
		"all weight":       {[]*Set{set(func(r *train.Recipe) { r.WeightDecay = 1000 })}, false},
		"an endless batch": {[]*Set{set(func(r *train.Recipe) { r.Batch = 1 << 16 })}, false},
		"mixed tables":     {[]*Set{{Manifest: Manifest{Recipe: set(func(r *train.Recipe) { r.CutMix = 0.5 }).Manifest.Recipe, Images: ImagesInfo{Shape: [3]int{1, 1, 13}}}}}, false},
		"mixed images":     {[]*Set{set(func(r *train.Recipe) { r.CutMix = 0.5 })}, true},
		"a coarse view":    {[]*Set{tiles(2, 28, 2)}, true},
		"of single tiles":  {[]*Set{tiles(2, 14, 2)}, true},
		"of other tiles":   {[]*Set{tiles(4, 28, 2)}, false},
		"of plain images":  {[]*Set{tiles(1, 28, 2)}, false},
	} {
		if got := RecommendedRecipe(c.sets, 80); (got != nil) != c.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestAFewSamplesAreASmallGroupWhateverTheMethod(t *testing.T) {
	images := &data.Samples{Shape: data.Shape{C: 1, H: 1, W: 2}, Classes: 2, X: []float32{1, 2, 3, 4}, Y: []int{0, 1}}
	local := func(first, second int) *data.Samples {
		s := &data.Samples{Shape: images.Shape, Classes: 2}
		for i := range first + second {
			s.X, s.Y = append(s.X, float32(i), float32(i*i)), append(s.Y, min(1, i/first))
		}
		return s
	}
	for _, c := range []struct{ first, second, own, want int }{
		{3, 20, 0, 3}, {20, 1, 0, 1}, {20, 9, 12, 9}, {20, 9, 2, 2}, {10, 10, 0, 0}, {10, 30, 10, 10},
	} {
		result := &distill.Result{Images: images, SmallestGroup: c.own}
		d, err := Draft(t.Context(), SetDraft{Result: result, Pixels: F32}, local(c.first, c.second))
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Result.SmallestGroup; got != c.want || result.SmallestGroup != c.own {
			t.Errorf("%d and %d samples, the method says %d: %d, want %d", c.first, c.second, c.own, got, c.want)
		}
	}
}
