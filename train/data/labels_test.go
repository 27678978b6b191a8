package data

import (
	"math"
	"slices"
	"testing"
)

func one(soft []float32, y int) *Samples {
	return &Samples{Shape: Shape{1, 1, 1}, Classes: 4, X: []float32{0}, Y: []int{y}, Soft: soft}
}

func TestLabelsMeanTheSameMergedAndAlone(t *testing.T) {
	hard := one(nil, 2)
	teacher := one([]float32{.1, .2, .6, .1}, 2)
	learned := one([]float32{-.3, -.2, .8, -.25}, 2)
	merged, err := Merge(hard, teacher, learned)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		alone                  *Samples
		probabilities, targets []float32
	}{
		{hard, []float32{0, 0, 1, 0}, []float32{-.25, -.25, .75, -.25}},
		{teacher, []float32{.1, .2, .6, .1}, []float32{-.15, -.05, .35, -.15}},
		{learned, []float32{0, 0, 1, 0}, []float32{-.3, -.2, .8, -.25}},
	} {
		for name, s := range map[string]*Samples{"alone": c.alone, "merged": merged} {
			at := 0
			if s == merged {
				at = i
			}
			p, r := make([]float32, 4), make([]float32, 4)
			s.Probabilities(at, p)
			s.RegressionTarget(at, r)
			near := func(a, b float32) int {
				if math.Abs(float64(a-b)) < 1e-6 {
					return 0
				}
				return 1
			}
			if slices.CompareFunc(p, c.probabilities, near) != 0 || slices.CompareFunc(r, c.targets, near) != 0 {
				t.Errorf("row %d, %s: probabilities %v, targets %v, want %v, %v", i, name, p, r, c.probabilities, c.targets)
			}
		}
	}
}

func TestRowsThatAreNoDistribution(t *testing.T) {
	nan := float32(math.NaN())
	for _, row := range [][]float32{{.5, .6}, {1.5, -.5}, {0, 0}, {nan, 1}} {
		if IsDistribution(row) {
			t.Errorf("%v counts as a distribution", row)
		}
	}
	if !IsDistribution([]float32{.3, .7}) {
		t.Error("0.3, 0.7 does not count as a distribution")
	}
}
