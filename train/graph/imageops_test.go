package graph

import (
	"fmt"
	"math"
	"testing"
)

// Worked by hand from PyTorch's definitions.
func TestResponseNormAndPaddedPoolingAreThoseOfPyTorch(t *testing.T) {
	g := New()
	x := Input(g, "x", 1, 3, 1, 1)
	feeds := map[*Node][]float64{x: {1, 2, 3}}
	got, err := Reference(feeds, LocalResponseNorm(x, 4, 0.4, 0.75, 1))
	if err != nil {
		t.Fatal(err)
	}
	// Channel c sees c-2 .. c+1.
	for c, sum := range []float64{5, 14, 14} {
		want := float64(c+1) / math.Pow(1+0.1*sum, 0.75)
		if math.Abs(got[0][c]-want) > 1e-12 {
			t.Errorf("channel %d: %v, want %v", c, got[0][c], want)
		}
	}
	m := Input(g, "m", 1, 1, 4, 4)
	feeds[m] = []float64{-1, -2, -3, -4, -5, -6, -7, -8, -9, -10, -11, -12, -13, -14, -15, -16}
	got, err = Reference(feeds, MaxPoolPadded(m, 3, 2, 1))
	if err != nil || fmt.Sprint(got[0]) != "[-1 -2 -5 -6]" {
		t.Errorf("padded max-pool gives %v (%v)", got, err)
	}
}

// Doubling a row by Warp is bilinear up-sampling with half-pixel centers.
func TestWarpUpSamplesWithHalfPixelCenters(t *testing.T) {
	g := New()
	x, taps := Input(g, "x", 1, 1, 1, 3), Input(g, "taps", 1, 6)
	feeds := map[*Node][]float64{x: {0, 4, 8}, taps: {1, 0, 0, 0, 1, 0}}
	got, err := Reference(feeds, Warp(x, taps, Sampling{H: 1, W: 6, Border: true}))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{0, 1, 3, 5, 7, 8} {
		if math.Abs(got[0][i]-want) > 1e-12 {
			t.Errorf("pixel %d: %v, want %v", i, got[0][i], want)
		}
	}
}

func TestShapeMistakesOfImageOperationsBecomeErrors(t *testing.T) {
	for name, f := range map[string]func(x, v *Node){
		"mean-pool":     func(x, v *Node) { MeanPool(x, 5) },
		"global mean":   func(x, v *Node) { GlobalMean(v) },
		"pad":           func(x, v *Node) { Pad(v, 1, 0) },
		"crop":          func(x, v *Node) { Crop(x, 2) },
		"pool margin":   func(x, v *Node) { MaxPoolPadded(x, 2, 2, 2) },
		"instance norm": func(x, v *Node) { InstanceNorm(x, v, v) },
		"response norm": func(x, v *Node) { LocalResponseNorm(v, 3, 1, 1, 1) },
		"warp":          func(x, v *Node) { Warp(x, v, Sampling{}) },
		"warp of rows":  func(x, v *Node) { Warp(v, v, Sampling{H: 2, W: 2}) },
	} {
		err := func() (err error) {
			defer Catch(&err)
			g := New()
			f(Input(g, "x", 2, 3, 4, 4), Input(g, "v", 4))
			return nil
		}()
		if err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
