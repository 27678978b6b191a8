package graph

import (
	"fmt"

	"gorgonia.org/tensor"
)

// ArithmeticOp is one of the four operations on two arrays, + - * or /. Dimensions of size
// one stretch to meet the other array's, as in NumPy, but ranks must be equal.
type ArithmeticOp struct{ Sign rune }

// Add is a + b, value by value; dimensions of size one stretch.
func Add(a, b *Node) *Node { return apply(ArithmeticOp{'+'}, a, b) }

// Sub is a - b, value by value; dimensions of size one stretch.
func Sub(a, b *Node) *Node { return apply(ArithmeticOp{'-'}, a, b) }

// Mul is a b, value by value; dimensions of size one stretch.
func Mul(a, b *Node) *Node { return apply(ArithmeticOp{'*'}, a, b) }

// Div is a / b, value by value; dimensions of size one stretch.
func Div(a, b *Node) *Node { return apply(ArithmeticOp{'/'}, a, b) }

func (o ArithmeticOp) String() string { return string(o.Sign) }

// Shape implements Operation.
func (o ArithmeticOp) Shape(in []tensor.Shape) (tensor.Shape, error) {
	if err := expect(in, 2); err != nil {
		return nil, err
	}
	a, b := in[0], in[1]
	if len(a) != len(b) {
		return nil, fmt.Errorf("shapes %v and %v", a, b)
	}
	out := a.Clone()
	for i := range out {
		if a[i] != b[i] && a[i] != 1 && b[i] != 1 {
			return nil, fmt.Errorf("shapes %v and %v", a, b)
		}
		if a[i] == 1 {
			out[i] = b[i]
		}
	}
	return out, nil
}

// Derive implements Operation.
func (o ArithmeticOp) Derive(in []*Node, out, grad *Node) []*Node {
	a, b := in[0], in[1]
	switch o.Sign {
	case '+':
		return []*Node{SumTo(grad, a.Shape()), SumTo(grad, b.Shape())}
	case '-':
		return []*Node{SumTo(grad, a.Shape()), Scale(SumTo(grad, b.Shape()), -1)}
	case '*':
		return []*Node{SumTo(Mul(grad, b), a.Shape()), SumTo(Mul(grad, a), b.Shape())}
	default:
		return []*Node{SumTo(Div(grad, b), a.Shape()), Scale(SumTo(Div(Mul(grad, out), b), b.Shape()), -1)}
	}
}

// Reference implements Operation.
func (o ArithmeticOp) Reference(in []Array, out Array) {
	eachIndex(out.Shape, func(i int, index []int) {
		a, b := in[0].stretched(index), in[1].stretched(index)
		switch o.Sign {
		case '+':
			out.Data[i] = a + b
		case '-':
			out.Data[i] = a - b
		case '*':
			out.Data[i] = a * b
		default:
			out.Data[i] = a / b
		}
	})
}

// stretched is the value at an index of the stretched array.
func (a Array) stretched(index []int) float64 {
	at := 0
	for i, d := range a.Shape {
		at *= d
		if d != 1 {
			at += index[i]
		}
	}
	return a.Data[at]
}

// eachIndex calls f with every index of a shape in row-major order. The slice
// is reused.
func eachIndex(shape tensor.Shape, f func(i int, index []int)) {
	index := make([]int, len(shape))
	for i := range shape.TotalSize() {
		f(i, index)
		for d := len(shape) - 1; d >= 0; d-- {
			if index[d]++; index[d] < shape[d] {
				break
			}
			index[d] = 0
		}
	}
}
