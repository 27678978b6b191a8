package data

import (
	"image"
	"image/draw"
	"math"
	"math/rand/v2"

	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// curveSteps is how many line segments replace one curve of an outline.
const curveSteps = 6

// flatten turns font segments into closed polygons.
func flatten(segments sfnt.Segments) [][]point {
	var out [][]point
	var contour []point
	at := func(q fixed.Point26_6) point { return point{float64(q.X) / 64, float64(q.Y) / 64} }
	for _, s := range segments {
		switch s.Op {
		case sfnt.SegmentOpMoveTo:
			if contour != nil {
				out = append(out, contour)
			}
			contour = []point{at(s.Args[0])}
		case sfnt.SegmentOpLineTo:
			contour = append(contour, subdivide(contour[len(contour)-1], at(s.Args[0]))...)
		case sfnt.SegmentOpQuadTo:
			contour = append(contour, quadratic(contour[len(contour)-1], at(s.Args[0]), at(s.Args[1]))...)
		case sfnt.SegmentOpCubeTo:
			contour = append(contour, cubic(contour[len(contour)-1], at(s.Args[0]), at(s.Args[1]), at(s.Args[2]))...)
		}
	}
	return append(out, contour)
}

// subdivide cuts a line so that an elastic field can bend it.
func subdivide(a, b point) []point {
	out := make([]point, curveSteps)
	for i := range out {
		t := float64(i+1) / curveSteps
		out[i] = point{a.x + t*(b.x-a.x), a.y + t*(b.y-a.y)}
	}
	return out
}

func quadratic(a, b, c point) []point {
	out := make([]point, curveSteps)
	for i := range out {
		t := float64(i+1) / curveSteps
		u := 1 - t
		out[i] = point{u*u*a.x + 2*u*t*b.x + t*t*c.x, u*u*a.y + 2*u*t*b.y + t*t*c.y}
	}
	return out
}

func cubic(a, b, c, d point) []point {
	out := make([]point, curveSteps)
	for i := range out {
		t := float64(i+1) / curveSteps
		u := 1 - t
		out[i] = point{
			u*u*u*a.x + 3*u*u*t*b.x + 3*u*t*t*c.x + t*t*t*d.x,
			u*u*u*a.y + 3*u*u*t*b.y + 3*u*t*t*c.y + t*t*t*d.y,
		}
	}
	return out
}

// normalize scales an outline to height 1 and centers its bounding box.
func normalize(outline [][]point) [][]point {
	lo, hi := point{math.Inf(1), math.Inf(1)}, point{math.Inf(-1), math.Inf(-1)}
	for _, contour := range outline {
		for _, q := range contour {
			lo = point{math.Min(lo.x, q.x), math.Min(lo.y, q.y)}
			hi = point{math.Max(hi.x, q.x), math.Max(hi.y, q.y)}
		}
	}
	height := hi.y - lo.y
	for _, contour := range outline {
		for i, q := range contour {
			contour[i] = point{(q.x - (lo.x+hi.x)/2) / height, (q.y - (lo.y+hi.y)/2) / height}
		}
	}
	return outline
}

// canvas is a square grey image with values in [0, 1].
type canvas struct {
	side int
	v    []float32
}

func newCanvas(side int) *canvas { return &canvas{side: side, v: make([]float32, side*side)} }

// fill rasterizes closed polygons given in the unit square.
func (c *canvas) fill(outline [][]point) {
	r := vector.NewRasterizer(c.side, c.side)
	r.DrawOp = draw.Src
	scale := float64(c.side)
	for _, contour := range outline {
		for i, q := range contour {
			x, y := float32(q.x*scale), float32(q.y*scale)
			if i == 0 {
				r.MoveTo(x, y)
			} else {
				r.LineTo(x, y)
			}
		}
		r.ClosePath()
	}
	mask := image.NewAlpha(image.Rect(0, 0, c.side, c.side))
	r.Draw(mask, mask.Bounds(), image.Opaque, image.Point{})
	for i, p := range mask.Pix {
		c.v[i] = float32(p) / 255
	}
}

// stroke thickens or thins the strokes: a blur of random width, then a random
// soft threshold.
func (c *canvas) stroke(rng *rand.Rand) {
	radius := 1 + rng.IntN(3)
	c.blur(radius)
	threshold := float32(0.22 + 0.36*rng.Float64())
	for i, v := range c.v {
		c.v[i] = min(max((v-threshold)/0.3+0.5, 0), 1)
	}
}

// blur averages over (2r+1) x (2r+1) pixels.
func (c *canvas) blur(radius int) {
	tmp := make([]float32, len(c.v))
	boxRows(tmp, c.v, c.side, radius)
	boxRows(c.v, tmp, c.side, radius)
}

// boxRows averages every row over 2r+1 pixels and writes it as a column, so
// that calling it twice blurs both ways and restores the orientation.
func boxRows(dst, src []float32, side, radius int) {
	inv := 1 / float32(2*radius+1)
	for y := range side {
		row := src[y*side : (y+1)*side]
		for x := range side {
			var sum float32
			for k := max(0, x-radius); k <= min(side-1, x+radius); k++ {
				sum += row[k]
			}
			dst[x*side+y] = sum * inv
		}
	}
}

// shrink averages 2x2 blocks into dst, (side/2)^2 values.
func (c *canvas) shrink(dst []float32) {
	half := c.side / 2
	for y := range half {
		for x := range half {
			i := 2*y*c.side + 2*x
			dst[y*half+x] = (c.v[i] + c.v[i+1] + c.v[i+c.side] + c.v[i+c.side+1]) / 4
		}
	}
}
