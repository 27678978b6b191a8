package cpu

import (
	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/kernel"
)

type logSoftmax graph.LogSoftmaxOp

func (logSoftmax) overwrites() []int { return []int{0} }

func (logSoftmax) bind(in []tensor.Shape, out tensor.Shape) run {
	rows, cols := in[0][0], in[0][1]
	loop := kernel.NewLogSoftmax(rows, cols)
	return func(_ *kernel.Pool, in [][]float32, out []float32) { loop.Run(out, in[0]) }
}
