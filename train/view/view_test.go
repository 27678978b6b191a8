package view

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/recipe"
	"github.com/distillmesh/distillmesh/train/spectrum"
)

func ramp(s data.Shape, n int) *data.Samples {
	out := &data.Samples{Shape: s, Classes: 2, X: make([]float32, n*s.Size()), Y: make([]int, n)}
	for i := range out.X {
		out.X[i] = float32(math.Sin(float64(i*i%97) + float64(i)/50))
	}
	return out
}

func TestAViewThatDoesNotSuitIsRefused(t *testing.T) {
	gray := data.Shape{C: 1, H: 28, W: 28}
	for _, c := range []struct {
		view  View
		shape data.Shape
		suits bool
	}{
		{View{}, gray, true},
		{View{}, data.Shape{C: 1, H: 1, W: 5}, true},
		{View{Coarse: 2}, gray, true},
		{View{Coarse: 3}, gray, false},
		{View{Coarse: 1}, gray, false},
		{View{Coarse: -2}, gray, false},
		{View{Band: 64}, gray, true},
		{View{Band: 784}, gray, true},
		{View{Band: 785}, gray, false},
		{View{Band: -1}, gray, false},
		{View{Band: 10}, data.Shape{C: 1, H: 7, W: 28}, false},
		{View{Band: 10}, data.Shape{C: 4, H: 28, W: 28}, false},
		{View{Coarse: 2, Band: 64}, gray, false},
	} {
		if err := c.view.Suits(c.shape); (err == nil) != c.suits || err != nil && !errors.Is(err, ErrView) {
			t.Errorf("%+v of %v: %v", c.view, c.shape, err)
		}
	}
}

// An image is seen alike alone, among others and twice; a view of everything changes
// nothing, and less of a band keeps less power.
func TestABandLimitIsAProjection(t *testing.T) {
	shape := data.Shape{C: 3, H: 12, W: 10}
	s := ramp(shape, 5)
	power := func(x []float32) (sum float64) {
		for _, v := range x {
			sum += float64(v) * float64(v)
		}
		return sum
	}
	before := power(s.X)
	for _, band := range []int{360, 200, 20, 1} {
		v := View{Band: band}
		seen := v.Samples(s)
		again := v.Samples(seen)
		alone := make([]float32, shape.Size())
		v.Open(shape).Show(s.Row(3), alone)
		for i := range seen.X {
			if math.Abs(float64(seen.X[i]-again.X[i])) > 1e-5 {
				t.Fatalf("band %d: value %d is %v, then %v", band, i, seen.X[i], again.X[i])
			}
			if band == 360 && math.Abs(float64(seen.X[i]-s.X[i])) > 1e-5 {
				t.Fatalf("all coefficients: value %d is %v, was %v", i, seen.X[i], s.X[i])
			}
		}
		if !slices.Equal(alone, seen.Row(3)) {
			t.Errorf("band %d: an image alone is seen as another", band)
		}
		if p := power(seen.X); p > before*(1+1e-5) {
			t.Errorf("band %d has the power %g, more before it %g", band, p, before)
		} else {
			before = p
		}
	}
}

func TestACoarseViewIsThatOfTiles(t *testing.T) {
	s := ramp(data.Shape{C: 1, H: 8, W: 8}, 2)
	f := data.NewFormation(2).SingleTile()
	if got, want := (View{Coarse: 2}).Samples(s), f.Decode(f.Down(s)); !slices.Equal(got.X, want.X) {
		t.Error("a coarse view differs from tiles, decoded")
	}
	if (View{}).Samples(s) != s {
		t.Error("the view of nothing copies")
	}
}

func TestARecipeSuitsImagesThatHaveItsView(t *testing.T) {
	gray := data.Shape{C: 1, H: 28, W: 28}
	for name, c := range map[string]struct {
		change func(*recipe.Recipe)
		shape  data.Shape
		suits  bool
	}{
		"a coarse view":                   {func(r *recipe.Recipe) { r.Coarse = 2 }, gray, true},
		"a factor that does not divide":   {func(r *recipe.Recipe) { r.Coarse = 2 }, data.Shape{C: 1, H: 27, W: 28}, false},
		"a coarse view of a table":        {func(r *recipe.Recipe) { r.Coarse = 2 }, data.Shape{C: 1, H: 1, W: 14}, false},
		"a band":                          {func(r *recipe.Recipe) { r.Band = 700 }, gray, true},
		"a band of three channels":        {func(r *recipe.Recipe) { r.Band = 2000 }, data.Shape{C: 3, H: 27, W: 28}, true},
		"more than there are":             {func(r *recipe.Recipe) { r.Band = 700 }, data.Shape{C: 1, H: 26, W: 26}, false},
		"a band of images that are small": {func(r *recipe.Recipe) { r.Band = 9 }, data.Shape{C: 1, H: 7, W: 800}, false},
		"augmentation of a table": {func(r *recipe.Recipe) { r.Augment = recipe.Affine },
			data.Shape{C: 1, H: 1, W: 14}, false},
	} {
		r := recipe.Default()
		c.change(&r)
		if err := CheckRecipe(r, c.shape); (err == nil) != c.suits || err != nil && !errors.Is(err, recipe.ErrUnsuited) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Package recipe knows no images; what it allows must be what these can show.
func TestARecipesViewsAreThoseOfImages(t *testing.T) {
	for factor := range recipe.MaxCoarse + 3 {
		r := recipe.Default()
		r.Coarse = factor
		if (r.Validate() == nil) != (Of(r).Check() == nil) {
			t.Errorf("factor %d: recipe says %v, view %v", factor, r.Validate(), Of(r).Check())
		}
	}
	for _, band := range []int{-1, 0, 1, spectrum.MaxCoefficients, spectrum.MaxCoefficients + 1} {
		r := recipe.Default()
		r.Band = band
		if (r.Validate() == nil) != (Of(r).Check() == nil) {
			t.Errorf("band %d: recipe says %v, view %v", band, r.Validate(), Of(r).Check())
		}
	}
}
