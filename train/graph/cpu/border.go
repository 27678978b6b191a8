package cpu

import (
	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/kernel"
)

type pad graph.PadOp
type crop graph.CropOp

func (o pad) onRows(_ []rowOperand, shapes []tensor.Shape, _ tensor.Shape) rowRun {
	k := kernel.NewPad(shapes[0][2], shapes[0][3], o.Width, float32(o.Value))
	return func(rows int, out []float32, in [3][]float32) { k.Maps(rows, in[0], out) }
}

func (o pad) bind(in []tensor.Shape, out tensor.Shape) run { return onAllRows(o, in, out) }

func (o crop) onRows(_ []rowOperand, _ []tensor.Shape, out tensor.Shape) rowRun {
	k := kernel.NewCrop(out[2], out[3], o.Width)
	return func(rows int, out []float32, in [3][]float32) { k.Maps(rows, in[0], out) }
}

func (o crop) bind(in []tensor.Shape, out tensor.Shape) run { return onAllRows(o, in, out) }
