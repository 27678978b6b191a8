package likeness

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/kernel"
)

// blobs are smooth images: five bright spots each, at random places.
func blobs(n int, s data.Shape, seed uint64) *data.Samples {
	rng := rand.New(rand.NewPCG(seed, 1))
	out := &data.Samples{Shape: s, Classes: 2, X: make([]float32, n*s.Size())}
	for i := range n {
		out.Y = append(out.Y, i%2)
		for range 5 {
			x, y, c := 3+rng.Float64()*float64(s.W-6), 3+rng.Float64()*float64(s.H-6), rng.IntN(s.C)
			for j := range s.H * s.W {
				dx, dy := float64(j%s.W)-x, float64(j/s.W)-y
				out.Row(i)[c*s.H*s.W+j] += float32(math.Exp(-(dx*dx + dy*dy) / 4))
			}
		}
	}
	return out
}

// pixels publishes whole images as they are.
func pixels(s data.Shape) Publishing {
	return Publishing{
		Present: func(images []float32) ([]float32, error) { return images, nil },
		Center: func(row []float32) {
			for c := range s.C {
				plane, sum := row[c*s.H*s.W:(c+1)*s.H*s.W], 0.0
				for _, v := range plane {
					sum += float64(v)
				}
				for j := range plane {
					plane[j] -= float32(sum / float64(len(plane)))
				}
			}
		},
	}
}

