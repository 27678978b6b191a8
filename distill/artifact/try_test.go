package artifact

import (
	"errors"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
)

func TestASetThatIsTriedHoldsWhatIsWritten(t *testing.T) {
	for _, pixels := range []PixelType{U4, U8, F16, F32, "DCT:20:0.5:0"} {
		r := blobs(pixels)
		picked := of(t, r)
		picked.result = distill.Result{Images: r.Samples.Subset([]int{0, 5, 40, 45}), SmallestGroup: 1}
		r.Method = real{picked}
		made, tried := mustMake(t, r), mustTry(t, r)
		if !slices.Equal(made.Samples.X, tried.Samples.X) || !slices.Equal(made.Samples.Y, tried.Samples.Y) ||
			made.Payload != tried.Payload || !tried.Manifest.ContainsReal {
			t.Errorf("%s: tried %d bytes %+v, made %d bytes", pixels, tried.Payload, tried.Manifest, made.Payload)
		}
		want, got := Recommend([]*Set{&made.Set}), Recommend([]*Set{tried})
		if want.Recipe != got.Recipe {
			t.Errorf("%s: recommends %+v, want %+v", pixels, got.Recipe, want.Recipe)
		}
	}
	if _, err := Try(t.Context(), blobs(U8)); !errors.Is(err, ErrPicked) {
		t.Errorf("a set of averages: %v", err)
	}
}

// real is a method that says that its images are samples.
type real struct{ given }

func (r real) Outline(req distill.Request) (distill.Outline, error) {
	o, err := r.given.Outline(req)
	o.Real = true
	return o, err
}

func mustTry(t *testing.T, r Request) *Set {
	t.Helper()
	set, err := Try(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return set
}
