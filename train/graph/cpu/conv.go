package cpu

import (
	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/kernel"
)

type conv graph.ConvOp

func (o conv) bind(in []tensor.Shape, out tensor.Shape) run {
	shapes, err := graph.ConvOp(o).Geometry()
	if err != nil {
		panic(&graph.ShapeError{Op: graph.ConvOp(o).String(), Cause: err}) // its shape has been accepted before
	}
	g := kernel.Conv(shapes)
	switch o.Role {
	case graph.ToMaps:
		k := kernel.NewConvMaps(g)
		return func(p *kernel.Pool, in [][]float32, out []float32) { k.Run(p, in[0], in[1], out) }
	case graph.ToImages:
		k := kernel.NewConvImages(g)
		return func(p *kernel.Pool, in [][]float32, out []float32) { k.Run(p, in[0], in[1], out) }
	default:
		k := kernel.NewConvWeights(g)
		return func(p *kernel.Pool, in [][]float32, out []float32) { k.Run(p, in[0], in[1], out) }
	}
}
