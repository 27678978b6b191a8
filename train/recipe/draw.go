package recipe

import (
	"math"
	"math/rand/v2"
)

const degree = math.Pi / 180

// Ranges of DSA's draws (att.md 1.7).
const (
	brightness  = 1.0
	saturation  = 2.0
	contrast    = 0.5
	cropShare   = 0.125 // of the side
	cutoutShare = 0.5   // of the side
	scaleMost   = 1.2
	rotateMost  = 15 * degree
)

// Draw fills the draws of n images of h x w pixels, memory of the strategy's Shapes:
// one family, and for each image its own draw, or one for all when shared. The
// parts that the family does not use get neutral values. It allocates nothing.
func (s Strategy) Draw(rng *rand.Rand, n, h, w int, shared bool, draws [][]float32) {
	if len(s.families) == 0 {
		return
	}
	family := s.families[rng.IntN(len(s.families))]
	at := 0
	if s.has(Color) {
		drawColor(rng, family == Color, shared, draws[0], draws[1], draws[2])
		at = 3
	}
	if s.moves() {
		for i := range n {
			m := draws[at][6*i : 6*i+6]
			if shared && i > 0 {
				copy(m, draws[at][:6])
				continue
			}
			drawMatrix(rng, family, h, w, m)
		}
		at++
	}
	if s.has(Cutout) {
		drawMasks(rng, family == Cutout, n, h, w, shared, draws[at])
	}
}

func drawColor(rng *rand.Rand, active, shared bool, bright, saturate, stretch []float32) {
	for i := range bright {
		switch {
		case !active:
			bright[i], saturate[i], stretch[i] = 0, 1, 1
		case shared && i > 0:
			bright[i], saturate[i], stretch[i] = bright[0], saturate[0], stretch[0]
		default:
			bright[i] = float32((rng.Float64() - 0.5) * brightness)
			saturate[i] = float32(rng.Float64() * saturation)
			stretch[i] = float32(rng.Float64() + contrast)
		}
	}
}

// drawMatrix fills one image's matrix, the identity for families that do not
// move pixels.
func drawMatrix(rng *rand.Rand, family string, h, w int, m []float32) {
	set := func(values ...float64) {
		for i, v := range values {
			m[i] = float32(v)
		}
	}
	if a, ok := affines[family]; ok {
		a.draw(rng, h, w, m)
		return
	}
	switch family {
	case Crop:
		set(1, 0, wholeShift(rng, w), 0, 1, wholeShift(rng, h))
	case Flip:
		if rng.Float64() < 0.5 {
			set(-1, 0, 0, 0, 1, 0)
			return
		}
		set(1, 0, 0, 0, 1, 0)
	case Scale:
		x, y := within(rng, 1/scaleMost, scaleMost), within(rng, 1/scaleMost, scaleMost)
		set(x, 0, 0, 0, y, 0)
	case Rotate:
		sin, cos := math.Sincos(within(rng, -rotateMost, rotateMost))
		set(cos, -sin, 0, sin, cos, 0)
	default:
		set(1, 0, 0, 0, 1, 0)
	}
}

// within is a uniform number between two.
func within(rng *rand.Rand, low, high float64) float64 { return low + (high-low)*rng.Float64() }

// draw draws a matrix. Coordinates run from -1 to 1 along both sides: the ratio
// of sides keeps angles.
func (a affine) draw(rng *rand.Rand, height, width int, m []float32) {
	h, w := float64(height), float64(width)
	sin, cos := math.Sincos(within(rng, -a.angle, a.angle))
	scale := within(rng, a.least, a.most)
	right, down := within(rng, -a.shift, a.shift), within(rng, -a.shift, a.shift)
	side := 1.0
	if a.flip && rng.Float64() < 0.5 {
		side = -1
	}
	m[0], m[1], m[2] = float32(side*cos/scale), float32(-sin/scale*h/w), float32(2*right/w)
	m[3], m[4], m[5] = float32(side*sin/scale*w/h), float32(cos/scale), float32(2*down/h)
}

// wholeShift is a shift by whole pixels, in coordinates whose corners are -1
// and 1.
func wholeShift(rng *rand.Rand, side int) float64 {
	most := int(float64(side)*cropShare + 0.5)
	return 2 * float64(rng.IntN(2*most+1)-most) / float64(max(1, side-1))
}

func drawMasks(rng *rand.Rand, active bool, n, h, w int, shared bool, mask []float32) {
	area := h * w
	for i := range mask {
		mask[i] = 1
	}
	if !active {
		return
	}
	for i := range n {
		m := mask[i*area : (i+1)*area]
		if shared && i > 0 {
			copy(m, mask[:area])
			continue
		}
		top, bottom := cutoutRange(rng, h)
		left, right := cutoutRange(rng, w)
		for r := top; r < bottom; r++ {
			clear(m[r*w+left : r*w+right])
		}
	}
}

// cutoutRange is the rows or columns of a cutout: its center anywhere, cut at
// the borders.
func cutoutRange(rng *rand.Rand, side int) (from, to int) {
	size := int(float64(side)*cutoutShare + 0.5)
	from = rng.IntN(side+1-size%2) - size/2
	return max(0, from), min(side, from+size)
}
