package spectrum

import (
	"fmt"
	"math"

	"github.com/distillmesh/distillmesh/train/data"
)

// Limits of a code.
const (
	// MaxLevel is the largest magnitude of a quantized coefficient.
	MaxLevel = 1<<14 + 13
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

// Validate names the first field that is out of range, with ErrSpectrum.
func (c Code) Validate() error {
	fail := func(field string, value any, want string) error {
		return fmt.Errorf("%w: %s %v, want %s", ErrSpectrum, field, value, want)
	}
	if err := Check(c.Shape, c.K); err != nil {
		return err
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

// Quantizer computes the coefficients of a code and rounds them. Several goroutines may
// use it.
type Quantizer struct {
	*Transform
	code  Code
	steps []float64
}

// Open prepares a code for use. It fails with ErrSpectrum when a field is out of range.
func (c Code) Open() (*Quantizer, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	t, err := Open(c.Shape, c.K)
	if err != nil {
		return nil, err
	}
	return &Quantizer{Transform: t, code: c, steps: c.steps(t.kept)}, nil
}

// Code is what the quantizer was opened from.
func (t *Quantizer) Code() Code { return t.code }

// Steps are the distances between levels of the kept coefficients.
func (t *Quantizer) Steps() []float64 { return t.steps }

// steps are the distances between levels of coefficients.
func (c Code) steps(kept []Place) []float64 {
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
func (t *Quantizer) Quantize(coefficients []float32) []int32 {
	out := make([]int32, len(coefficients))
	for i, c := range coefficients {
		q := math.RoundToEven(float64(c) / t.steps[i%t.code.K])
		out[i] = int32(max(-MaxLevel, min(MaxLevel, q)))
	}
	return out
}

// Dequantize gives the coefficients [N,K] of levels.
func (t *Quantizer) Dequantize(levels []int32) []float32 {
	out := make([]float32, len(levels))
	for i, q := range levels {
		out[i] = float32(float64(q) * t.steps[i%t.code.K])
	}
	return out
}
