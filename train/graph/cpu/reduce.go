package cpu

import (
	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/kernel"
)

type sum graph.SumOp
type broadcast graph.BroadcastOp

func (o sum) onRows(in []rowOperand, shapes []tensor.Shape, out tensor.Shape) rowRun {
	n := in[0].size
	if in[0].kind != ownRow || rowSize(out) != 1 || rowsOf(shapes[0]) != rowsOf(out) {
		return nil
	}
	return func(rows int, out []float32, in [3][]float32) { kernel.RowSum(rows, n, out, in[0]) }
}

func (o sum) bind(in []tensor.Shape, out tensor.Shape) run {
	loop := kernel.NewSum(in[0], out)
	return func(p *kernel.Pool, in [][]float32, out []float32) { loop.Run(p, in[0], out) }
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
