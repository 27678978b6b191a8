package frequency

import (
	"errors"
	"fmt"
	"math"

	"github.com/distillmesh/distillmesh/train/data"
)

// ErrCode means that a code is out of range or does not fit the values.
var ErrCode = errors.New("frequency code")

// Limits of a code.
const (
	// MinSide is the least height and width of images.
	MinSide = 8
	// MaxSide is the largest: a transform takes time in proportion to pixels times sides.
	MaxSide = 1024
	// MaxLevel is the largest magnitude of a quantized coefficient.
	MaxLevel = unary - 2 + 1<<(mostDigits+1)
	// MaxPower is the largest Power.
	MaxPower = 4
)

// Code says how images of a shape are written: which coefficients, and how they are
// rounded.
type Code struct {
	Shape data.Shape
	// K is how many coefficients of an image are kept, 1 to Shape.Size(): those of
	// the largest expected root mean square.
	K int
	// Step is the distance between levels, in standard deviations of a pixel for
	// Power 0. More is coarser.
	Step float32
	// Power, 0 to MaxPower, is how much steps follow the expected root mean square
	// sigma of their coefficient:
	//
	//	step(k) = Step sigma(k)^(Power/4)
	//
	// 0 rounds all alike, 4 gives all the same number of levels.
	Power int
}

// Validate names the first field that is out of range, with ErrCode.
func (c Code) Validate() error {
	fail := func(field string, value any, want string) error {
		return fmt.Errorf("%w: %s %v, want %s", ErrCode, field, value, want)
	}
	sides := fmt.Sprintf("sides of %d to %d", MinSide, MaxSide)
	switch s := c.Shape; {
	case s.H < MinSide || s.W < MinSide || s.H > MaxSide || s.W > MaxSide:
		return fail("shape", s, sides)
	case s.C != 1 && s.C != 3:
		return fail("shape", s, "1 or 3 channels")
	case c.K < 1 || c.K > s.Size():
		return fail("coefficients", c.K, fmt.Sprintf("1 to %d", s.Size()))
	case !(c.Step >= minStep && c.Step <= maxStep):
		return fail("step", c.Step, fmt.Sprintf("%g to %g", minStep, maxStep))
	case c.Power < 0 || c.Power > MaxPower:
		return fail("power", c.Power, fmt.Sprintf("0 to %d", MaxPower))
	}
	return nil
}

// Limits of Step.
const (
	minStep = 1.0 / (1 << 10) // 1/1024
	maxStep = 1024.0
)

// steps are the distances between levels of coefficients.
func (c Code) steps(kept []place) []float64 {
	out := make([]float64, len(kept))
	for k, p := range kept {
		root := math.Sqrt(p.sigma)
		quarter := math.Sqrt(root)
		out[k] = float64(c.Step) * [...]float64{1, quarter, root, root * quarter, p.sigma}[c.Power]
	}
	return out
}
