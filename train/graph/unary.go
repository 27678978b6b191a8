package graph

import (
	"math"

	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/kernel"
)

// mapped is a function of one value applied to all. The constant is the
// function's attribute.
type mapped struct {
	kind     *mapping
	constant float64
}

// mapping is one such function: its float32 kernel on slices, its float64
// definition and its derivative.
type mapping struct {
	name   string
	kernel func(dst, x []float32, c float32)
	value  func(x, c float64) float64
	derive func(x, out, grad *Node, c float64) *Node
}

// Scale is c x. What a broadcast repeats is scaled before it is repeated.
func Scale(x *Node, c float64) *Node {
	if op := operationOf(x); op != nil {
		if b, ok := op.operation.(broadcast); ok {
			return Broadcast(Scale(op.in[0], c), b.to)
		}
	}
	return apply(mapped{&scaling, c}, x)
}

// Offset is x + c.
func Offset(x *Node, c float64) *Node { return apply(mapped{&offsetting, c}, x) }

// Fill is an array of x's shape that holds the value c everywhere.
func Fill(c float64, x *Node) *Node { return apply(mapped{&filling, c}, x) }

// Exp is e^x.
func Exp(x *Node) *Node { return apply(mapped{&exponential, 0}, x) }

// Log is the natural logarithm.
func Log(x *Node) *Node { return apply(mapped{&logarithm, 0}, x) }

// Sqrt is the square root.
func Sqrt(x *Node) *Node { return apply(mapped{&squareRoot, 0}, x) }

// Relu is max(0, x); its derivative at 0 is 0.
func Relu(x *Node) *Node { return apply(mapped{&rectifier, 0}, x) }

// Step is 1 where x > 0, else 0. Its derivative is zero.
func Step(x *Node) *Node { return apply(mapped{&stepping, 0}, x) }

// The derivatives refer to the functions above, which refer to these tables,
// so the tables are filled at start.
var scaling, offsetting, filling, exponential, logarithm, squareRoot, rectifier, stepping mapping

func init() {
	scaling = mapping{"scale", kernel.Scale, func(x, c float64) float64 { return c * x },
		func(x, out, grad *Node, c float64) *Node { return Scale(grad, c) }}
	offsetting = mapping{"offset", kernel.Offset, func(x, c float64) float64 { return x + c },
		func(x, out, grad *Node, c float64) *Node { return grad }}
	filling = mapping{"fill", kernel.Fill, func(x, c float64) float64 { return c },
		func(x, out, grad *Node, c float64) *Node { return nil }}
	exponential = mapping{"exp", kernel.Exp, func(x, c float64) float64 { return math.Exp(x) },
		func(x, out, grad *Node, c float64) *Node { return Mul(grad, out) }}
	logarithm = mapping{"log", kernel.Log, func(x, c float64) float64 { return math.Log(x) },
		func(x, out, grad *Node, c float64) *Node { return Div(grad, x) }}
	squareRoot = mapping{"sqrt", kernel.Sqrt, func(x, c float64) float64 { return math.Sqrt(x) },
		func(x, out, grad *Node, c float64) *Node { return Scale(Div(grad, out), 0.5) }}
	rectifier = mapping{"relu", kernel.Relu, func(x, c float64) float64 { return max(0, x) },
		// Through the result, not x: the result is positive where x is, and x
		// can then be overwritten.
		func(x, out, grad *Node, c float64) *Node { return Gate(grad, out) }}
	stepping = mapping{"step", kernel.Step, func(x, c float64) float64 {
		if x > 0 {
			return 1
		}
		return 0
	}, func(x, out, grad *Node, c float64) *Node { return nil }}
}

func (o mapped) String() string { return attributes(o.kind.name, o.constant) }

func (o mapped) shape(in []tensor.Shape) (tensor.Shape, error) {
	if err := expect(in, 1); err != nil {
		return nil, err
	}
	return in[0].Clone(), nil
}

func (o mapped) derive(in []*Node, out, grad *Node) []*Node {
	return []*Node{o.kind.derive(in[0], out, grad, o.constant)}
}

func (o mapped) overwrites() []int { return []int{0} }

func (o mapped) onRows(in []rowOperand, _ []tensor.Shape, _ tensor.Shape) rowRun {
	f, c := o.kind.kernel, float32(o.constant)
	if len(in) == 0 {
		return func(_ int, out []float32, _ [3][]float32) { f(out, nil, c) }
	}
	return func(_ int, out []float32, in [3][]float32) { f(out, in[0], c) }
}

func (o mapped) bind(in []tensor.Shape, out tensor.Shape) run {
	loop := kernel.NewMap(o.kind.kernel, float32(o.constant))
	if o.kind == &filling {
		return func(p *kernel.Pool, _ [][]float32, out []float32) { loop.Run(p, nil, out) }
	}
	return func(p *kernel.Pool, in [][]float32, out []float32) { loop.Run(p, in[0], out) }
}

func (o mapped) reference(in []Array, out Array) {
	for i, x := range in[0].Data {
		out.Data[i] = o.kind.value(x, o.constant)
	}
}

// gate lets a value through where another is positive.
type gate struct{}

// Gate is grad where x > 0, else 0: the derivative of Relu.
func Gate(grad, x *Node) *Node { return apply(gate{}, grad, x) }

func (gate) String() string { return "gate" }

func (gate) shape(in []tensor.Shape) (tensor.Shape, error) { return sameShapes(in, 2) }

func (gate) derive(in []*Node, out, grad *Node) []*Node { return []*Node{Gate(grad, in[1]), nil} }

func (gate) overwrites() []int { return []int{0, 1} }

func (gate) onRows(in []rowOperand, _ []tensor.Shape, out tensor.Shape) rowRun {
	return arithmeticOnRows(kernel.Gate, in, rowSize(out))
}

func (gate) bind(in []tensor.Shape, out tensor.Shape) run {
	loop := kernel.NewBinary(kernel.Gate, in[0], in[1])
	return func(p *kernel.Pool, in [][]float32, out []float32) { loop.Run(p, in[0], in[1], out) }
}

func (gate) reference(in []Array, out Array) {
	for i, x := range in[1].Data {
		if x > 0 {
			out.Data[i] = in[0].Data[i]
		}
	}
}
