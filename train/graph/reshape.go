package graph

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/kernel"
)

// reshape gives the same values another shape; a program shares the memory.
type reshape struct{ to tensor.Shape }

// Reshape reads x's values, in row-major order, as an array of another shape.
func Reshape(x *Node, shape ...int) *Node {
	if sameShape(x.Shape(), tensor.Shape(shape)) {
		return x
	}
	return apply(reshape{slices.Clone(shape)}, x)
}

func (o reshape) String() string { return attributes("reshape", []int(o.to)) }

func (o reshape) shape(in []tensor.Shape) (tensor.Shape, error) {
	if err := expect(in, 1); err != nil {
		return nil, err
	}
	if in[0].TotalSize() != o.to.TotalSize() {
		return nil, fmt.Errorf("%v has not the size of %v", in[0], o.to)
	}
	return o.to.Clone(), nil
}

func (o reshape) derive(in []*Node, out, grad *Node) []*Node {
	return []*Node{Reshape(grad, in[0].Shape()...)}
}

func (o reshape) bind(in []tensor.Shape, out tensor.Shape) run {
	return func(_ *kernel.Pool, in [][]float32, out []float32) { copy(out, in[0]) }
}

func (o reshape) reference(in []Array, out Array) { copy(out.Data, in[0].Data) }

// transpose swaps the dimensions of a matrix.
type transpose struct{}

// Transpose is the transposed matrix. Products take transposes as flags and
// need it not.
func Transpose(x *Node) *Node { return apply(transpose{}, x) }

func (transpose) String() string { return "transpose" }

func (transpose) shape(in []tensor.Shape) (tensor.Shape, error) {
	if err := expect(in, 1); err != nil {
		return nil, err
	}
	if len(in[0]) != 2 {
		return nil, fmt.Errorf("shape %v is no matrix", in[0])
	}
	return tensor.Shape{in[0][1], in[0][0]}, nil
}

func (transpose) derive(in []*Node, out, grad *Node) []*Node { return []*Node{Transpose(grad)} }

func (transpose) bind(in []tensor.Shape, out tensor.Shape) run {
	rows, cols := in[0][0], in[0][1]
	return func(_ *kernel.Pool, in [][]float32, out []float32) { kernel.Transpose(out, in[0], rows, cols) }
}

func (transpose) reference(in []Array, out Array) {
	rows, cols := in[0].Shape[0], in[0].Shape[1]
	for i := range rows {
		for j := range cols {
			out.Data[j*rows+i] = in[0].Data[i*cols+j]
		}
	}
}
