package cpu

import (
	"fmt"
	"slices"

	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/kernel"
)

// binder prepares the float32 kernel of an operation for fixed shapes.
type binder interface {
	bind(in []tensor.Shape, out tensor.Shape) run
}

// run is a kernel bound to its shapes. It fills out, which may be the memory of
// an input only where the operation is an overwriter.
type run func(p *kernel.Pool, in [][]float32, out []float32)

// overwriter is an operation whose kernel may write its result over an input of
// the result's size. It returns the inputs that allow it.
type overwriter interface{ overwrites() []int }

// kernelOf is the kernel of an operation; an error for an unknown one.
func kernelOf(op graph.Operation) (binder, error) {
	switch o := op.(type) {
	case graph.ArithmeticOp:
		return arithmetic(o), nil
	case graph.BroadcastOp:
		return broadcast(o), nil
	case graph.ChannelSumOp:
		return channelSum(o), nil
	case graph.ConvOp:
		return conv(o), nil
	case graph.CropOp:
		return crop(o), nil
	case graph.GateOp:
		return gate(o), nil
	case graph.GatherOp:
		return gather(o), nil
	case graph.LogSoftmaxOp:
		return logSoftmax(o), nil
	case graph.MapOp:
		return mapped(o), nil
	case graph.MeanPoolOp:
		return meanPool(o), nil
	case graph.MeanSpreadOp:
		return meanSpread(o), nil
	case graph.PadOp:
		return pad(o), nil
	case graph.PickOp:
		return pick(o), nil
	case graph.ProductOp:
		return product(o), nil
	case graph.ReshapeOp:
		return reshape(o), nil
	case graph.ScatterOp:
		return scatter(o), nil
	case graph.SpreadOp:
		return spread(o), nil
	case graph.SumOp:
		return sum(o), nil
	case graph.TransposeOp:
		return transpose(o), nil
	case graph.WarpOp:
		return warp(o), nil
	}
	return nil, fmt.Errorf("engine cpu: no kernel for operation %s", op)
}

// sameShape compares dimension by dimension. Gorgonia's own comparison treats a
// row, a column and a vector as equal.
func sameShape(a, b tensor.Shape) bool { return slices.Equal(a, b) }
