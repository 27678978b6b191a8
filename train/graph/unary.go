package graph

import (
	"math"

	"gorgonia.org/tensor"
)

// MapOp applies a function to every value. Constant is the constant of the
// function, if it has one.
type MapOp struct {
	Function Function
	Constant float64
}

// Function is one such function.
type Function int

// The functions of one value x and a constant c.
const (
	ScaleBy        Function = iota // c x
	OffsetBy                       // x + c
	FillWith                       // c for every x
	Exponential                    // e^x
	Logarithm                      // ln x
	SquareRoot                     // sqrt(x)
	Rectifier                      // max(0, x)
	UnitStep                       // 1 where x > 0, else 0
	ReciprocalRoot                 // 1 / sqrt(x)
	PowerOf                        // x^c, for x > 0
	Nearest                        // the integer nearest to x, of two the even one
)

// definition is a function's name, its value in float64 and its derivative.
type definition struct {
	name   string
	value  func(x, c float64) float64
	derive func(x, out, grad *Node, c float64) *Node
}

// definitions are in the order of the functions.
var definitions [Nearest + 1]definition

// Scale is c x. The argument of a broadcast is scaled before it is repeated.
func Scale(x *Node, c float64) *Node {
	if op := operationOf(x); op != nil {
		if b, ok := op.Operation.(BroadcastOp); ok {
			return Broadcast(Scale(op.in[0], c), b.To)
		}
	}
	return apply(MapOp{ScaleBy, c}, x)
}

// Offset is x + c.
func Offset(x *Node, c float64) *Node { return apply(MapOp{OffsetBy, c}, x) }

// Fill is an array of x's shape that holds the value c everywhere.
func Fill(c float64, x *Node) *Node { return apply(MapOp{FillWith, c}, x) }

// Exp is e^x.
func Exp(x *Node) *Node { return apply(MapOp{Exponential, 0}, x) }

// Log is the natural logarithm.
func Log(x *Node) *Node { return apply(MapOp{Logarithm, 0}, x) }

// Sqrt is the square root.
func Sqrt(x *Node) *Node { return apply(MapOp{SquareRoot, 0}, x) }

// Relu is max(0, x); its derivative at 0 is 0.
func Relu(x *Node) *Node { return apply(MapOp{Rectifier, 0}, x) }

// Step is 1 where x > 0, else 0. Its derivative is zero.
func Step(x *Node) *Node { return apply(MapOp{UnitStep, 0}, x) }

// Round is the integer nearest to x, of two the even one. Its derivative is by
// convention that of x itself, the straight-through estimator (Bengio et al. 2013,
// arXiv 1308.3432), since the true one is zero and says nothing.
func Round(x *Node) *Node { return apply(MapOp{Nearest, 0}, x) }

// The derivatives refer to the functions above, which refer to this table,
// so the table is filled at start.
func init() {
	definitions = [...]definition{
		ScaleBy: {"scale", func(x, c float64) float64 { return c * x },
			func(x, out, grad *Node, c float64) *Node { return Scale(grad, c) }},
		OffsetBy: {"offset", func(x, c float64) float64 { return x + c },
			func(x, out, grad *Node, c float64) *Node { return grad }},
		FillWith: {"fill", func(x, c float64) float64 { return c },
			func(x, out, grad *Node, c float64) *Node { return nil }},
		Exponential: {"exp", func(x, c float64) float64 { return math.Exp(x) },
			func(x, out, grad *Node, c float64) *Node { return Mul(grad, out) }},
		Logarithm: {"log", func(x, c float64) float64 { return math.Log(x) },
			func(x, out, grad *Node, c float64) *Node { return Div(grad, x) }},
		SquareRoot: {"sqrt", func(x, c float64) float64 { return math.Sqrt(x) },
			func(x, out, grad *Node, c float64) *Node { return Scale(Div(grad, out), 0.5) }},
		Rectifier: {"relu", func(x, c float64) float64 { return max(0, x) },
			// Through the result, not x: the result is positive where x is, and x
			// can then be overwritten.
			func(x, out, grad *Node, c float64) *Node { return Gate(grad, out) }},
		UnitStep: {"step", func(x, c float64) float64 {
			if x > 0 {
				return 1
			}
			return 0
		}, func(x, out, grad *Node, c float64) *Node { return nil }},
		ReciprocalRoot: {"rsqrt", func(x, c float64) float64 { return 1 / math.Sqrt(x) },
			// Through the result, y = x^-1/2: dy/dx = -y^3 / 2.
			func(x, out, grad *Node, c float64) *Node { return Scale(Mul(grad, Mul(out, Mul(out, out))), -0.5) }},
		PowerOf: {"power", func(x, c float64) float64 { return math.Pow(x, c) },
			func(x, out, grad *Node, c float64) *Node { return Scale(Mul(grad, Power(x, c-1)), c) }},
		Nearest: {"round", func(x, c float64) float64 { return math.RoundToEven(x) },
			func(x, out, grad *Node, c float64) *Node { return grad }},
	}
}

func (o MapOp) String() string { return attributes(definitions[o.Function].name, o.Constant) }

// Shape implements Operation.
func (o MapOp) Shape(in []tensor.Shape) (tensor.Shape, error) {
	if err := expect(in, 1); err != nil {
		return nil, err
	}
	return in[0].Clone(), nil
}

// Derive implements Operation.
func (o MapOp) Derive(in []*Node, out, grad *Node) []*Node {
	return []*Node{definitions[o.Function].derive(in[0], out, grad, o.Constant)}
}

// Reference implements Operation.
func (o MapOp) Reference(in []Array, out Array) {
	for i, x := range in[0].Data {
		out.Data[i] = definitions[o.Function].value(x, o.Constant)
	}
}

// GateOp passes a value where another one is positive, and is 0 elsewhere.
type GateOp struct{}

// Gate is grad where x > 0, else 0: the derivative of Relu.
func Gate(grad, x *Node) *Node { return apply(GateOp{}, grad, x) }

func (GateOp) String() string { return "gate" }

// Shape implements Operation.
func (GateOp) Shape(in []tensor.Shape) (tensor.Shape, error) { return sameShapes(in, 2) }

// Derive implements Operation.
func (GateOp) Derive(in []*Node, out, grad *Node) []*Node { return []*Node{Gate(grad, in[1]), nil} }

// Reference implements Operation.
func (GateOp) Reference(in []Array, out Array) {
	for i, x := range in[1].Data {
		if x > 0 {
			out.Data[i] = in[0].Data[i]
		}
	}
}
