package frequency

import (
	"fmt"
	"math"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/spectrum"
)

// codes are those that the properties are tested for: square and not, grey and in
// color, all coefficients and few.
var codes = []spectrum.Code{
	codeOf(data.Shape{C: 1, H: 8, W: 8}, 64, 0.5, 0), codeOf(data.Shape{C: 1, H: 28, W: 28}, 64, 2, 2),
	codeOf(data.Shape{C: 3, H: 32, W: 32}, 300, 1, 3), codeOf(data.Shape{C: 1, H: 8, W: 21}, 168, 3, 4),
	codeOf(data.Shape{C: 3, H: 40, W: 13}, 1560, 0.25, 1), codeOf(data.Shape{C: 3, H: 64, W: 64}, 2000, 4, 2),
}

// codeOf is a code of images of a shape.
func codeOf(s data.Shape, k int, step float32, power int) spectrum.Code {
	return spectrum.Code{Shape: s, K: k, Step: step, Power: power}
}

func name(c spectrum.Code) string { return fmt.Sprintf("%v, %d coefficients", c.Shape, c.K) }

func opened(t testing.TB, c spectrum.Code) *Coder {
	t.Helper()
	out, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// noise are standard normal values.
func noise(n int, seed uint64) []float32 {
	rng, out := data.Stream(seed, "frequency-test"), make([]float32, n)
	for i := range out {
		out[i] = float32(rng.NormFloat64())
	}
	return out
}

// Tables must be the same wherever exp and log round a little differently.
func TestNoEntryOfTheTablesLiesNearABoundary(t *testing.T) {
	near := func(v float64) bool { return math.Abs(v-math.Round(v)) < 1e-8 }
	for i := range squash {
		if v := exactSquash(i); near(v) && v != one/2 {
			t.Errorf("squash %d is %v", i, v)
		}
	}
	for i := range stretch {
		if v := exactStretch(i) + 0.5; near(v) {
			t.Errorf("stretch %d is %v", i, v)
		}
	}
}

func farthestApart(a, b []float32) (most float64) {
	for i := range a {
		most = math.Max(most, math.Abs(float64(a[i])-float64(b[i])))
	}
	return most
}
