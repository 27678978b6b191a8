package frequency

import (
	"errors"
	"fmt"
	"math"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/spectrum"
)

// ErrCode means that a code is out of range or does not fit the values.
var ErrCode = errors.New("frequency code")

// Limits of a code.
const (
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
	if err := spectrum.Check(c.Shape, c.K); err != nil {
		return fmt.Errorf("%w: %w", ErrCode, err)
	}
	switch {
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

// Transform computes the coefficients of a valid code: Open makes one. Several
// goroutines may use it.
type Transform struct {
	*spectrum.Transform
	code  Code
	steps []float64
	model []coefficient
}

// Open prepares a code for use. It fails with ErrCode when a field is out of range.
func (c Code) Open() (*Transform, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s, err := spectrum.Open(c.Shape, c.K)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCode, err)
	}
	t := &Transform{Transform: s, code: c}
	t.steps = c.steps(s.Places())
	t.model = t.coefficients()
	return t, nil
}

// Code is what the transform was opened from.
func (t *Transform) Code() Code { return t.code }

// Steps are the distances between levels of the kept coefficients.
func (t *Transform) Steps() []float64 { return t.steps }

// steps are the distances between levels of coefficients.
func (c Code) steps(kept []spectrum.Place) []float64 {
	out := make([]float64, len(kept))
	for k, p := range kept {
		root := math.Sqrt(p.Sigma)
		quarter := math.Sqrt(root)
		out[k] = float64(c.Step) * [...]float64{1, quarter, root, root * quarter, p.Sigma}[c.Power]
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

// Rate is how many bytes samples take as a stream of the code, class after class.
func (c Code) Rate(s *data.Samples) (int, error) {
	t, err := c.Open()
	if err != nil {
		return 0, err
	}
	coefficients, err := t.Forward(s.X)
	if err != nil {
		return 0, err
	}
	stream, err := t.Encode(t.Quantize(coefficients), s.Y)
	return len(stream), err
}
