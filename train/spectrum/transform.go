package spectrum

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/parallel"
)

// ErrSpectrum means that images of a shape have no such coefficients, or that values do
// not fill whole images.
var ErrSpectrum = errors.New("frequency coefficients")

// Limits of images.
const (
	// MinSide is the least height and width of images.
	MinSide = 8
	// MaxSide is the largest: a transform takes time in proportion to pixels times sides.
	MaxSide = 1024
	// MaxCoefficients is how many an image of the largest shape has.
	MaxCoefficients = 3 * MaxSide * MaxSide
)

// Check fails with ErrSpectrum unless images of a shape have k coefficients.
func Check(s data.Shape, k int) error {
	fail := func(field string, value any, want string) error {
		return fmt.Errorf("%w: %s %v, want %s", ErrSpectrum, field, value, want)
	}
	switch {
	case s.H < MinSide || s.W < MinSide || s.H > MaxSide || s.W > MaxSide:
		return fail("shape", s, fmt.Sprintf("sides of %d to %d", MinSide, MaxSide))
	case s.C != 1 && s.C != 3:
		return fail("shape", s, "1 or 3 channels")
	case k < 1 || k > s.Size():
		return fail("number", k, fmt.Sprintf("1 to %d", s.Size()))
	}
	return nil
}

// Transform computes the first k coefficients of images of a shape. Several goroutines
// may use it.
type Transform struct {
	shape      data.Shape
	kept       []Place
	rows, cols []float64 // DCT matrices [u][y] and [v][x]
	u, v       [3]int    // of each channel, how many row and column frequencies are kept
}

// Open prepares the transform. It fails with ErrSpectrum where Check does.
func Open(s data.Shape, k int) (*Transform, error) {
	if err := Check(s, k); err != nil {
		return nil, err
	}
	t := &Transform{shape: s, kept: slices.Clone(places(s)[:k]), rows: cosines(s.H), cols: cosines(s.W)}
	for _, p := range t.kept {
		t.u[p.C], t.v[p.C] = max(t.u[p.C], p.U+1), max(t.v[p.C], p.V+1)
	}
	return t, nil
}

// Shape is that of images.
func (t *Transform) Shape() data.Shape { return t.shape }

// Len is the number of coefficients of an image.
func (t *Transform) Len() int { return len(t.kept) }

// Places are the coefficients, in their order.
func (t *Transform) Places() []Place { return t.kept }

// cosines is the orthonormal DCT-II of length n, a row per frequency.
func cosines(n int) []float64 {
	out := make([]float64, n*n)
	for k := range n {
		scale := math.Sqrt(2 / float64(n))
		if k == 0 {
			scale = math.Sqrt(1 / float64(n))
		}
		for x := range n {
			// The angle is reduced to one turn before it is rounded.
			out[k*n+x] = scale * math.Cos(math.Pi*float64((2*x+1)*k%(4*n))/float64(2*n))
		}
	}
	return out
}

// count is how many rows of a size values are, or an error.
func count(values, size int, what string) (int, error) {
	if values%size != 0 {
		return 0, fmt.Errorf("%w: %d values, %d per %s", ErrSpectrum, values, size, what)
	}
	return values / size, nil
}

// Forward computes the kept coefficients of standardized images [N,C,H,W], as [N,K] in
// their order.
func (t *Transform) Forward(images []float32) ([]float32, error) {
	s := t.shape
	n, err := count(len(images), s.Size(), "image")
	if err != nil {
		return nil, err
	}
	out := make([]float32, n*t.Len())
	parallel.Each(0, n, func(i int) {
		t.ForwardOne(images[i*s.Size():(i+1)*s.Size()], out[i*t.Len():(i+1)*t.Len()])
	})
	return out, nil
}

// ForwardOne computes the kept coefficients of one image, on the calling goroutine.
func (t *Transform) ForwardOne(image, coefficients []float32) {
	s := t.shape
	planes := make([]float64, s.Size())
	turn(planes, image, s, false)
	found := make([]float64, s.Size())
	half := make([]float64, s.H*s.W)
	for c := range s.C {
		plane, result := planes[c*s.H*s.W:(c+1)*s.H*s.W], found[c*s.H*s.W:(c+1)*s.H*s.W]
		// half[u][x] = sum over y of rows[u][y] plane[y][x]
		for u := range t.u[c] {
			line := half[u*s.W : (u+1)*s.W]
			clear(line)
			for y := range s.H {
				addTimes(line, plane[y*s.W:(y+1)*s.W], t.rows[u*s.H+y])
			}
			for v := range t.v[c] {
				result[u*s.W+v] = dot(line, t.cols[v*s.W:(v+1)*s.W])
			}
		}
	}
	for k, p := range t.kept {
		coefficients[k] = float32(found[(p.C*s.H+p.U)*s.W+p.V])
	}
}

