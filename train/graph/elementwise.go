package graph

import (
	"fmt"

	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/kernel"
)

// arithmetic is one of the four operations on two arrays. Dimensions of size
// one stretch to meet the other array's, as in NumPy, but ranks must be equal.
type arithmetic struct{ sign rune }

// Add is a + b, value by value; dimensions of size one stretch.
func Add(a, b *Node) *Node { return apply(arithmetic{'+'}, a, b) }

// Sub is a - b, value by value; dimensions of size one stretch.
func Sub(a, b *Node) *Node { return apply(arithmetic{'-'}, a, b) }

// Mul is a b, value by value; dimensions of size one stretch.
func Mul(a, b *Node) *Node { return apply(arithmetic{'*'}, a, b) }

// Div is a / b, value by value; dimensions of size one stretch.
func Div(a, b *Node) *Node { return apply(arithmetic{'/'}, a, b) }

func (o arithmetic) String() string { return string(o.sign) }

func (o arithmetic) shape(in []tensor.Shape) (tensor.Shape, error) {
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

func (o arithmetic) derive(in []*Node, out, grad *Node) []*Node {
	a, b := in[0], in[1]
	switch o.sign {
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

func (o arithmetic) overwrites() []int { return []int{0, 1} }

// kernel is the operation's loops.
func (o arithmetic) kernel() kernel.Arithmetic {
	switch o.sign {
	case '+':
		return kernel.Add
	case '-':
		return kernel.Sub
	case '*':
		return kernel.Mul
	default:
		return kernel.Div
	}
}

func (o arithmetic) onRows(in []rowOperand, _ []tensor.Shape, out tensor.Shape) rowRun {
	return arithmeticOnRows(o.kernel(), in, rowSize(out))
}

// arithmeticOnRows binds the loops for rows of n values, or returns nil where
// neither side moves along the row.
func arithmeticOnRows(loop kernel.Arithmetic, in []rowOperand, n int) rowRun {
	a, b := in[0], in[1]
	switch {
	case a.kind == everyRow && b.size == n && b.kind == ownRow && a.size == n && n > 1:
		return func(rows int, out []float32, in [3][]float32) {
			for r := range rows {
				loop.Both(n, out[r*n:], in[0], in[1][r*n:])
			}
		}
	case b.kind == everyRow && a.size == n && a.kind == ownRow && b.size == n && n > 1:
		return func(rows int, out []float32, in [3][]float32) {
			for r := range rows {
				loop.Both(n, out[r*n:], in[0][r*n:], in[1])
			}
		}
	case a.kind == everyRow || b.kind == everyRow:
		return nil
	case a.size == n && b.size == n:
		return func(rows int, out []float32, in [3][]float32) { loop.Both(rows*n, out, in[0], in[1]) }
	case a.size == n && b.size == 1:
		return func(rows int, out []float32, in [3][]float32) { loop.Right(rows, n, out, in[0], in[1]) }
	case a.size == 1 && b.size == n:
		return func(rows int, out []float32, in [3][]float32) { loop.Left(rows, n, out, in[0], in[1]) }
	}
	return nil
}

func (o arithmetic) bind(in []tensor.Shape, out tensor.Shape) run {
	loop := kernel.NewBinary(o.kernel(), in[0], in[1])
	return func(p *kernel.Pool, in [][]float32, out []float32) { loop.Run(p, in[0], in[1], out) }
}

func (o arithmetic) reference(in []Array, out Array) {
	eachIndex(out.Shape, func(i int, index []int) {
		a, b := in[0].stretched(index), in[1].stretched(index)
		switch o.sign {
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
