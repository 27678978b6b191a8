package match

import (
	"math"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/distilltest"
	"github.com/distillmesh/distillmesh/distill/frequency"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/spectrum"
	"github.com/distillmesh/distillmesh/train/view"
)

// Bits of coefficients are pulled down in every step, the more the larger the weight: sets take fewer bytes. Tiles
// have none.
func TestTheBitWeightMakesSetsSmaller(t *testing.T) {
	local := digits(t, distilltest.Fewer(20, 60))
	code := spectrum.Code{Shape: local.Shape, K: 100, Step: 1}
	learned := func(weight float64, code *spectrum.Code) *data.Samples {
		m := quick()
		m.BitWeight = weight
		r, err := m.Distill(t.Context(), distill.Request{Samples: local, IPC: 6, Seed: 2, Code: code})
		if err != nil {
			t.Fatal(err)
		}
		return r.Images
	}
	last, first := math.MaxInt, 0
	for _, weight := range []float64{0, 0.3, 3} {
		bytes, err := frequency.Rate(code, learned(weight, &code))
		if err != nil || bytes >= last {
			t.Errorf("bit weight %g: %d bytes after %d, %v", weight, bytes, last, err)
		}
		if last = bytes; weight == 0 {
			first = bytes
		}
	}
	if last > first*3/4 {
		t.Errorf("a large weight leaves %d bytes of %d", last, first)
	}
	if !slices.Equal(learned(0, nil).X, learned(3, nil).X) {
		t.Error("tiles depend on the bit weight")
	}
}

// Images that are learned for a code have its coefficients alone, within the range of those of the samples.
func TestImagesForACodeHaveItsCoefficients(t *testing.T) {
	local := small()
	code := spectrum.Code{Shape: local.Shape, K: 20, Step: 0.25}
	dm, dsa, dc := quick(), quickGM(true), quickGM(false)
	dm.Rate, dsa.Rate, dc.Rate = 2, 2, 2 // enough to leave the range
	for _, m := range []distill.Method{dm, dsa, dc} {
		r, err := m.Distill(t.Context(), distill.Request{Samples: local, IPC: 2, Seed: 2, Code: &code})
		if err != nil {
			t.Fatal(err)
		}
		limited := view.View{Band: code.K}.Samples(r.Images)
		for i, v := range r.Images.X {
			if math.Abs(float64(v-limited.X[i])) > 1e-4 {
				t.Fatalf("%s: value %d is %g, by %d coefficients %g", m.Name(), i, v, code.K, limited.X[i])
			}
		}
		q, err := code.Open()
		if err != nil {
			t.Fatal(err)
		}
		real, err := q.Forward(local.X)
		made, err2 := q.Forward(r.Images.X)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		for i, v := range made {
			low, high := math.Inf(1), math.Inf(-1)
			for j := i % code.K; j < len(real); j += code.K {
				low, high = min(low, float64(real[j])), max(high, float64(real[j]))
			}
			if float64(v) < low-1e-4 || float64(v) > high+1e-4 {
				t.Fatalf("%s: coefficient %d is %g, those of samples %g to %g", m.Name(), i%code.K, v, low, high)
			}
		}
	}
}
