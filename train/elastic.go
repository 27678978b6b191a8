package train

import (
	"math"
	"math/rand/v2"

	"github.com/distillmesh/distillmesh/train/data"
)

// elasticPoints is how many points along a side move on their own.
const elasticPoints = 4

// elastic moves the pixels of images smoothly (Simard et al. 2003): each of
// elasticPoints x elasticPoints points spread over the image, corner to corner,
// moves by up to so many pixels along either side, uniformly, and what lies
// between them as cubic convolution (a = -1/2) of their moves says. A pixel then
// takes the bilinear value of the place it has moved to, the border repeated.
type elastic struct {
	shape      data.Shape
	pixels     float64
	rows, cols [][elasticPoints]float32 // weights of the points
	moves      [elasticPoints][elasticPoints]float32
	field      [2][]float32 // down and right, a pixel
	image      []float32
}

func newElastic(pixels float64, s data.Shape) *elastic {
	area := s.H * s.W
	return &elastic{shape: s, pixels: pixels, rows: pointWeights(s.H), cols: pointWeights(s.W),
		field: [2][]float32{make([]float32, area), make([]float32, area)}, image: make([]float32, s.Size())}
}

// pointWeights are the weights of the points for each place along a side; points
// beyond the ends are as the last ones.
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

// apply changes n images in place, each by a draw of its own.
func (e *elastic) apply(rng *rand.Rand, x []float32, n int) {
	for i := range n {
		for side := range e.field {
			e.draw(rng, e.field[side])
		}
		e.resample(x[i*e.shape.Size() : (i+1)*e.shape.Size()])
	}
}

// draw fills a field of displacements.
func (e *elastic) draw(rng *rand.Rand, field []float32) {
	for i := range e.moves {
		for j := range e.moves[i] {
			e.moves[i][j] = float32((2*rng.Float64() - 1) * e.pixels)
		}
	}
	for y, wy := range e.rows {
		var along [elasticPoints]float32
		for i, w := range wy {
			for j, m := range e.moves[i] {
				along[j] += w * m
			}
		}
		row := field[y*e.shape.W:][:e.shape.W]
		for x, w := range e.cols {
			row[x] = w[0]*along[0] + w[1]*along[1] + w[2]*along[2] + w[3]*along[3]
		}
	}
}

// resample takes each pixel of an image from where the field says.
func (e *elastic) resample(image []float32) {
	h, w := e.shape.H, e.shape.W
	copy(e.image, image)
	for y := range h {
		for x := range w {
			at := y*w + x
			top, bottom, down := between(float32(y)+e.field[0][at], h)
			left, right, across := between(float32(x)+e.field[1][at], w)
			for plane := 0; plane < len(image); plane += h * w {
				a := e.image[plane+top*w:][:w]
				b := e.image[plane+bottom*w:][:w]
				upper := a[left] + across*(a[right]-a[left])
				lower := b[left] + across*(b[right]-b[left])
				image[plane+at] = upper + down*(lower-upper)
			}
		}
	}
}

// between is the two places of a side that one lies between, and how near it is to
// the second.
func between(at float32, side int) (first, second int, share float32) {
	at = min(max(at, 0), float32(side-1))
	first = int(at)
	return first, min(first+1, side-1), at - float32(first)
}
