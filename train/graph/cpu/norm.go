package cpu

import (
	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/kernel"
)

type channelSum graph.ChannelSumOp

func (o channelSum) bind(in []tensor.Shape, out tensor.Shape) run {
	k := kernel.NewChannelSum(out[0], out[1], out[2]*out[3], o.Before, o.After)
	return func(p *kernel.Pool, in [][]float32, out []float32) { k.Run(p, in[0], out) }
}
