package artifact

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/distillmesh/distillmesh/distill/frequency"
	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/spectrum"
)

// DCT is the pixel type of images kept as frequency coefficients. Its full form names
// the code (package frequency): DCT:COEFFICIENTS:STEP:POWER, such as DCT:64:2:2. DCT
// alone stands for a code that suits the images.
const DCT PixelType = "DCT"

// codeTensor holds the stream of levels of all images.
const codeTensor = "code"

// A rung is a code for images of at least so many bytes per class.
type rung struct {
	bytes int
	share float64 // of all coefficients that are kept
	step  float32
}

// ladders were measured on held-out training samples of MNIST, Fashion-MNIST and CIFAR-10,
// random real images of two classes per device (docs/bytes.md): few bytes are best spent on more
// images, then on finer steps and more coefficients of each.
var (
	grayLadder  = []rung{{0, 100.0 / 784, 3}, {450, 144.0 / 784, 3}, {1300, 144.0 / 784, 2}, {2500, 200.0 / 784, 1.5}}
	colorLadder = []rung{{0, 300.0 / 3072, 3}, {4000, 600.0 / 3072, 3}, {50_000, 600.0 / 3072, 2}}
)

// LaddersVersion is incremented whenever CodeFor changes.
const LaddersVersion = 1

// CodeFor is the code for images of a shape that take so many bytes per class; 0 when that is
// open.
func CodeFor(s data.Shape, bytesPerClass int) spectrum.Code {
	ladder := grayLadder
	if s.C == 3 {
		ladder = colorLadder
	}
	at := ladder[0]
	for _, r := range ladder {
		if bytesPerClass >= r.bytes {
			at = r
		}
	}
	k := int(math.Round(at.share * float64(s.Size())))
	return spectrum.Code{Shape: s, K: min(s.Size(), max(1, k)), Step: at.step}
}

// DCTOf is the pixel type of a code.
func DCTOf(c spectrum.Code) PixelType {
	return PixelType(fmt.Sprintf("%s:%d:%s:%d", DCT, c.K, strconv.FormatFloat(float64(c.Step), 'g', -1, 32), c.Power))
}

// IsDCT reports whether images are kept as frequency coefficients.
func (p PixelType) IsDCT() bool { return p == DCT || strings.HasPrefix(string(p), string(DCT)+":") }

// Code is the code of DCT:COEFFICIENTS:STEP:POWER for images of a shape, nil for pixel types
// without a code. It fails with ErrPixels where the type is misspelled or does not suit.
func (p PixelType) Code(s data.Shape) (*spectrum.Code, error) {
	if !p.IsDCT() || p == DCT {
		return nil, nil
	}
	c := spectrum.Code{Shape: s}
	parts := strings.Split(string(p), ":")
	if len(parts) != 4 {
		return nil, fmt.Errorf("%w %q: want DCT or DCT:COEFFICIENTS:STEP:POWER", ErrPixels, p)
	}
	step, err := strconv.ParseFloat(parts[2], 32)
	k, err1 := strconv.Atoi(parts[1])
	power, err2 := strconv.Atoi(parts[3])
	if err := errors.Join(err, err1, err2); err != nil {
		return nil, fmt.Errorf("%w %q: want DCT or DCT:COEFFICIENTS:STEP:POWER: %w", ErrPixels, p, err)
	}
	c.K, c.Step, c.Power = k, float32(step), power
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("%w %q: %w", ErrPixels, p, err)
	}
	return &c, nil
}

