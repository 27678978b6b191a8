package train

import (
	"math"
	"math/rand/v2"

	"github.com/distillmesh/distillmesh/train/data"
)

// elasticPoints is the number of control points along a side.
const elasticPoints = 4

// elastic moves the pixels of images smoothly (Simard et al. 2003): each of
// elasticPoints x elasticPoints points spread over the image, corner to corner,
// moves uniformly by up to a number of pixels along each axis, and the
// displacement between them is interpolated by cubic convolution (a = -1/2). A
// pixel then takes the bilinearly interpolated value at its displaced position,
// the border repeated.
type elastic struct {
	shape      data.Shape
	pixels     float64
	rows, cols [][elasticPoints]float32                 // weights of the points
	moves      [2][elasticPoints][elasticPoints]float32 // down and right, a point
	field      [2][]float32                             // down and right, a pixel
	image      []float32                                // as it was, a row and a column larger
}

func newElastic(pixels float64, s data.Shape) *elastic {
	area := s.H * s.W
	return &elastic{shape: s, pixels: pixels, rows: pointWeights(s.H), cols: pointWeights(s.W),
		field: [2][]float32{make([]float32, area), make([]float32, area)}, image: make([]float32, s.C*(s.H+1)*(s.W+1))}
}

// pointWeights are the weights of the points for each place along a side; points
// beyond the ends repeat the last ones.
func pointWeights(side int) [][elasticPoints]float32 {
	out := make([][elasticPoints]float32, side)
	for i := range out {
		at := float64(i) * (elasticPoints - 1) / float64(max(1, side-1))
		for k := int(at) - 1; k <= int(at)+2; k++ {
			out[i][min(max(k, 0), elasticPoints-1)] += float32(cubic(at - float64(k)))
		}
	}
	return out
}

// cubic is the kernel of cubic convolution (Keys 1981).
func cubic(x float64) float64 {
	switch x = math.Abs(x); {
	case x < 1:
		return (1.5*x-2.5)*x*x + 1
	case x < 2:
		return ((-0.5*x+2.5)*x-4)*x + 2
	}
	return 0
}

// apply deforms n images in place, each by its own draw.
func (e *elastic) apply(rng *rand.Rand, x []float32, n int) {
	for i := range n {
		e.draw(rng)
		e.resample(x[i*e.shape.Size() : (i+1)*e.shape.Size()])
	}
}

// draw fills the field of displacements, down and right.
func (e *elastic) draw(rng *rand.Rand) {
	for side := range e.moves {
		for i := range e.moves[side] {
			for j := range e.moves[side][i] {
				e.moves[side][i][j] = float32((2*rng.Float64() - 1) * e.pixels)
			}
		}
	}
	for y := range e.rows {
		a, b := along(&e.rows[y], &e.moves[0]), along(&e.rows[y], &e.moves[1])
		down, right := e.field[0][y*e.shape.W:][:e.shape.W], e.field[1][y*e.shape.W:][:e.shape.W]
		for x := range e.cols {
			w := &e.cols[x]
			down[x] = w[0]*a[0] + w[1]*a[1] + w[2]*a[2] + w[3]*a[3]
			right[x] = w[0]*b[0] + w[1]*b[1] + w[2]*b[2] + w[3]*b[3]
		}
	}
}

// along are the moves of the columns of points at a row of weights.
func along(w *[elasticPoints]float32, moves *[elasticPoints][elasticPoints]float32) (out [elasticPoints]float32) {
	for i := range moves {
		for j := range moves[i] {
			out[j] += w[i] * moves[i][j]
		}
	}
	return out
}

// resample takes each pixel of an image from its displaced position.
func (e *elastic) resample(image []float32) {
	h, w := e.shape.H, e.shape.W
	e.keep(image)
	stride, plane := w+1, (h+1)*(w+1)
	for y := range h {
		down, right, out := e.field[0][y*w:][:w], e.field[1][y*w:][:w], image[y*w:]
		for x := range down {
			top, lower := place(float32(y)+down[x], h)
			left, across := place(float32(x)+right[x], w)
			for c, at := 0, top*stride+left; c < e.shape.C; c, at = c+1, at+plane {
				a, b := e.image[at:at+2:at+2], e.image[at+stride:at+stride+2:at+stride+2]
				first := a[0] + across*(a[1]-a[0])
				second := b[0] + across*(b[1]-b[0])
				out[c*h*w+x] = first + lower*(second-first)
			}
		}
	}
}

// keep copies an image with its last row and column repeated, so that every
// position has a right and a lower neighbor.
func (e *elastic) keep(image []float32) {
	h, w := e.shape.H, e.shape.W
	for c := range e.shape.C {
		plane := e.image[c*(h+1)*(w+1):][:(h+1)*(w+1)]
		for y := range h {
			row := plane[y*(w+1):][:w+1]
			copy(row, image[(c*h+y)*w:][:w])
			row[w] = row[w-1]
		}
		copy(plane[h*(w+1):], plane[(h-1)*(w+1):h*(w+1)])
	}
}

// place clips a position to a side, and gives the pixel before it and the distance
// from that pixel.
func place(at float32, side int) (int, float32) {
	if at <= 0 {
		return 0, 0
	}
	if last := float32(side - 1); at >= last {
		at = last
	}
	first := int(at)
	return first, at - float32(first)
}
