package linear

import (
	"fmt"
	"math"
	"slices"

	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
)

// Names of the tensors of statistics.
const (
	squaresTensor  = "squares"
	productsTensor = "products"
	normTensor     = "norm"
	countsTensor   = "counts"
)

// Encode writes statistics as safetensors: squares F32 [d(d+1)/2], the lower
// triangle row by row, products F32 [C,d], norm F64 [1], counts I64 [C]. Values
// are rounded to float32, which halves the bytes: 2 d (d+1) + 4 C d and a header.
func (s *Statistics) Encode() ([]byte, error) {
	d := s.Shape.Size()
	triangle := make([]float32, 0, d*(d+1)/2)
	for i := range d {
		for _, v := range s.Squares[i*d : i*d+i+1] {
			triangle = append(triangle, float32(v))
		}
	}
	products, counts := make([]float32, len(s.Products)), make([]int64, s.Classes)
	for i, v := range s.Products {
		products[i] = float32(v)
	}
	for c, n := range s.Counts {
		counts[c] = int64(n)
	}
	return checkpoint.Encode([]checkpoint.Tensor{
		checkpoint.F32(squaresTensor, []int{len(triangle)}, triangle), checkpoint.F32(productsTensor, []int{s.Classes, d},
			products),
		checkpoint.F64(normTensor, []int{1}, []float64{s.Norm}), checkpoint.I64(countsTensor, []int{s.Classes}, counts)}, nil)
}

// Decode reads and checks what Encode wrote, for the given shape and classes. It
// allocates no more than a few times the file's size.
func Decode(file []byte, shape data.Shape, classes int) (*Statistics, error) {
	d := shape.Size()
	refuse := func(err error) (*Statistics, error) { return nil, fmt.Errorf("read ridge statistics: %w", err) }
	tensors, _, err := checkpoint.Decode(file, checkpoint.Limits{Tensors: 4, Rank: 2})
	if err != nil {
		return refuse(err)
	}
	byName := checkpoint.ByName(tensors)
	for name, want := range map[string]struct {
		dtype string
		shape []int
	}{squaresTensor: {checkpoint.DTypeF32, []int{d * (d + 1) / 2}}, productsTensor: {checkpoint.DTypeF32,
		[]int{classes, d}},
		normTensor: {checkpoint.DTypeF64, []int{1}}, countsTensor: {checkpoint.DTypeI64, []int{classes}}} {
		if t := byName[name]; len(tensors) != 4 || t.DType != want.dtype || !slices.Equal(t.Shape, want.shape) {
			return refuse(fmt.Errorf("%w: %s is %s %v, want %s %v", ErrShape, name, t.DType, t.Shape, want.dtype, want.shape))
		}
	}
	triangle, err := floatsOf(byName[squaresTensor])
	if err != nil {
		return refuse(err)
	}
	products, err := floatsOf(byName[productsTensor])
	if err != nil {
		return refuse(err)
	}
	norm, err := byName[normTensor].Float64s()
	if err != nil || !(norm[0] >= 0) || math.IsInf(norm[0], 0) {
		return refuse(fmt.Errorf("%w: norm %v", ErrShape, norm))
	}
	counts, err := byName[countsTensor].Int64s()
	if err != nil {
		return refuse(err)
	}
	s := NewStatistics(shape, classes)
	s.Norm = norm[0]
	for i := range d {
		for j := range i + 1 {
			s.Squares[i*d+j] = float64(triangle[i*(i+1)/2+j])
		}
		if s.Squares[i*d+i] < 0 {
			return refuse(fmt.Errorf("%w: a sum of squares is %g", ErrShape, s.Squares[i*d+i]))
		}
	}
	for i, v := range products {
		s.Products[i] = float64(v)
	}
	for c, n := range counts {
		if n < 0 || n > min(1<<40, math.MaxInt) {
			return refuse(fmt.Errorf("%w: %d samples of class %d", ErrShape, n, c))
		}
		s.Counts[c] = int(n)
	}
	return s, nil
}

func floatsOf(t checkpoint.Tensor) ([]float32, error) {
	v, err := t.Float32s()
	if err == nil {
		err = checkpoint.CheckFinite(t.Name, v)
	}
	return v, err
}
