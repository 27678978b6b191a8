package likeness

import (
	"math"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/kernel"
)

// The changes that a copy may have gone through besides brightness and contrast.
const (
	shifted = 2    // pixels to every side
	turned  = 0.2  // radians to both sides
	scaled  = 1.12 // times larger or smaller
)

// move is an affine change of coordinates in pixels about the middle of an image: the new image at
// p is the old one at A p + b.
type move struct{ a, b, c, d, x, y float64 } // A = [a b; c d], b = (x, y)

var still = move{a: 1, d: 1}

// moves are the changes tried for images of a shape, and mirrored later: shifts in steps of
// a pixel; turned or scaled, shifts in steps of two. A table has none.
func moves(s data.Shape) []move {
	if s.IsTable() {
		return []move{still}
	}
	sin, cos := math.Sincos(turned)
	var out []move
	sin2, cos2 := math.Sincos(turned / 2)
	for i, m := range []move{still,
		{cos2, sin2, -sin2, cos2, 0, 0}, {cos2, -sin2, sin2, cos2, 0, 0},
		{cos, sin, -sin, cos, 0, 0}, {cos, -sin, sin, cos, 0, 0},
		{scaled, 0, 0, scaled, 0, 0}, {1 / scaled, 0, 0, 1 / scaled, 0, 0}} {
		step := 1
		if i > 0 {
			step = 2
		}
		for x := -shifted; x <= shifted; x += step {
			for y := -shifted; y <= shifted; y += step {
				m.x, m.y = float64(x), float64(y)
				out = append(out, m)
			}
		}
	}
	return out
}

// mirror is the change, and left and right exchanged after it.
func (m move) mirror() move { return move{-m.a, m.b, -m.c, m.d, m.x, m.y} }

// inverse undoes the change.
func (m move) inverse() move {
	det := m.a*m.d - m.b*m.c
	n := move{a: m.d / det, b: -m.b / det, c: -m.c / det, d: m.a / det}
	n.x, n.y = -(n.a*m.x + n.b*m.y), -(n.c*m.x + n.d*m.y)
	return n
}

// warp changes each image of one channel by its own change, or one image by all. What lies
// outside is as the border is.
func (f *Finder) warp(images []float32, by []move) []float32 { return f.warpChannels(images, by, 1) }

func (f *Finder) warpChannels(images []float32, by []move, channels int) []float32 {
	s := f.local.Shape
	if s.IsTable() {
		return images
	}
	size := channels * s.H * s.W
	if len(images) == size {
		one := images
		images = make([]float32, 0, len(by)*size)
		for range by {
			images = append(images, one...)
		}
	}
	taps := make([]float32, 0, 6*len(by))
	w, h := float64(s.W), float64(s.H)
	for _, m := range by { // from pixels to [-1, 1]
		taps = append(taps, float32(m.a), float32(m.b*h/w), float32(2*m.x/w), float32(m.c*w/h), float32(m.d),
			float32(2*m.y/h))
	}
	out := make([]float32, len(images))
	pool := kernel.NewPool(1) // the calling goroutine
	defer pool.Close()
	kernel.NewWarp(kernel.Sampling{N: len(by), C: channels, H: s.H, W: s.W, P: s.H, Q: s.W, Border: true}).
		Run(pool, images, taps, out)
	return out
}