// encodeCoded writes images as a stream of levels. Hard labels are not written: images
// stand class after class, and the manifest has the counts. With a payload above 0 the
// stream takes at most so many bytes.
func encodeCoded(s *data.Samples, c spectrum.Code, payload int) ([]checkpoint.Tensor, error) {
	if s.Soft == nil && !slices.IsSorted(s.Y) {
		return nil, errors.New("encode samples: coded images of hard labels must stand class after class")
	}
	t, err := frequency.Open(c)
	if err != nil {
		return nil, fmt.Errorf("encode samples: %w", err)
	}
	coefficients, err := t.Forward(s.X)
	if err != nil {
		return nil, fmt.Errorf("encode samples: %w", err)
	}
	labels := s.Y
	if s.Soft != nil {
		labels = argMax(s.Soft, s.Classes) // as a reader knows them
	}
	stream, err := t.Fit(coefficients, labels, payload)
	if err != nil {
		return nil, fmt.Errorf("encode samples: %w", err)
	}
	out := []checkpoint.Tensor{checkpoint.U8(codeTensor, []int{len(stream)}, stream)}
	if s.Soft != nil {
		out = append(out, checkpoint.F32(labelsTensor, []int{s.Len(), s.Classes}, s.Soft))
	}
	return out, nil
}

// decodeCoded reads back what encodeCoded wrote, counts being the images of each class.
func decodeCoded(tensors []checkpoint.Tensor, c spectrum.Code, counts []int) (*data.Samples, error) {
	byName := checkpoint.ByName(tensors)
	code, ok := byName[codeTensor]
	if !ok || code.DType != checkpoint.DTypeU8 || len(code.Shape) != 1 {
		return nil, fmt.Errorf("holds no %q of U8", codeTensor)
	}
	s := &data.Samples{Shape: c.Shape, Classes: len(counts)}
	n := 0
	for _, k := range counts {
		n += k
	}
	labels, soft := byName[labelsTensor]
	switch {
	case soft && labels.DType != checkpoint.DTypeF32:
		return nil, fmt.Errorf("labels are %s, beside a code they are F32 or left out", labels.DType)
	case soft:
		if err := decodeLabels(s, labels, n); err != nil {
			return nil, err
		}
	default:
		for class, k := range counts {
			for range k {
				s.Y = append(s.Y, class)
			}
		}
	}
	if known := map[bool]int{false: 1, true: 2}[soft]; len(tensors) != known {
		return nil, fmt.Errorf("holds %d tensors, want %d", len(tensors), known)
	}
	stream, err := code.Uint8s()
	if err != nil {
		return nil, err
	}
	t, err := frequency.Open(c)
	if err != nil {
		return nil, err
	}
	levels, err := t.Decode(stream, s.Y)
	if err != nil {
		return nil, err
	}
	if s.X, err = t.Inverse(t.Dequantize(levels)); err != nil {
		return nil, err
	}
	return s, nil
}

// roundedBy is samples with images rounded as by a code.
func roundedBy(c spectrum.Code, s *data.Samples) (*data.Samples, error) {
	t, err := c.Open()
	if err != nil {
		return nil, err
	}
	coefficients, err := t.Forward(s.X)
	if err != nil {
		return nil, err
	}
	out := &data.Samples{Shape: s.Shape, Classes: s.Classes, Y: s.Y, Soft: s.Soft}
	out.X, err = t.Inverse(t.Dequantize(t.Quantize(coefficients)))
	return out, err
}

// MostPerByte is how many images a byte of a set can hold: each takes at least a bit.
const MostPerByte = 8

// checkCounts refuses a code whose images would not be worth their bytes: a stream of a
// few bytes can claim any number of images. The images take at most so many bytes in memory,
// with their levels and coefficients, and each at least a bit of the stream.
func checkCounts(counts []int, c spectrum.Code, stream int, most int64) error {
	images := int64(0)
	for class, n := range counts {
		if n < 0 || int64(n) > most {
			return fmt.Errorf("%d images of class %d", n, class)
		}
		images += int64(n)
	}
	switch bytes := 4 * int64(c.Shape.Size()+2*c.K); {
	case images < 1:
		return errors.New("no images")
	case images > MostPerByte*int64(stream):
		return fmt.Errorf("%d images in %d bytes, want at least a bit for each", images, stream)
	case images > most/bytes:
		return fmt.Errorf("%d images of %v take more than %d bytes in memory", images, c.Shape, most)
	}
	return nil
}