// open searches among samples until the test ends.
func open(t *testing.T, s *data.Samples, p Publishing) *Finder {
	t.Helper()
	f, err := Open(s, p)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// ratioOf is the ratio of one image.
func ratioOf(t *testing.T, f *Finder, shown, row []float32) (float64, int, error) {
	ratio, like, err := f.Ratios(t.Context(), shown, row)
	if err != nil {
		return 0, 0, err
	}
	return ratio[0], like[0], nil
}

// warped is an image at coordinates A p + b of the old one, in pixels about the middle.
func warped(image []float32, s data.Shape, a, b, c, d, x, y float32) []float32 {
	out := make([]float32, len(image))
	p := kernel.NewPool(1)
	defer p.Close()
	kernel.NewWarp(kernel.Sampling{N: 1, C: s.C, H: s.H, W: s.W, P: s.H, Q: s.W, Border: true}).
		Run(p, image, []float32{a, b, 2 * x / float32(s.W), c, d, 2 * y / float32(s.H)}, out)
	return out
}

func affine(image []float32, contrast, brightness float32) []float32 {
	out := make([]float32, len(image))
	for i, v := range image {
		out[i] = contrast*v + brightness
	}
	return out
}

func TestChangedCopiesAreFoundAndOtherImagesAreNot(t *testing.T) {
	for _, s := range []data.Shape{{C: 1, H: 20, W: 16}, {C: 3, H: 16, W: 16}} {
		local := blobs(400, s, 1)
		f := open(t, local, pixels(s))
		x := local.Row(123)
		for name, image := range map[string][]float32{
			"a copy":                        x,
			"moved by a pixel":              warped(x, s, 1, 0, 0, 1, 1, 0),
			"moved by two and one":          warped(x, s, 1, 0, 0, 1, -2, 1),
			"moved by parts of a pixel":     warped(x, s, 1, 0, 0, 1, 0.5, -1.5),
			"mirrored":                      warped(x, s, -1, 0, 0, 1, 0, 0),
			"negated":                       affine(x, -1, 0),
			"of low contrast":               affine(x, 0.01, 0.3),
			"turned":                        warped(x, s, 0.989, 0.149, -0.149, 0.989, 0, 0),
			"larger":                        warped(x, s, 0.94, 0, 0, 0.94, 0, 0),
			"mirrored, moved and negated":   affine(warped(x, s, -1, 0, 0, 1, 1, 1), -0.5, 1),
			"brighter, in every channel by": affine(x, 1, 5),
		} {
			ratio, like, err := ratioOf(t, f, image, image)
			if err != nil || like != 123 || ratio > 0.25 {
				t.Errorf("%v, %s: sample %d at %.3f, %v; want 123 near 0", s, name, like, ratio, err)
			}
		}
		others := blobs(40, s, 2)
		for i := range others.Len() {
			if ratio, _, err := ratioOf(t, f, others.Row(i), others.Row(i)); err != nil || ratio < 0.5 {
				t.Errorf("%v: image %d that is no sample is at %.3f, %v", s, i, ratio, err)
			}
		}
	}
}

func TestAnImageOfOneColorIsLikeNothing(t *testing.T) {
	s := data.Shape{C: 1, H: 12, W: 12}
	f := open(t, blobs(20, s, 1), pixels(s))
	flat := make([]float32, s.Size())
	for i := range flat {
		flat[i] = 0.7
	}
	if ratio, like, err := ratioOf(t, f, flat, flat); err != nil || !math.IsInf(ratio, 1) || like != -1 {
		t.Errorf("sample %d at %g, %v; want none, infinitely far", like, ratio, err)
	}
}

func TestRowsOfTablesAreFoundNegatedAndScaled(t *testing.T) {
	s := data.Shape{C: 1, H: 1, W: 13}
	rng := rand.New(rand.NewPCG(1, 2))
	local := &data.Samples{Shape: s, Classes: 2}
	for i := range 200 {
		local.Y = append(local.Y, i%2)
		for range s.W {
			local.X = append(local.X, float32(rng.NormFloat64()))
		}
	}
	f := open(t, local, pixels(s))
	for _, contrast := range []float32{1, -1, 0.3, -2} {
		row := affine(local.Row(7), contrast, 0.5)
		if ratio, like, err := ratioOf(t, f, row, row); err != nil || like != 7 || ratio > 0.01 {
			t.Errorf("times %g: row %d at %.3f, %v; want 7 near 0", contrast, like, ratio, err)
		}
	}
	row := append(affine(local.Row(7)[:6], 1, 1), affine(local.Row(7)[6:], 1, -1)...)
	if ratio, _, err := ratioOf(t, f, row, row); err != nil || ratio < 0.1 {
		t.Errorf("another row is at %.3f, %v", ratio, err)
	}
}

// Images of fewer than eight pixels have no frequencies: they are compared whole.
func TestSmallImagesAreComparedWhole(t *testing.T) {
	s := data.Shape{C: 1, H: 7, W: 7}
	local := blobs(60, s, 3)
	f := open(t, local, pixels(s))
	image := affine(local.Row(5), -0.5, 0.1)
	if ratio, like, err := ratioOf(t, f, image, image); err != nil || like != 5 || ratio > 0.01 {
		t.Errorf("sample %d at %.3f, %v; want 5 near 0", like, ratio, err)
	}
}

func TestASingleSampleAndEqualSamplesStillServe(t *testing.T) {
	s := data.Shape{C: 1, H: 16, W: 16}
	for _, n := range []int{1, 3} {
		one := blobs(1, s, 1)
		local := &data.Samples{Shape: s, Classes: 2}
		for range n {
			local.X, local.Y = append(local.X, one.X...), append(local.Y, 0)
		}
		f := open(t, local, pixels(s))
		if ratio, _, err := ratioOf(t, f, one.X, one.X); err != nil || ratio > 0.01 {
			t.Errorf("%d samples: a copy is at %.3f, %v", n, ratio, err)
		}
		if ratio, _, err := ratioOf(t, f, blobs(2, s, 9).Row(1), blobs(2, s, 9).Row(1)); err != nil || ratio < 0.3 {
			t.Errorf("%d samples: another image is at %.3f, %v", n, ratio, err)
		}
	}
}

func TestInverseUndoesAMove(t *testing.T) {
	m := move{0.9, 0.2, -0.1, 1.1, 1.5, -2}
	n := m.inverse()
	for _, p := range [][2]float64{{0, 0}, {3, -4}, {-7, 2}} {
		x, y := m.a*p[0]+m.b*p[1]+m.x, m.c*p[0]+m.d*p[1]+m.y
		x, y = n.a*x+n.b*y+n.x, n.c*x+n.d*y+n.y
		if math.Abs(x-p[0])+math.Abs(y-p[1]) > 1e-12 {
			t.Errorf("%v becomes %g, %g", p, x, y)
		}
	}
}

func BenchmarkRatios(b *testing.B) {
	s := data.Shape{C: 1, H: 28, W: 28}
	f, err := Open(blobs(12000, s, 1), pixels(s))
	if err != nil {
		b.Fatal(err)
	}
	images := blobs(40, s, 2)
	for range b.N {
		if _, _, err := f.Ratios(b.Context(), images.X, images.X); err != nil {
			b.Fatal(err)
		}
	}
}
