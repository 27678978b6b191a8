package artifact

import (
	"fmt"

	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/spectrum"
)

// encode writes samples as tensors, of a code in at most so many bytes (0 for no
// limit). It fails with ErrPixels where the type does not suit their shape.
func encode(s *data.Samples, pixels PixelType, payload int) ([]checkpoint.Tensor, error) {
	code, err := pixels.Code(s.Shape)
	switch {
	case err != nil:
		return nil, fmt.Errorf("encode samples: %w", err)
	case code != nil:
		return encodeCoded(s, *code, payload)
	}
	return encodeSamples(s, pixels)
}

// form is what a manifest says of stored images before they are decoded.
type form struct {
	pixels    PixelType
	formation data.Formation
	counts    []int // per class
}

// decode reads back what encode wrote, which takes at most so many bytes in memory.
func (f form) decode(tensors []checkpoint.Tensor, task *data.Task, most int64) (*data.Samples, PixelType, error) {
	code, err := f.pixels.Code(task.Shape)
	if err != nil {
		return nil, "", err
	}
	if code == nil {
		return decodeSamples(tensors, task, f.formation)
	}
	stream := checkpoint.ByName(tensors)[codeTensor]
	if err := f.checkCode(*code, task, len(stream.Data), most); err != nil {
		return nil, "", err
	}
	s, err := decodeCoded(tensors, *code, f.counts)
	return s, f.pixels, err
}

// checkCode checks a code and the counts before a stream of so many bytes is decoded.
func (f form) checkCode(code spectrum.Code, task *data.Task, stream int, most int64) error {
	switch {
	case DCTOf(code) != f.pixels:
		return fmt.Errorf("%w %q, want it written as %q", ErrPixels, f.pixels, DCTOf(code))
	case f.formation.Factor != 1:
		return fmt.Errorf("%w: coded images hold no tiles", data.ErrFormation)
	case len(f.counts) != len(task.Classes):
		return fmt.Errorf("images of %d classes, the task has %d", len(f.counts), len(task.Classes))
	}
	return checkCounts(f.counts, code, stream, most)
}
