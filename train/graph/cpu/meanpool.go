package cpu

import (
	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/graph"
)

type meanPool graph.MeanPoolOp
type meanSpread graph.MeanSpreadOp

func (o meanPool) onRows(_ []rowOperand, shapes []tensor.Shape, _ tensor.Shape) rowRun {
	w := windowsOf(shapes[0], o.Size, o.Size)
	return func(rows int, out []float32, in [3][]float32) { w.Mean(rows, in[0], out) }
}

func (o meanPool) bind(in []tensor.Shape, out tensor.Shape) run { return onAllRows(o, in, out) }

func (o meanSpread) onRows([]rowOperand, []tensor.Shape, tensor.Shape) rowRun {
	w := windowsOf(o.To, o.Size, o.Size)
	return func(rows int, out []float32, in [3][]float32) { w.Spread(rows, in[0], out) }
}

func (o meanSpread) bind(in []tensor.Shape, out tensor.Shape) run { return onAllRows(o, in, out) }
