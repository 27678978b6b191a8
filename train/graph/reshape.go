package graph

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"
)

// ReshapeOp gives the same values another shape; a program shares the memory.
type ReshapeOp struct{ To tensor.Shape }

// Reshape reads x's values, in row-major order, as an array of another shape.
func Reshape(x *Node, shape ...int) *Node {
	if sameShape(x.Shape(), tensor.Shape(shape)) {
		return x
	}
	return apply(ReshapeOp{slices.Clone(shape)}, x)
}

func (o ReshapeOp) String() string { return attributes("reshape", []int(o.To)) }

// Shape implements Operation.
func (o ReshapeOp) Shape(in []tensor.Shape) (tensor.Shape, error) {
	if err := expect(in, 1); err != nil {
		return nil, err
	}
	if in[0].TotalSize() != o.To.TotalSize() {
		return nil, fmt.Errorf("%v has not the size of %v", in[0], o.To)
	}
	return o.To.Clone(), nil
}

// Derive implements Operation.
func (o ReshapeOp) Derive(in []*Node, out, grad *Node) []*Node {
	return []*Node{Reshape(grad, in[0].Shape()...)}
}

// Reference implements Operation.
func (o ReshapeOp) Reference(in []Array, out Array) { copy(out.Data, in[0].Data) }

// TransposeOp swaps the dimensions of a matrix.
type TransposeOp struct{}

// Transpose is the transposed matrix. Products have flags for transposes and do
// not need it.
func Transpose(x *Node) *Node { return apply(TransposeOp{}, x) }

func (TransposeOp) String() string { return "transpose" }

// Shape implements Operation.
func (TransposeOp) Shape(in []tensor.Shape) (tensor.Shape, error) {
	if err := expect(in, 1); err != nil {
		return nil, err
	}
	if len(in[0]) != 2 {
		return nil, fmt.Errorf("shape %v is no matrix", in[0])
	}
	return tensor.Shape{in[0][1], in[0][0]}, nil
}

// Derive implements Operation.
func (TransposeOp) Derive(in []*Node, out, grad *Node) []*Node { return []*Node{Transpose(grad)} }

// Reference implements Operation.
func (TransposeOp) Reference(in []Array, out Array) {
	rows, cols := in[0].Shape[0], in[0].Shape[1]
	for i := range rows {
		for j := range cols {
			out.Data[j*rows+i] = in[0].Data[i*cols+j]
		}
	}
}
