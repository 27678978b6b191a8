package view

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
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
