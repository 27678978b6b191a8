package graph

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/kernel"
)

// sumTo adds up the dimensions in which the wanted shape has size one.
type sumTo struct{ to tensor.Shape }

// SumTo sums x over every dimension in which shape has size one, and keeps
// these dimensions. The derivative is Broadcast.
func SumTo(x *Node, shape tensor.Shape) *Node {
	if sameShape(x.Shape(), shape) {
		return x
	}
	return apply(sumTo{shape.Clone()}, x)
}

// Sum adds up all values, as an array of one value with x's rank.
func Sum(x *Node) *Node { return SumTo(x, slices.Repeat(tensor.Shape{1}, len(x.Shape()))) }

// Mean is the average of all values, as an array of one value with x's rank.
func Mean(x *Node) *Node { return Scale(Sum(x), 1/float64(x.Shape().TotalSize())) }

func (o sumTo) String() string { return attributes("sum", []int(o.to)) }

func (o sumTo) shape(in []tensor.Shape) (tensor.Shape, error) {
	if err := expect(in, 1); err != nil {
		return nil, err
	}
	return o.to.Clone(), stretches(o.to, in[0])
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

func (o sumTo) derive(in []*Node, out, grad *Node) []*Node {
	return []*Node{Broadcast(grad, in[0].Shape())}
}

func (o sumTo) onRows(in []rowOperand, shapes []tensor.Shape, out tensor.Shape) rowRun {
	n := in[0].size
	if in[0].kind != ownRow || rowSize(out) != 1 || rowsOf(shapes[0]) != rowsOf(out) {
		return nil
	}
	return func(rows int, out []float32, in [3][]float32) { kernel.RowSum(rows, n, out, in[0]) }
}

func (o sumTo) bind(in []tensor.Shape, out tensor.Shape) run {
	loop := kernel.NewSum(in[0], out)
	return func(p *kernel.Pool, in [][]float32, out []float32) { loop.Run(p, in[0], out) }
}

func (o sumTo) reference(in []Array, out Array) {
	eachIndex(in[0].Shape, func(i int, index []int) {
		at := 0
		for d, size := range out.Shape {
			at = at*size + min(index[d], size-1)
		}
		out.Data[at] += in[0].Data[i]
	})
}

// broadcast repeats values along dimensions of size one.
type broadcast struct{ to tensor.Shape }

// Broadcast stretches dimensions of size one to those of shape. The derivative
// is SumTo.
func Broadcast(x *Node, shape tensor.Shape) *Node {
	if sameShape(x.Shape(), shape) {
		return x
	}
	return apply(broadcast{shape.Clone()}, x)
}

func (o broadcast) String() string { return attributes("broadcast", []int(o.to)) }

func (o broadcast) shape(in []tensor.Shape) (tensor.Shape, error) {
	if err := expect(in, 1); err != nil {
		return nil, err
	}
	return o.to.Clone(), stretches(in[0], o.to)
}

func (o broadcast) derive(in []*Node, out, grad *Node) []*Node {
	return []*Node{SumTo(grad, in[0].Shape())}
}

func (o broadcast) onRows(in []rowOperand, _ []tensor.Shape, out tensor.Shape) rowRun {
	n := rowSize(out)
	switch {
	case in[0].kind == everyRow && in[0].size == n && n > 1:
		return func(rows int, out []float32, in [3][]float32) {
			for r := range rows {
				copy(out[r*n:(r+1)*n], in[0])
			}
		}
	case in[0].kind != everyRow && in[0].size == 1:
		return func(rows int, out []float32, in [3][]float32) {
			for r := range rows {
				kernel.Fill(out[r*n:(r+1)*n], nil, in[0][r])
			}
		}
	}
	return nil
}

func (o broadcast) bind(in []tensor.Shape, out tensor.Shape) run {
	loop := kernel.NewBinary(kernel.First, in[0], out)
	return func(p *kernel.Pool, in [][]float32, out []float32) { loop.Run(p, in[0], out, out) }
}

func (o broadcast) reference(in []Array, out Array) {
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
