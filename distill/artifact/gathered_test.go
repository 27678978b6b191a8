package artifact

import (
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/coreset"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/recipe"
)

func TestTheRecipeOfMostSetsIsFollowedWhenItIsModest(t *testing.T) {
	set := func(change func(r *recipe.Recipe)) *Set {
		r := recipe.Default()
		change(&r)
		return &Set{Manifest: Manifest{Recipe: &r, Formation: data.NewFormation(1),
			Images: ImagesInfo{Count: 10, Shape: [3]int{1, 28, 28}}}}
	}
	tiles := func(factor, side, coarse int) *Set {
		s := set(func(r *recipe.Recipe) { r.Coarse = coarse })
		s.Manifest.Formation, s.Manifest.Images.Shape = data.NewFormation(factor), [3]int{1, side, side}
		if side < 28 {
			s.Manifest.Formation = s.Manifest.Formation.SingleTile()
		}
		return s
	}
	plain := set(func(*recipe.Recipe) {})
	affine := set(func(r *recipe.Recipe) { r.Augment = "affine" })
	again := set(func(r *recipe.Recipe) { r.Augment = "affine" })
	without := &Set{Manifest: Manifest{Formation: data.NewFormation(1),
		Images: ImagesInfo{Count: 10, Shape: [3]int{1, 28, 28}}}}
	coarse := recipe.Default()
	coarse.Coarse = 2
	for name, c := range map[string]struct {
		sets []*Set
		want recipe.Recipe
		note string // part of it
	}{
		"one set":         {[]*Set{affine}, *affine.Manifest.Recipe, ""},
		"two that agree":  {[]*Set{affine, again}, *affine.Manifest.Recipe, ""},
		"two that do not": {[]*Set{affine, plain}, recipe.Default(), "different recipes"},
		"two of three":    {[]*Set{affine, plain, again}, *affine.Manifest.Recipe, "following that of most"},
		"one without":     {[]*Set{affine, without}, recipe.Default(), "different recipes"},
		"all without":     {[]*Set{without, without}, recipe.Default(), ""},
		"none":            {nil, recipe.Default(), ""},
		"a million steps": {[]*Set{set(func(r *recipe.Recipe) { r.MaxSteps, r.MinSteps = 1e6, 1e6 })},
			recipe.Default(), "asks for more"},
		"no step at all": {[]*Set{set(func(r *recipe.Recipe) { r.Epochs, r.MinSteps = 0, 0 })}, recipe.Default(),
			"asks for more"},
		"a rate of 1000":   {[]*Set{set(func(r *recipe.Recipe) { r.LR = 1000 })}, recipe.Default(), "asks for more"},
		"a rate of naught": {[]*Set{set(func(r *recipe.Recipe) { r.LR = 1e-300 })}, recipe.Default(), "asks for more"},
		"hardly a step": {[]*Set{set(func(r *recipe.Recipe) { r.Epochs, r.MinSteps, r.MaxSteps = 0, 1, 1 })},
			recipe.Default(), "teaches nothing"},
		"torn apart": {[]*Set{set(func(r *recipe.Recipe) { r.Elastic = 8 })}, recipe.Default(), "teaches nothing"},
		"bent": {[]*Set{set(func(r *recipe.Recipe) { r.Elastic = 7 })},
			*set(func(r *recipe.Recipe) { r.Elastic = 7 }).Manifest.Recipe, ""},
		"labels smoothed away": {[]*Set{set(func(r *recipe.Recipe) { r.Smooth = 0.999 })}, recipe.Default(),
			"teaches nothing"},
		"all weight": {[]*Set{set(func(r *recipe.Recipe) { r.WeightDecay = 1000 })}, recipe.Default(),
			"asks for more"},
		"an endless batch": {[]*Set{set(func(r *recipe.Recipe) { r.Batch = 1 << 16 })}, recipe.Default(),
			"asks for more"},
		"mixed tables": {[]*Set{{Manifest: Manifest{Recipe: set(func(r *recipe.Recipe) { r.CutMix = 0.5 }).Manifest.Recipe,
			Formation: data.NewFormation(1), Images: ImagesInfo{Count: 10, Shape: [3]int{1, 1, 13}}}}}, recipe.Default(), ""},
		"mixed images": {[]*Set{set(func(r *recipe.Recipe) { r.CutMix = 0.5 })},
			*set(func(r *recipe.Recipe) { r.CutMix = 0.5 }).Manifest.Recipe, ""},
		"a coarse view":   {[]*Set{tiles(2, 28, 2)}, coarse, ""},
		"of single tiles": {[]*Set{tiles(2, 14, 2)}, coarse, ""},
		"of other tiles":  {[]*Set{tiles(4, 28, 2)}, recipe.Default(), ""},
		"of plain images": {[]*Set{tiles(1, 28, 2)}, recipe.Default(), ""},
		"a view in common": {[]*Set{tiles(2, 28, 2), {Manifest: Manifest{Recipe: &recipe.Recipe{Optimizer: recipe.Adam,
			LR: 0.01, Batch: 10, MinSteps: 100, Coarse: 2},
			Formation: data.NewFormation(2), Images: ImagesInfo{Count: 10,
				Shape: [3]int{1, 28, 28}}}}}, coarse, "different recipes"},
	} {
		own := c.note == "" && len(c.sets) > 0 && c.sets[0].Manifest.Recipe != nil &&
			c.want == *c.sets[0].Manifest.Recipe || strings.Contains(c.note, "following")
		if got := Recommend(c.sets); got.Recipe != c.want || got.Own != own || (got.Note == "") != (c.note == "") ||
			!strings.Contains(got.Note, c.note) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// Sets of codes with different numbers of coefficients agree on the largest, in whatever order they come, if all
// have a band; how most were seen otherwise decides.
func TestSetsOfDifferentCodesAgreeOnOneBand(t *testing.T) {
	set := func(augment string, band int) *Set {
		r := recipe.Usual(augment, 28, 28)
		r.Band = band
		return &Set{Manifest: Manifest{Recipe: &r, Formation: data.NewFormation(1),
			Images: ImagesInfo{Count: 10, Shape: [3]int{1, 28, 28}}}}
	}
	for name, c := range map[string]struct {
		sets []*Set
		band int
		own  bool
	}{
		"one code":                 {[]*Set{set("affine", 64), set("affine", 64)}, 64, true},
		"the widest first":         {[]*Set{set("affine", 144), set("affine", 64), set("affine", 100)}, 144, true},
		"the widest between":       {[]*Set{set("affine", 64), set("affine", 144), set("affine", 100)}, 144, true},
		"the widest last":          {[]*Set{set("affine", 64), set("affine", 100), set("affine", 144)}, 144, true},
		"most of one code":         {[]*Set{set("affine", 64), set("affine", 64), set("affine", 144)}, 64, true},
		"different recipes":        {[]*Set{set("affine", 64), set("mild", 144)}, 144, false},
		"one without a band":       {[]*Set{set("affine", 64), set("affine", 0), set("affine", 144)}, 0, false},
		"more than an image holds": {[]*Set{set("affine", 785), set("affine", 64)}, 0, false},
	} {
		if got := Recommend(c.sets); got.Recipe.Band != c.band || got.Own != c.own || got.Recipe.Validate() != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestAFewSamplesAreASmallGroupWhateverTheMethod(t *testing.T) {
	images := &data.Samples{Shape: data.Shape{C: 1, H: 1, W: 2}, Classes: 2, X: []float32{1, 2, 3, 4}, Y: []int{0, 1}}
	task := &data.Task{Version: data.TaskVersion, Name: "pairs", Classes: []string{"a", "b"}, Shape: images.Shape,
		Mean: []float64{0, 0}, Std: []float64{1, 1}}
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
		m := given{Method: coreset.Random{}, result: distill.Result{Images: images, SmallestGroup: c.own}}
		made := mustMake(t, Request{Request: distill.Request{Samples: local(c.first, c.second), IPC: 1}, Task: task,
			Method: m, Pixels: F32})
		if got := made.Manifest.SmallestGroup; got != c.want {
			t.Errorf("%d and %d samples, the method says %d: %d, want %d", c.first, c.second, c.own, got, c.want)
		}
	}
}
