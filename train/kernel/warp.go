package kernel

import "math"

// Sampling is the geometry of Warp: N images of C x H x W values are read at
// the points of a P x Q grid.
type Sampling struct {
	N, C, H, W, P, Q int
	// Corners puts the coordinates -1 and 1 at the middle of the outermost
	// pixels, instead of their outer edges (PyTorch's align_corners).
	Corners bool
	// Border repeats the outermost pixels outside the image, instead of zero.
	Border bool
}

// Warp reads images at affinely moved places, bilinearly: with (x, y) the place
// of a result pixel in [-1, 1], the source is read at
//
//	(m0 x + m1 y + m2, m3 x + m4 y + m5)
//
// which is PyTorch's affine_grid and grid_sample. The adjoint adds each value
// to the pixels that it would be read from, with the same weights.
type Warp struct {
	s           Sampling
	reverse     bool
	x, taps, to []float32
}

// NewWarp prepares reading; NewWarpBack its adjoint.
func NewWarp(s Sampling) *Warp { return &Warp{s: s} }

// NewWarpBack prepares the adjoint.
func NewWarpBack(s Sampling) *Warp { return &Warp{s: s, reverse: true} }

// Run fills out from x and taps, N x 6. Forward, x is N x C x H x W and out N x
// C x P x Q; the adjoint goes the other way.
func (k *Warp) Run(p *Pool, x, taps, out []float32) {
	k.x, k.taps, k.to = x, taps, out
	p.Run(k.s.N, k)
	k.x, k.taps, k.to = nil, nil, nil
}

// scale turns a coordinate in [-1, 1] into a pixel of n: (x + 1) scale - shift.
func (s Sampling) scale(n int) (scale, shift float64) {
	if s.Corners {
		return float64(n-1) / 2, 0
	}
	return float64(n) / 2, 0.5
}

// place is the coordinate in [-1, 1] of pixel i of n.
func (s Sampling) place(i, n int) float64 {
	if s.Corners {
		if n == 1 {
			return -1
		}
		return 2*float64(i)/float64(n-1) - 1
	}
	return (2*float64(i)+1)/float64(n) - 1
}

// Part implements Task: one image.
func (k *Warp) Part(_ *Scratch, n int) {
	s := &k.s
	large, small := s.C*s.H*s.W, s.C*s.P*s.Q
	source, result := k.x, k.to
	if k.reverse {
		source, result = k.to, k.x
	}
	image, grid := source[n*large:(n+1)*large], result[n*small:(n+1)*small]
	if k.reverse {
		clear(image)
	}
	m := k.taps[6*n : 6*n+6]
	scaleX, shiftX := s.scale(s.W)
	scaleY, shiftY := s.scale(s.H)
	stepX := 0.0
	if s.Q > 1 {
		stepX = s.place(1, s.Q) - s.place(0, s.Q)
	}
	x0 := s.place(0, s.Q)
	for i := range s.P {
		y := s.place(i, s.P)
		col := (float64(m[0])*x0+float64(m[1])*y+float64(m[2])+1)*scaleX - shiftX
		row := (float64(m[3])*x0+float64(m[4])*y+float64(m[5])+1)*scaleY - shiftY
		dCol, dRow := float64(m[0])*stepX*scaleX, float64(m[3])*stepX*scaleY
		for j := range s.Q {
			t := s.inside(row+float64(j)*dRow, col+float64(j)*dCol)
			if k.reverse {
				t.add(image, grid, i*s.Q+j, s.H*s.W, s.P*s.Q, s.C)
			} else {
				t.read(grid, image, i*s.Q+j, s.P*s.Q, s.H*s.W, s.C)
			}
		}
	}
}

// four are the neighbors of a point and their weights; the weight of a missing
// neighbor is zero.
type four struct {
	a, b, c, d     int
	wa, wb, wc, wd float32
}

// inside finds the neighbors of a point in the source, quickly when all four
// exist.
func (s *Sampling) inside(row, col float64) four {
	if !(row >= 0 && col >= 0 && row < float64(s.H-1) && col < float64(s.W-1)) { // NaN too
		return s.taps(row, col)
	}
	i, j := int(row), int(col)
	down, right := float32(row-float64(i)), float32(col-float64(j))
	a := i*s.W + j
	return four{a: a, b: a + 1, c: a + s.W, d: a + s.W + 1,
		wa: (1 - down) * (1 - right), wb: (1 - down) * right, wc: down * (1 - right), wd: down * right}
}

// taps finds the neighbors of any point.
func (s *Sampling) taps(row, col float64) four {
	if s.Border {
		row, col = min(max(row, 0), float64(s.H-1)), min(max(col, 0), float64(s.W-1))
	} else {
		// Far outside everything is zero; keep the conversion below in range.
		row, col = min(max(row, -2), float64(s.H+1)), min(max(col, -2), float64(s.W+1))
	}
	top, left := math.Floor(row), math.Floor(col)
	i, j := int(top), int(left)
	down, right := float32(row-top), float32(col-left)
	t := four{a: i*s.W + j, b: i*s.W + j + 1, c: (i+1)*s.W + j, d: (i+1)*s.W + j + 1,
		wa: (1 - down) * (1 - right), wb: (1 - down) * right, wc: down * (1 - right), wd: down * right}
	if i >= 0 && j >= 0 && i+1 < s.H && j+1 < s.W {
		return t
	}
	if i < 0 || i >= s.H {
		t.a, t.b, t.wa, t.wb = 0, 0, 0, 0
	}
	if i+1 < 0 || i+1 >= s.H {
		t.c, t.d, t.wc, t.wd = 0, 0, 0, 0
	}
	if j < 0 || j >= s.W {
		t.a, t.c, t.wa, t.wc = 0, 0, 0, 0
	}
	if j+1 < 0 || j+1 >= s.W {
		t.b, t.d, t.wb, t.wd = 0, 0, 0, 0
	}
	return t
}

func (t *four) read(dst, x []float32, at, dstArea, area, channels int) {
	for c := range channels {
		v := x[c*area : (c+1)*area]
		dst[c*dstArea+at] = t.wa*v[t.a] + t.wb*v[t.b] + t.wc*v[t.c] + t.wd*v[t.d]
	}
}

func (t *four) add(dst, g []float32, at, area, gArea, channels int) {
	for c := range channels {
		v, d := g[c*gArea+at], dst[c*area:(c+1)*area]
		d[t.a] += t.wa * v
		d[t.b] += t.wb * v
		d[t.c] += t.wc * v
		d[t.d] += t.wd * v
	}
}
