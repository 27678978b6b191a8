package distill_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/distilltest"
	"github.com/distillmesh/distillmesh/train/data"
)

func disclose(t *testing.T, images, local *data.Samples) distill.Disclosure {
	t.Helper()
	d, err := distill.Disclose(context.Background(), images, local, data.NewFormation(1))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestACopyIsFound(t *testing.T) {
	local := distilltest.Samples(data.Shape{C: 1, H: 5, W: 5}, 3, []int{0, 2}, 50)
	d := disclose(t, local.Subset([]int{7, 80}), local)
	if d.NearestReal() != 0 || !d.ContainsReal() || d.Nearest[0] != 7 || d.Nearest[1] != 80 {
		t.Errorf("ratios %v, nearest %v: want copies of samples 7 and 80", d.Ratio, d.Nearest)
	}
}

// A real sample hides in one tile of one stored image, at a quarter of its
// pixels, and is found there.
func TestACopyInATileIsFound(t *testing.T) {
	local := distilltest.Samples(data.Shape{C: 1, H: 8, W: 8}, 3, []int{0, 2}, 50)
	f := data.NewFormation(2)
	tiles := f.Down(local).Subset([]int{60, 61, 62, 63})
	for i := range tiles.X {
		if i/16 != 2 {
			tiles.X[i] += 2
		}
	}
	images, err := f.Pack(tiles)
	if err != nil {
		t.Fatal(err)
	}
	d, err := distill.Disclose(context.Background(), images, local, f)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Ratio) != 4 || d.Ratio[2] != 0 || d.Nearest[2] != 62 || !d.ContainsReal() || d.Ratio[1] < 1 {
		t.Errorf("ratios %v, nearest %v: want a copy of sample 62 in the third tile alone", d.Ratio, d.Nearest)
	}
	if _, err := distill.Disclose(context.Background(), images, local, data.NewFormation(3)); !errors.Is(err,
		data.ErrFormation) {
		t.Errorf("a formation that does not fit: %v", err)
	}
}

func TestTheMeanOfManyIsNoCopy(t *testing.T) {
	local := distilltest.Samples(data.Shape{C: 1, H: 5, W: 5}, 2, []int{0}, 60)
	mean := local.Subset([]int{0})
	for j := range mean.X {
		sum := float32(0)
		for i := range local.Len() {
			sum += local.Row(i)[j]
		}
		mean.X[j] = sum / float32(local.Len())
	}
	if d := disclose(t, mean, local); d.ContainsReal() {
		t.Errorf("the mean of 60 samples counts as real (%.3f)", d.NearestReal())
	}
}

func TestDegenerateClassesStillTellCopies(t *testing.T) {
	local := distilltest.Samples(data.Shape{C: 1, H: 2, W: 2}, 3, []int{0}, 1)
	if d := disclose(t, local, local); d.NearestReal() != 0 {
		t.Errorf("copy of a lone sample: %.3f", d.NearestReal())
	}
	unknown := &data.Samples{Shape: local.Shape, Classes: 3, X: local.X, Y: []int{1}}
	if d := disclose(t, unknown, local); d.NearestReal() != distill.MaxRatio {
		t.Errorf("class without local samples: %.3f, want the largest", d.NearestReal())
	}
}

// The decision is taken on the value that is written, whatever was measured.
func TestDecisionsAreTakenOnTheRoundedRatio(t *testing.T) {
	for ratio, want := range map[float64]float64{0.499949: 0.4999, 0.49995: 0.5, 0.49994999: 0.4999, 0.4999999: 0.5,
		0.5: 0.5, 0.50004: 0.5, 0: 0, 2e6: distill.MaxRatio,
		math.Inf(1): distill.MaxRatio, math.NaN(): 0} {
		d := distill.Disclosure{Ratio: []float64{7, ratio, 8}}
		if ratio > 7 {
			d.Ratio = []float64{ratio}
		}
		if got := d.NearestReal(); got != want || d.ContainsReal() != (want < distill.RealThreshold) {
			t.Errorf("%v: nearest_real %v, contains_real %t, want %v", ratio, got, d.ContainsReal(), want)
		}
	}
	if got := (distill.Disclosure{}).NearestReal(); got != distill.MaxRatio {
		t.Errorf("no images: %v", got)
	}
}
