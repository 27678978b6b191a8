package cpu

import (
	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/kernel"
)

type product graph.ProductOp

func (o product) bind(in []tensor.Shape, out tensor.Shape) run {
	m, n, k := out[0], out[1], in[0][1]
	if o.TransA {
		k = in[0][0]
	}
	lda, ldb := in[0][1], in[1][1]
	return func(p *kernel.Pool, in [][]float32, out []float32) {
		p.Gemm(o.TransA, o.TransB, m, n, k, 1, in[0], lda, in[1], ldb, 0, out, n)
	}
}
