package cpu

import (
	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/kernel"
)

// functions are the kernels of the functions of one value.
var functions = [...]func(dst, x []float32, c float32){
	graph.ScaleBy: kernel.Scale, graph.OffsetBy: kernel.Offset, graph.FillWith: kernel.Fill, graph.Exponential: kernel.Exp,
	graph.Logarithm: kernel.Log, graph.SquareRoot: kernel.Sqrt, graph.Rectifier: kernel.Relu, graph.UnitStep: kernel.Step,
	graph.ReciprocalRoot: kernel.Rsqrt, graph.PowerOf: kernel.Power, graph.Nearest: kernel.Round,
}

type mapped graph.MapOp
type gate graph.GateOp

func (o mapped) overwrites() []int { return []int{0} }

func (o mapped) onRows(in []rowOperand, _ []tensor.Shape, _ tensor.Shape) rowRun {
	f, c := functions[o.Function], float32(o.Constant)
	if len(in) == 0 {
		return func(_ int, out []float32, _ [3][]float32) { f(out, nil, c) }
	}
	return func(_ int, out []float32, in [3][]float32) { f(out, in[0], c) }
}

func (o mapped) bind(in []tensor.Shape, out tensor.Shape) run {
	loop := kernel.NewMap(functions[o.Function], float32(o.Constant))
	if o.Function == graph.FillWith {
		return func(p *kernel.Pool, _ [][]float32, out []float32) { loop.Run(p, nil, out) }
	}
	return func(p *kernel.Pool, in [][]float32, out []float32) { loop.Run(p, in[0], out) }
}

func (gate) overwrites() []int { return []int{0, 1} }

func (gate) onRows(in []rowOperand, _ []tensor.Shape, out tensor.Shape) rowRun {
	return arithmeticOnRows(kernel.Gate, in, rowSize(out))
}

func (gate) bind(in []tensor.Shape, out tensor.Shape) run {
	loop := kernel.NewBinary(kernel.Gate, in[0], in[1])
	return func(p *kernel.Pool, in [][]float32, out []float32) { loop.Run(p, in[0], in[1], out) }
}
