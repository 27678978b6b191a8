package frequency

import (
	"fmt"
	"math"
	"slices"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/parallel"
)

// Transform computes the coefficients of a valid code: Open makes one. Several
// goroutines may use it.
type Transform struct {
	code       Code
	kept       []place
	steps      []float64
	rows, cols []float64 // DCT matrices [u][y] and [v][x]
	u, v       [3]int    // of each channel, how many row and column frequencies are kept
	model      []coefficient
}

// Open prepares a code for use. It fails with ErrCode when a field is out of range.
func (c Code) Open() (*Transform, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	t := &Transform{code: c, kept: slices.Clone(places(c.Shape)[:c.K]), rows: cosines(c.Shape.H), cols: cosines(c.Shape.W)}
	t.steps = c.steps(t.kept)
	for _, p := range t.kept {
		t.u[p.c], t.v[p.c] = max(t.u[p.c], p.u+1), max(t.v[p.c], p.v+1)
	}
	t.model = t.coefficients()
	return t, nil
}

// Code is what the transform was opened from.
func (t *Transform) Code() Code { return t.code }

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
		return 0, fmt.Errorf("%w: %d values, %d per %s", ErrCode, values, size, what)
	}
	return values / size, nil
}

// Forward computes the kept coefficients of standardized images [N,C,H,W], as [N,K] in
// the order of the code.
func (t *Transform) Forward(images []float32) ([]float32, error) {
	s := t.code.Shape
	n, err := count(len(images), s.Size(), "image")
	if err != nil {
		return nil, err
	}
	out := make([]float32, n*t.code.K)
	parallel.Each(0, n, func(i int) {
		t.forward(images[i*s.Size():(i+1)*s.Size()], out[i*t.code.K:(i+1)*t.code.K])
	})
	return out, nil
}

func (t *Transform) forward(image, coefficients []float32) {
	s := t.code.Shape
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
		coefficients[k] = float32(found[(p.c*s.H+p.u)*s.W+p.v])
	}
}

// Inverse gives the images [N,C,H,W] of coefficients [N,K]: those that are not kept
// are 0.
func (t *Transform) Inverse(coefficients []float32) ([]float32, error) {
	n, err := count(len(coefficients), t.code.K, "image")
	if err != nil {
		return nil, err
	}
	size := t.code.Shape.Size()
	out := make([]float32, n*size)
	parallel.Each(0, n, func(i int) {
		t.inverse(coefficients[i*t.code.K:(i+1)*t.code.K], out[i*size:(i+1)*size])
	})
	return out, nil
}

func (t *Transform) inverse(coefficients, image []float32) {
	s := t.code.Shape
	known := make([]float64, s.Size())
	for k, p := range t.kept {
		known[(p.c*s.H+p.u)*s.W+p.v] = float64(coefficients[k])
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
	s := t.code.Shape
	out := make([]float32, t.code.K*s.Size())
	parallel.Each(0, t.code.K, func(k int) {
		p, row := t.kept[k], out[k*s.Size():(k+1)*s.Size()]
		for i := range row {
			e, y, x := i/(s.H*s.W), i/s.W%s.H, i%s.W
			v := t.rows[p.u*s.H+y] * t.cols[p.v*s.W+x]
			switch {
			case rotated(s):
				row[i] = float32(rotation[p.c][e] * v)
			case e == p.c:
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
		out[k] = p.sigma
	}
	return out
}

// Quantize rounds coefficients [N,K] to levels: integers q = round(c / step),
// within MaxLevel.
func (t *Transform) Quantize(coefficients []float32) []int32 {
	out := make([]int32, len(coefficients))
	for i, c := range coefficients {
		q := math.RoundToEven(float64(c) / t.steps[i%t.code.K])
		out[i] = int32(max(-MaxLevel, min(MaxLevel, q)))
	}
	return out
}

// Dequantize gives the coefficients [N,K] of levels.
func (t *Transform) Dequantize(levels []int32) []float32 {
	out := make([]float32, len(levels))
	for i, q := range levels {
		out[i] = float32(float64(q) * t.steps[i%t.code.K])
	}
	return out
}
