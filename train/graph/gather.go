package graph

import (
	"fmt"

	"gorgonia.org/tensor"
)

// Gathering is linear: its derivative adds rows back to where they were taken
// from, and the derivative of that gathers again.

// GatherOp takes rows by index.
type GatherOp struct{}

// SpreadOp adds rows back by index; To is the shape of all rows.
type SpreadOp struct{ To tensor.Shape }

// Gather is the rows of x at the given indices: x is (N, ...), index (M) holds whole
// numbers from 0 to N-1, and the result is (M, ...). The index has no derivative.
func Gather(x, index *Node) *Node { return apply(GatherOp{}, x, index) }

// Spread is an array of a shape (N, ...) in which each row is the sum of the rows
// of x, (M, ...), whose index it is.
func Spread(x, index *Node, shape ...int) *Node { return apply(SpreadOp{shape}, x, index) }

func (GatherOp) String() string   { return "gather" }
func (o SpreadOp) String() string { return attributes("spread", []int(o.To)) }

// Shape implements Operation.
func (GatherOp) Shape(in []tensor.Shape) (tensor.Shape, error) {
	if err := expect(in, 2); err != nil {
		return nil, err
	}
	if len(in[0]) < 2 || len(in[1]) != 1 {
		return nil, fmt.Errorf("rows %v by index %v", in[0], in[1])
	}
	out := in[0].Clone()
	out[0] = in[1][0]
	return out, nil
}

// Shape implements Operation.
func (o SpreadOp) Shape(in []tensor.Shape) (tensor.Shape, error) {
	want, err := GatherOp{}.Shape([]tensor.Shape{o.To, in[len(in)-1]})
	if err != nil {
		return nil, err
	}
	if len(in) != 2 || !sameShape(in[0], want) {
		return nil, fmt.Errorf("rows %v, want %v", in, want)
	}
	return o.To.Clone(), nil
}

// Derive implements Operation.
func (GatherOp) Derive(in []*Node, out, grad *Node) []*Node {
	return []*Node{Spread(grad, in[1], in[0].Shape()...), nil}
}

// Derive implements Operation.
func (SpreadOp) Derive(in []*Node, out, grad *Node) []*Node {
	return []*Node{Gather(grad, in[1]), nil}
}

// Reference implements Operation.
func (GatherOp) Reference(in []Array, out Array) {
	size := rowLength(in[0].Shape)
	for i, at := range in[1].Data {
		copy(out.Data[i*size:(i+1)*size], in[0].Data[int(at)*size:])
	}
}

// Reference implements Operation.
func (SpreadOp) Reference(in []Array, out Array) {
	size := rowLength(out.Shape)
	for i, at := range in[1].Data {
		for j, v := range in[0].Data[i*size : (i+1)*size] {
			out.Data[int(at)*size+j] += v
		}
	}
}

// rowLength is the number of values per row of a shape.
func rowLength(s tensor.Shape) int { return s.TotalSize() / max(1, s[0]) }
