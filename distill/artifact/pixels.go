package artifact

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
)

// PixelType is how pixels are encoded.
type PixelType string

// ErrPixels means that no pixel type has the name, or that it does not fit
// images of a shape.
var ErrPixels = errors.New("pixel type")

// The pixel types. U4 and U8 keep a range per image, because clipping to a common
// range costs distilled images up to 27 points of accuracy, while rounding to
// bytes in a range per image costs at most 0.1.
const (
	U4  PixelType = "U4" // two pixels of a row in a byte, the first in its low half
	U8  PixelType = "U8"
	F16 PixelType = "F16"
	F32 PixelType = "F32"
)

// Check fails with ErrPixels unless images of a shape can be written so.
func (p PixelType) Check(s data.Shape) error {
	switch {
	case p == DCT:
		if err := CodeFor(s, 0).Validate(); err != nil {
			return fmt.Errorf("%w %s: %w", ErrPixels, p, err)
		}
		return nil
	case p.IsDCT():
		_, err := p.Code(s)
		return err
	case !slices.Contains([]PixelType{U4, U8, F16, F32}, p):
		return fmt.Errorf("%w %q: there is none of the name, want DCT, U4, U8, F16 or F32", ErrPixels, p)
	case p == U4 && s.W < 2:
		return fmt.Errorf("%w U4: rows of one value have no halves, want another", ErrPixels)
	}
	return nil
}

// mostTiles is the factor of tiles that methods use by themselves; a larger one was asked for.
const mostTiles = 2

// SuitablePixels is the requested pixel type, or the default for the images of a request,
// whose outline is that without a code. Images like real ones are kept as frequency
// coefficients (docs/bytes.md has the types measured), unless tiles were asked for or they
// are too small. Half a byte per value is for tiles within the range of real pixels, where it costs
// no measurable accuracy (docs/methods.md). Others take a byte.
func SuitablePixels(asked PixelType, o distill.Outline, req distill.Request) PixelType {
	switch {
	case asked != "":
		return asked
	case o.Natural && req.Formation <= 1 && o.Formation.Factor <= mostTiles && DCT.Check(req.Samples.Shape) == nil:
		return DCT
	case o.InRange:
		return U4
	}
	return U8
}

// steps is how many steps lie between the ends of a range, 0 for floats.
func (p PixelType) steps() int {
	switch p {
	case U4:
		return 15
	case U8:
		return 255
	}
	return 0
}

// Names of the tensors in data.safetensors.
const (
	imagesTensor = "images"
	rangeTensor  = "range"
	labelsTensor = "labels"
)

// layout gives the tensors of n images without their values: images [N,C,H,W], of U4
// [N,C,H,(W+1)/2] bytes, range [N,2] for U4 and U8, labels [N] or, when soft, [N,K].
func (p PixelType) layout(n int, s data.Shape, classes int, soft bool) []checkpoint.Tensor {
	labels := checkpoint.Tensor{Name: labelsTensor, DType: checkpoint.DTypeU8, Shape: []int{n}}
	switch {
	case soft:
		labels.DType, labels.Shape = checkpoint.DTypeF32, []int{n, classes}
	case classes > 1<<8:
		labels.DType = checkpoint.DTypeU16
	}
	images := checkpoint.Tensor{Name: imagesTensor, DType: string(p), Shape: []int{n, s.C, s.H, s.W}}
	if p == U4 {
		images.DType, images.Shape[3] = checkpoint.DTypeU8, halves(s.W)
	}
	out := []checkpoint.Tensor{labels, images}
	if p.steps() > 0 {
		out = append(out, checkpoint.Tensor{Name: rangeTensor, DType: checkpoint.DTypeF32, Shape: []int{n, 2}})
	}
	return out
}

