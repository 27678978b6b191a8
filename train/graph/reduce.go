package graph

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"
)

// SumOp adds up the dimensions in which the wanted shape has size one.
type SumOp struct{ To tensor.Shape }

// SumTo sums x over every dimension in which shape has size one, and keeps
// these dimensions. The derivative is Broadcast.
func SumTo(x *Node, shape tensor.Shape) *Node {
	if sameShape(x.Shape(), shape) {
		return x
	}
	return apply(SumOp{shape.Clone()}, x)
}

// Sum adds up all values, as an array of one value with x's rank.
func Sum(x *Node) *Node { return SumTo(x, slices.Repeat(tensor.Shape{1}, len(x.Shape()))) }

// Mean is the average of all values, as an array of one value with x's rank.
func Mean(x *Node) *Node { return Scale(Sum(x), 1/float64(x.Shape().TotalSize())) }

func (o SumOp) String() string { return attributes("sum", []int(o.To)) }

// Shape implements Operation.
func (o SumOp) Shape(in []tensor.Shape) (tensor.Shape, error) {
	if err := expect(in, 1); err != nil {
		return nil, err
	}
	return o.To.Clone(), stretches(o.To, in[0])
}

// stretches is an error unless small becomes large by stretching dimensions of
// size one.
func stretches(small, large tensor.Shape) error {
	if len(small) != len(large) {
		return fmt.Errorf("shapes %v and %v", small, large)
	}
	for i, d := range small {
		if d != 1 && d != large[i] {
			return fmt.Errorf("shapes %v and %v", small, large)
		}
	}
	return nil
}

// Derive implements Operation.
func (o SumOp) Derive(in []*Node, out, grad *Node) []*Node {
	return []*Node{Broadcast(grad, in[0].Shape())}
}

// Reference implements Operation.
func (o SumOp) Reference(in []Array, out Array) {
	eachIndex(in[0].Shape, func(i int, index []int) {
		at := 0
		for d, size := range out.Shape {
			at = at*size + min(index[d], size-1)
		}
		out.Data[at] += in[0].Data[i]
	})
}

// BroadcastOp repeats values along dimensions of size one.
type BroadcastOp struct{ To tensor.Shape }

// Broadcast stretches dimensions of size one to those of shape. The derivative
// is SumTo.
func Broadcast(x *Node, shape tensor.Shape) *Node {
	if sameShape(x.Shape(), shape) {
		return x
	}
	return apply(BroadcastOp{shape.Clone()}, x)
}

func (o BroadcastOp) String() string { return attributes("broadcast", []int(o.To)) }

// Shape implements Operation.
func (o BroadcastOp) Shape(in []tensor.Shape) (tensor.Shape, error) {
	if err := expect(in, 1); err != nil {
		return nil, err
	}
	return o.To.Clone(), stretches(in[0], o.To)
}

// Derive implements Operation.
func (o BroadcastOp) Derive(in []*Node, out, grad *Node) []*Node {
	return []*Node{SumTo(grad, in[0].Shape())}
}

// Reference implements Operation.
func (o BroadcastOp) Reference(in []Array, out Array) {
	eachIndex(out.Shape, func(i int, index []int) { out.Data[i] = in[0].stretched(index) })
}

func sameShapes(in []tensor.Shape, n int) (tensor.Shape, error) {
	if err := expect(in, n); err != nil {
		return nil, err
	}
	for _, s := range in[1:] {
		if !sameShape(s, in[0]) {
			return nil, fmt.Errorf("shapes %v and %v", in[0], s)
		}
	}
	return in[0].Clone(), nil
}
