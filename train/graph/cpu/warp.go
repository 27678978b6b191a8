package cpu

import (
	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/kernel"
)

type warp graph.WarpOp

func (o warp) bind(in []tensor.Shape, out tensor.Shape) run {
	s := kernel.Sampling{N: o.Images[0], C: o.Images[1], H: o.Images[2], W: o.Images[3], P: o.H, Q: o.W,
		Corners: o.Corners, Border: o.Border}
	k := kernel.NewWarp(s)
	if o.Back {
		k = kernel.NewWarpBack(s)
	}
	return func(p *kernel.Pool, in [][]float32, out []float32) { k.Run(p, in[0], in[1], out) }
}
