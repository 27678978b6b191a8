package cpu

import (
	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/kernel"
)

type reshape graph.ReshapeOp
type transpose graph.TransposeOp

func (o reshape) bind(in []tensor.Shape, out tensor.Shape) run {
	return func(_ *kernel.Pool, in [][]float32, out []float32) { copy(out, in[0]) }
}

func (transpose) bind(in []tensor.Shape, out tensor.Shape) run {
	rows, cols := in[0][0], in[0][1]
	return func(_ *kernel.Pool, in [][]float32, out []float32) { kernel.Transpose(out, in[0], rows, cols) }
}