// encodeSamples writes samples as tensors. It fails with ErrPixels where the type does
// not suit their shape.
func encodeSamples(s *data.Samples, pixels PixelType) ([]checkpoint.Tensor, error) {
	if err := pixels.Check(s.Shape); err != nil {
		return nil, fmt.Errorf("encode samples: %w", err)
	}
	out := pixels.layout(s.Len(), s.Shape, s.Classes, s.Soft != nil)
	labels, images := &out[0], &out[1]
	switch labels.DType {
	case checkpoint.DTypeF32:
		*labels = checkpoint.F32(labels.Name, labels.Shape, s.Soft)
	case checkpoint.DTypeU8:
		*labels = checkpoint.U8(labels.Name, labels.Shape, narrow[uint8](s.Y))
	case checkpoint.DTypeU16:
		*labels = checkpoint.U16(labels.Name, labels.Shape, narrow[uint16](s.Y))
	}
	switch pixels {
	case U4, U8:
		values, ranges := quantize(s, pixels.steps())
		if pixels == U4 {
			values = packHalves(values, s.Shape.W)
		}
		*images = checkpoint.U8(images.Name, images.Shape, values)
		out[2] = checkpoint.F32(rangeTensor, out[2].Shape, ranges)
	case F16:
		*images = checkpoint.F16(images.Name, images.Shape, s.X)
	case F32:
		*images = checkpoint.F32(images.Name, images.Shape, s.X)
	}
	return out, nil
}

func narrow[T uint8 | uint16](y []int) []T {
	out := make([]T, len(y))
	for i, v := range y {
		out[i] = T(v)
	}
	return out
}

// quantize rounds each image to steps between its own least and greatest
// value: x = lo + u (hi - lo) / steps.
func quantize(s *data.Samples, steps int) (values []uint8, ranges []float32) {
	values = make([]uint8, 0, len(s.X))
	for i := range s.Len() {
		row := s.Row(i)
		lo, hi := slices.Min(row), slices.Max(row)
		ranges = append(ranges, lo, hi)
		scale := 0.0
		if hi > lo {
			scale = float64(steps) / (float64(hi) - float64(lo))
		}
		for _, v := range row {
			values = append(values, uint8(math.Round((float64(v)-float64(lo))*scale)))
		}
	}
	return values, ranges
}

func dequantize(values []uint8, ranges []float32, size, steps int) []float32 {
	out := make([]float32, len(values))
	for i, u := range values {
		lo, hi := ranges[2*(i/size)], ranges[2*(i/size)+1]
		out[i] = lo + float32(u)*(hi-lo)/float32(steps)
	}
	return out
}

// halves is how many bytes hold a row of pixels of half a byte.
func halves(width int) int { return (width + 1) / 2 }

// packHalves puts two values of a row into a byte; the last high half of an odd
// row is 0.
func packHalves(values []uint8, width int) []uint8 {
	out := make([]uint8, 0, len(values)/width*halves(width))
	for row := range slices.Chunk(values, width) {
		for pair := range slices.Chunk(row, 2) {
			b := pair[0]
			if len(pair) == 2 {
				b |= pair[1] << 4
			}
			out = append(out, b)
		}
	}
	return out
}

// unpackHalves is the reverse of packHalves; it reports whether no bit was lost.
func unpackHalves(packed []uint8, width int) (values []uint8, whole bool) {
	values, whole = make([]uint8, 0, 2*len(packed)), true
	for row := range slices.Chunk(packed, halves(width)) {
		for i, b := range row {
			values = append(values, b&15)
			if 2*i+1 < width {
				values = append(values, b>>4)
			} else {
				whole = whole && b>>4 == 0
			}
		}
	}
	return values, whole
}

// decodeSamples reads back what encodeSamples wrote, checking every tensor
// against the task and the formation: names, types, shapes, finite values, label range.
func decodeSamples(tensors []checkpoint.Tensor, task *data.Task, f data.Formation) (*data.Samples, PixelType, error) {
	byName := checkpoint.ByName(tensors)
	images, ok := byName[imagesTensor]
	labels, ok2 := byName[labelsTensor]
	if !ok || !ok2 {
		return nil, "", fmt.Errorf("holds no %q or no %q", imagesTensor, labelsTensor)
	}
	stored := f.StoredShape(task.Shape)
	want := []int{stored.C, stored.H, stored.W}
	pixels := pixelsOf(images, stored.W)
	if pixels == U4 {
		want[2] = halves(stored.W)
	}
	if len(images.Shape) != 4 || !slices.Equal(images.Shape[1:], want) || images.Shape[0] < 1 {
		return nil, "", fmt.Errorf("images are %v, task %s wants N x %v", images.Shape, task.Name, stored)
	}
	s := &data.Samples{Shape: stored, Classes: len(task.Classes)}
	known := 2
	if images.DType == checkpoint.DTypeU8 {
		known = 3
	}
	if len(tensors) != known {
		return nil, "", fmt.Errorf("holds %d tensors, want %d", len(tensors), known)
	}
	if err := decodeImages(s, images, byName[rangeTensor], pixels); err != nil {
		return nil, "", err
	}
	if err := decodeLabels(s, labels, images.Shape[0]); err != nil {
		return nil, "", err
	}
	return s, pixels, nil
}

