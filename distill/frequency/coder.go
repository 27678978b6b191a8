package frequency

import (
	"errors"
	"fmt"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/spectrum"
)

// ErrCode means that a code is out of range or does not fit the levels.
var ErrCode = errors.New("frequency code")

// Coder writes and reads images as a code says. Several goroutines may use it.
type Coder struct {
	*spectrum.Quantizer
	model []coefficient
}

// Open prepares a code for use. It fails with ErrCode when a field is out of range.
func Open(c spectrum.Code) (*Coder, error) {
	q, err := c.Open()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCode, err)
	}
	t := &Coder{Quantizer: q}
	t.model = t.coefficients()
	return t, nil
}

// Rate is how many bytes samples take as a stream of a code, class after class.
func Rate(c spectrum.Code, s *data.Samples) (int, error) {
	t, err := Open(c)
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
