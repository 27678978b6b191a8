package cpu

import (
	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/kernel"
)

type arithmetic graph.ArithmeticOp

func (o arithmetic) overwrites() []int { return []int{0, 1} }

// kernel is the operation's loops.
func (o arithmetic) kernel() kernel.Arithmetic {
	switch o.Sign {
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

// arithmeticOnRows binds the loops for rows of n values, or returns nil if
// neither operand varies along the row.
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