// pixelsOf is the pixel type of images of a width: if there are half as many
// bytes as pixels, each byte holds two.
func pixelsOf(images checkpoint.Tensor, width int) PixelType {
	if images.DType == checkpoint.DTypeU8 && width > 1 && len(images.Shape) == 4 && images.Shape[3] == halves(width) {
		return U4
	}
	return PixelType(images.DType)
}

func decodeImages(s *data.Samples, images, ranges checkpoint.Tensor, pixels PixelType) (err error) {
	if images.DType != checkpoint.DTypeU8 {
		if s.X, err = images.Float32s(); err != nil {
			return err
		}
		return checkpoint.CheckFinite("images", s.X)
	}
	n := images.Shape[0]
	if !slices.Equal(ranges.Shape, []int{n, 2}) || ranges.DType != checkpoint.DTypeF32 {
		return fmt.Errorf("range is %s %v, want F32 [%d 2]", ranges.DType, ranges.Shape, n)
	}
	lohi, err := ranges.Float32s()
	if err != nil {
		return err
	}
	if err := checkpoint.CheckFinite("range", lohi); err != nil {
		return err
	}
	for i := range n {
		if lohi[2*i] > lohi[2*i+1] {
			return fmt.Errorf("range of image %d runs from %g down to %g", i, lohi[2*i], lohi[2*i+1])
		}
	}
	values, err := images.Uint8s()
	if err != nil {
		return err
	}
	if pixels == U4 {
		whole := false
		if values, whole = unpackHalves(values, s.Shape.W); !whole {
			return errors.New("images have something behind the last pixel of a row")
		}
	}
	s.X = dequantize(values, lohi, s.Shape.Size(), pixels.steps())
	return checkpoint.CheckFinite("images", s.X)
}

func decodeLabels(s *data.Samples, labels checkpoint.Tensor, n int) error {
	soft := labels.DType == checkpoint.DTypeF32
	want := []int{n}
	if soft {
		want = []int{n, s.Classes}
	}
	if !slices.Equal(labels.Shape, want) {
		return fmt.Errorf("labels are %s %v, want %v", labels.DType, labels.Shape, want)
	}
	var err error
	switch labels.DType {
	case checkpoint.DTypeF32:
		if s.Soft, err = labels.Float32s(); err == nil {
			err = checkpoint.CheckFinite("labels", s.Soft)
		}
		if err == nil {
			s.Y = argMax(s.Soft, s.Classes)
		}
	case checkpoint.DTypeU8:
		s.Y, err = widen(labels.Uint8s())
	case checkpoint.DTypeU16:
		s.Y, err = widen(labels.Uint16s())
	default:
		err = fmt.Errorf("labels are %s, want U8, U16 or F32", labels.DType)
	}
	if err != nil {
		return err
	}
	for i, y := range s.Y {
		if y >= s.Classes {
			return fmt.Errorf("label %d is %d, the task has %d classes", i, y, s.Classes)
		}
	}
	return nil
}

func widen[T uint8 | uint16](v []T, err error) ([]int, error) {
	out := make([]int, len(v))
	for i, x := range v {
		out[i] = int(x)
	}
	return out, err
}

func argMax(rows []float32, classes int) []int {
	out := make([]int, len(rows)/classes)
	for i := range out {
		row := rows[i*classes : (i+1)*classes]
		out[i] = slices.Index(row, slices.Max(row))
	}
	return out
}

// RoundTrip gives the samples as a reader of the written set decodes them,
// rounding included.
func RoundTrip(s *data.Samples, pixels PixelType) (*data.Samples, error) {
	code, err := pixels.Code(s.Shape)
	if err != nil {
		return nil, err
	}
	if code != nil {
		return roundedBy(*code, s)
	}
	tensors, err := encodeSamples(s, pixels)
	if err != nil {
		return nil, err
	}
	return rounded(s, tensors, pixels)
}

// rounded is samples with images rounded as in the tensors.
func rounded(s *data.Samples, tensors []checkpoint.Tensor, pixels PixelType) (*data.Samples, error) {
	out := &data.Samples{Shape: s.Shape, Classes: s.Classes, Y: s.Y, Soft: s.Soft}
	byName := checkpoint.ByName(tensors)
	err := decodeImages(out, byName[imagesTensor], byName[rangeTensor], pixels)
	return out, err
}
