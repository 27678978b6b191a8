package artifact

import (
	"errors"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/data"
)

// Images that a code makes like a real sample are moved towards the mean of their class, and no others, if they are
// averages or learned; those that are real samples stay, and are called so.
func TestImagesNearARealOneAreMovedTowardsTheMean(t *testing.T) {
	r := blobs("DCT:20:0.5:0")
	usual := of(t, r).result // means, far from samples
	near := *usual.Images
	near.X = slices.Clone(usual.Images.X)
	copy(near.Row(1), r.Samples.Row(3)) // both of class 0
	size := r.Task.Shape.Size()
	for name, c := range map[string]struct {
		pixels PixelType
		images *data.Samples
		group  int
		moved  int
		real   bool
	}{
		"means":                           {r.Pixels, usual.Images, 10, 0, false},
		"a learned image like a real one": {r.Pixels, &near, 0, 1, false},
		"an average like a real one":      {r.Pixels, &near, 10, 1, false},
		"a real one":                      {r.Pixels, &near, 1, 0, true},
		"pixels":                          {U8, &near, 10, 0, true},
	} {
		q := r
		q.Pixels = c.pixels
		q.Method = given{r.Method, distill.Result{Images: c.images, SmallestGroup: c.group}}
		made := mustMake(t, q)
		if made.Moved != c.moved || made.Manifest.ContainsReal != c.real ||
			c.real != (made.Manifest.NearestReal < distill.RealThreshold) {
			t.Errorf("%s: %d moved, nearest_real %v", name, made.Moved, made.Manifest.NearestReal)
		}
		rounded, err := RoundTrip(c.images, c.pixels)
		if err != nil {
			t.Fatal(err)
		}
		for i := range rounded.Len() {
			alike := slices.Equal(rounded.Row(i), made.Samples.X[i*size:(i+1)*size])
			if alike == (i == 1 && c.moved > 0) {
				t.Errorf("%s: image %d is as it was: %t", name, i, alike)
			}
		}
	}
}

// Where a code tells hardly any samples apart, moving does not help: the images count as real.
func TestImagesThatACodeCannotKeepApartCountAsReal(t *testing.T) {
	r := blobs("DCT:1:1024:0")
	made := mustMake(t, r)
	if m := made.Manifest; made.Moved == 0 || !m.ContainsReal || m.NearestReal >= distill.RealThreshold {
		t.Errorf("%d moved, nearest_real %v", made.Moved, m.NearestReal)
	}
}

// A copy of a sample under another label, or changed so that it lies far from all samples of its
// class, counts as real in pixels, and is moved away in a code.
func TestChangedCopiesCountAsReal(t *testing.T) {
	r := blobs("DCT:20:0.5:0")
	means := of(t, r).result.Images
	size, width := r.Task.Shape.Size(), r.Task.Shape.W
	copied := func(change func(image []float32)) *data.Samples {
		images := *means
		images.X = slices.Clone(means.X)
		image := slices.Clone(r.Samples.Row(slices.Index(r.Samples.Y, 1)))
		change(image)
		copy(images.X[:size], image) // of class 0
		return &images
	}
	for name, images := range map[string]*data.Samples{
		"another label": copied(func([]float32) {}),
		"negated": copied(func(x []float32) {
			for i := range x {
				x[i] = 0.2 - x[i]
			}
		}),
		"of low contrast": copied(func(x []float32) {
			for i := range x {
				x[i] *= 0.3
			}
		}),
		"mirrored": copied(func(x []float32) {
			for i := 0; i < len(x); i += width {
				slices.Reverse(x[i : i+width])
			}
		}),
	} {
		q := r
		q.Pixels, q.Method = U8, given{r.Method, distill.Result{Images: images, SmallestGroup: 10}}
		m := mustMake(t, q).Manifest
		if m.NearestReal < distill.RealThreshold || m.NearestChanged == nil || !m.ContainsReal ||
			*m.NearestChanged > distill.ChangedThreshold/2 {
			t.Errorf("%s: %s, contains real samples: %t", name, m.Nearness(), m.ContainsReal)
		}
		q.Pixels = r.Pixels
		made := mustMake(t, q)
		if m := made.Manifest; made.Moved == 0 || m.ContainsReal {
			t.Errorf("%s, in a code: %d moved, %s", name, made.Moved, m.Nearness())
		}
	}
}

func TestImagesOfAClassWithoutSamplesAreRefused(t *testing.T) {
	r := blobs(U8)
	images := of(t, r).result.Images
	r.Method = given{r.Method, distill.Result{Images: images, SmallestGroup: 10}}
	var others []int
	for i, y := range r.Samples.Y {
		if y != images.Y[0] {
			others = append(others, i)
		}
	}
	r.Samples = r.Samples.Subset(others)
	if _, err := Make(t.Context(), r); !errors.Is(err, ErrClass) {
		t.Errorf("got %v", err)
	}
}