// Inverse gives the images [N,C,H,W] of coefficients [N,K]: those that are not kept
// are 0.
func (t *Transform) Inverse(coefficients []float32) ([]float32, error) {
	n, err := count(len(coefficients), t.Len(), "image")
	if err != nil {
		return nil, err
	}
	size := t.shape.Size()
	out := make([]float32, n*size)
	parallel.Each(0, n, func(i int) {
		t.inverse(coefficients[i*t.Len():(i+1)*t.Len()], out[i*size:(i+1)*size])
	})
	return out, nil
}

func (t *Transform) inverse(coefficients, image []float32) {
	s := t.shape
	known := make([]float64, s.Size())
	for k, p := range t.kept {
		known[(p.C*s.H+p.U)*s.W+p.V] = float64(coefficients[k])
	}
	planes := make([]float64, s.Size())
	half := make([]float64, s.W)
	for c := range s.C {
		plane, from := planes[c*s.H*s.W:(c+1)*s.H*s.W], known[c*s.H*s.W:(c+1)*s.H*s.W]
		for u := range t.u[c] {
			clear(half)
			given := false
			for v := range t.v[c] {
				if a := from[u*s.W+v]; a != 0 {
					addTimes(half, t.cols[v*s.W:(v+1)*s.W], a)
					given = true
				}
			}
			if !given {
				continue
			}
			for y := range s.H {
				addTimes(plane[y*s.W:(y+1)*s.W], half, t.rows[u*s.H+y])
			}
		}
	}
	turn(planes, image, s, true)
}

// turn rotates the channels of an image into planes, or back.
func turn(planes []float64, image []float32, s data.Shape, back bool) {
	area := s.H * s.W
	switch {
	case !rotated(s) && back:
		for i, v := range planes {
			image[i] = float32(v)
		}
	case !rotated(s):
		for i, v := range image {
			planes[i] = float64(v)
		}
	default:
		r := &rotation
		for i := range area {
			if back {
				a, b, c := planes[i], planes[area+i], planes[2*area+i]
				for e := range 3 {
					image[e*area+i] = float32(r[0][e]*a + r[1][e]*b + r[2][e]*c)
				}
				continue
			}
			a, b, c := float64(image[i]), float64(image[area+i]), float64(image[2*area+i])
			for e := range 3 {
				planes[e*area+i] = r[e][0]*a + r[e][1]*b + r[e][2]*c
			}
		}
	}
}

// Limit writes an image without the coefficients that are not kept.
func (t *Transform) Limit(image, limited []float32) {
	coefficients := make([]float32, t.Len())
	t.ForwardOne(image, coefficients)
	t.inverse(coefficients, limited)
}

// LimitAll does so for images [N,C,H,W]. It panics when values do not fill whole images.
func (t *Transform) LimitAll(images, limited []float32) {
	size := t.shape.Size()
	if len(images)%size != 0 || len(limited) != len(images) {
		panic(fmt.Sprintf("spectrum: %d values to %d, %d per image", len(images), len(limited), size))
	}
	parallel.Each(0, len(images)/size, func(i int) {
		t.Limit(images[i*size:(i+1)*size], limited[i*size:(i+1)*size])
	})
}

// addTimes adds a multiple of b to a.
func addTimes(a, b []float64, times float64) {
	b = b[:len(a)]
	for i := range a {
		a[i] += times * b[i]
	}
}

func dot(a, b []float64) float64 {
	b = b[:len(a)]
	s0, s1 := 0.0, 0.0
	i := 0
	for ; i+1 < len(a); i += 2 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
	}
	if i < len(a) {
		s0 += a[i] * b[i]
	}
	return s0 + s1
}

// Basis is decoding as a matrix [K,C,H,W]: the images of coefficients z are z times
// it. A row is the image of one coefficient.
func (t *Transform) Basis() []float32 {
	s := t.shape
	out := make([]float32, t.Len()*s.Size())
	parallel.Each(0, t.Len(), func(k int) {
		p, row := t.kept[k], out[k*s.Size():(k+1)*s.Size()]
		for i := range row {
			e, y, x := i/(s.H*s.W), i/s.W%s.H, i%s.W
			v := t.rows[p.U*s.H+y] * t.cols[p.V*s.W+x]
			switch {
			case rotated(s):
				row[i] = float32(rotation[p.C][e] * v)
			case e == p.C:
				row[i] = float32(v)
			}
		}
	})
	return out
}

// Sigma are the expected root mean squares of the kept coefficients.
func (t *Transform) Sigma() []float64 {
	out := make([]float64, len(t.kept))
	for k, p := range t.kept {
		out[k] = p.Sigma
	}
	return out
}
