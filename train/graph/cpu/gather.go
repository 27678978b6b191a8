package cpu

import (
	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/kernel"
)

type (
	gather graph.GatherOp
	spread graph.SpreadOp
)

func (gather) bind(in []tensor.Shape, out tensor.Shape) run {
	size := out.TotalSize() / max(1, out[0])
	return func(_ *kernel.Pool, in [][]float32, out []float32) {
		for i, at := range in[1] {
			copy(out[i*size:(i+1)*size], in[0][int(at)*size:])
		}
	}
}

func (spread) bind(in []tensor.Shape, out tensor.Shape) run {
	size := out.TotalSize() / max(1, out[0])
	return func(_ *kernel.Pool, in [][]float32, out []float32) {
		clear(out)
		for i, at := range in[1] {
			row := out[int(at)*size : (int(at)+1)*size]
			kernel.ScaleAdd(row, in[0][i*size:(i+1)*size], row, 1)
		}
	}
}
