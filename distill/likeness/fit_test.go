package likeness

import (
	"math"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
)

func TestSolveSolvesAndRefusesWhatIsSingular(t *testing.T) {
	want := [5]float64{1, -2, 3, 0.5, -0.25}
	var m [5][6]float64
	for i := range m {
		for j := range want {
			m[i][j] = float64((i*7+j*3)%11) - 4
			m[i][5] += m[i][j] * want[j]
		}
	}
	got, ok := solve(m)
	for i := range want {
		if !ok || math.Abs(got[i]-want[i]) > 1e-9 {
			t.Fatalf("%v, %t; want %v", got, ok, want)
		}
	}
	m[3] = m[1]
	if _, ok := solve(m); ok {
		t.Error("equal rows are solved")
	}
}

// A fit finds a shift of parts of a pixel, and never leaves its reach.
func TestAFitFindsPartsOfAPixel(t *testing.T) {
	s := data.Shape{C: 1, H: 16, W: 16}
	local := blobs(50, s, 4)
	f := open(t, local, pixels(s))
	moved := warped(local.Row(9), s, 1, 0, 0, 1, 0.4, -0.6)
	fits := f.fit(f.sketch.draw(moved), []candidate{{sample: 9, move: 12}, {sample: 3, move: 0}})
	if f.moves[12] != still {
		t.Fatalf("move 12 is %v", f.moves[12])
	}
	best := fits[0]
	if best.sample != 9 || math.Abs(best.best[0]-0.4) > 0.05 || math.Abs(best.best[1]+0.6) > 0.05 || best.distance > 0.05 {
		t.Errorf("sample %d at %v, distance %.3f", best.sample, best.best, best.distance)
	}
	for _, fit := range fits {
		for i, v := range fit.at {
			if math.Abs(v) > reach[i] {
				t.Errorf("parameter %d of sample %d is %g", i, fit.sample, v)
			}
		}
	}
}

func TestMoreValuesAreSketchedOfLargeImagesOnly(t *testing.T) {
	for _, c := range []struct {
		shape            data.Shape
		length, searched int
		frequencies      bool
	}{
		{data.Shape{C: 3, H: 32, W: 32}, sketched, searched, true},
		{data.Shape{C: 1, H: 8, W: 8}, 64, searched, true},
		{data.Shape{C: 1, H: 7, W: 9}, 63, 63, false},
		{data.Shape{C: 1, H: 1, W: 30}, 30, 30, false},
	} {
		k, err := newSketcher(c.shape)
		if err != nil || k.length != c.length || k.searched != c.searched || (k.low != nil) != c.frequencies {
			t.Errorf("%v: %+v, %v", c.shape, k, err)
		}
		if len(k.even)+len(k.odd) != k.searched {
			t.Errorf("%v: %d even and %d odd values of %d", c.shape, len(k.even), len(k.odd), k.searched)
		}
	}
}
