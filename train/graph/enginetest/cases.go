package enginetest

import (
	"fmt"

	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/graph"
)

// cases are the general operations.
func cases() []Case {
	binary := func(f func(a, b *graph.Node) *graph.Node) func([]*graph.Node) *graph.Node {
		return func(in []*graph.Node) *graph.Node { return f(in[0], in[1]) }
	}
	unary := func(f func(x *graph.Node) *graph.Node) func([]*graph.Node) *graph.Node {
		return func(in []*graph.Node) *graph.Node { return f(in[0]) }
	}
	s := func(d ...int) tensor.Shape { return d }
	cases := []Case{
		{Name: "add", Shapes: []tensor.Shape{s(3, 4), s(3, 4)}, Positive: false, Build: binary(graph.Add)},
		{Name: "add a bias per channel", Shapes: []tensor.Shape{s(2, 3, 2, 2), s(1, 3, 1, 1)}, Positive: false,
			Build: binary(graph.Add)},
		{Name: "add a row to a column", Shapes: []tensor.Shape{s(3, 1), s(1, 4)}, Positive: false, Build: binary(graph.Add)},
		{Name: "sub", Shapes: []tensor.Shape{s(3, 4), s(3, 1)}, Positive: false, Build: binary(graph.Sub)},
		{Name: "sub from a row", Shapes: []tensor.Shape{s(1, 4), s(3, 4)}, Positive: false, Build: binary(graph.Sub)},
		{Name: "mul", Shapes: []tensor.Shape{s(2, 3, 4), s(2, 1, 4)}, Positive: false, Build: binary(graph.Mul)},
		{Name: "mul by itself", Shapes: []tensor.Shape{s(5)}, Positive: false,
			Build: func(in []*graph.Node) *graph.Node { return graph.Mul(in[0], in[0]) }},
		{Name: "div", Shapes: []tensor.Shape{s(3, 4), s(1, 4)}, Positive: true, Build: binary(graph.Div)},
		{Name: "div a column", Shapes: []tensor.Shape{s(3, 1), s(3, 4)}, Positive: true, Build: binary(graph.Div)},
		{Name: "scale", Shapes: []tensor.Shape{s(7)}, Positive: false,
			Build: unary(func(x *graph.Node) *graph.Node { return graph.Scale(x, -1.5) })},
		{Name: "offset", Shapes: []tensor.Shape{s(7)}, Positive: false,
			Build: unary(func(x *graph.Node) *graph.Node { return graph.Offset(x, 0.3) })},
		{Name: "fill", Shapes: []tensor.Shape{s(7)}, Positive: false,
			Build: unary(func(x *graph.Node) *graph.Node { return graph.Mul(graph.Fill(2, x), x) })},
		{Name: "exp", Shapes: []tensor.Shape{s(7)}, Positive: false, Build: unary(graph.Exp)},
		{Name: "log", Shapes: []tensor.Shape{s(7)}, Positive: true, Build: unary(graph.Log)},
		{Name: "sqrt", Shapes: []tensor.Shape{s(7)}, Positive: true, Build: unary(graph.Sqrt)},
		{Name: "relu", Shapes: []tensor.Shape{s(3, 7)}, Positive: false, Build: unary(graph.Relu)},
		{Name: "step", Shapes: []tensor.Shape{s(7)}, Positive: false,
			Build: unary(func(x *graph.Node) *graph.Node { return graph.Mul(graph.Step(x), x) })},
		{Name: "round", Shapes: []tensor.Shape{s(9)}, Estimated: true,
			Build: unary(func(x *graph.Node) *graph.Node { return graph.Mul(graph.Round(graph.Scale(x, 3)), x) })},
		{Name: "gate", Shapes: []tensor.Shape{s(9), s(9)}, Positive: false, Build: binary(graph.Gate)},
		{Name: "sum of rows", Shapes: []tensor.Shape{s(3, 4)}, Positive: false,
			Build: unary(func(x *graph.Node) *graph.Node { return graph.SumTo(x, s(3, 1)) })},
		{Name: "sum of columns", Shapes: []tensor.Shape{s(3, 4)}, Positive: false,
			Build: unary(func(x *graph.Node) *graph.Node { return graph.SumTo(x, s(1, 4)) })},
		{Name: "sum per channel", Shapes: []tensor.Shape{s(3, 2, 4, 5)}, Positive: false,
			Build: unary(func(x *graph.Node) *graph.Node { return graph.SumTo(x, s(1, 2, 1, 1)) })},
		{Name: "sum inside and outside", Shapes: []tensor.Shape{s(2, 3, 2, 5)}, Positive: false,
			Build: unary(func(x *graph.Node) *graph.Node { return graph.SumTo(x, s(2, 1, 2, 1)) })},
		{Name: "sum of all", Shapes: []tensor.Shape{s(3, 40)}, Positive: false, Build: unary(graph.Sum)},
		{Name: "mean of all", Shapes: []tensor.Shape{s(3, 4)}, Positive: false, Build: unary(graph.Mean)},
		{Name: "broadcast", Shapes: []tensor.Shape{s(1, 3, 1)}, Positive: false,
			Build: unary(func(x *graph.Node) *graph.Node { return graph.Broadcast(x, s(2, 3, 4)) })},
		{Name: "broadcast into a product", Shapes: []tensor.Shape{s(3, 1), s(3, 4)}, Positive: false,
			Build: binary(func(a, b *graph.Node) *graph.Node { return graph.Mul(graph.Broadcast(a, b.Shape()), b) })},
		{Name: "reshape", Shapes: []tensor.Shape{s(3, 4)}, Positive: false,
			Build: unary(func(x *graph.Node) *graph.Node { return graph.Reshape(x, 2, 6) })},
		{Name: "transpose", Shapes: []tensor.Shape{s(3, 4)}, Positive: false, Build: unary(graph.Transpose)},
		{Name: "log-softmax", Shapes: []tensor.Shape{s(3, 5)}, Positive: false, Build: unary(graph.LogSoftmax)},
		{Name: "softmax", Shapes: []tensor.Shape{s(3, 5)}, Positive: false, Build: unary(graph.Softmax)},
		{Name: "cross-entropy", Shapes: []tensor.Shape{s(3, 5), s(3, 5)}, Positive: false, Build: binary(graph.CrossEntropy)},
		{Name: "max-pool", Shapes: []tensor.Shape{s(2, 2, 5, 4)}, Positive: false,
			Build: unary(func(x *graph.Node) *graph.Node { return graph.MaxPool(x, 2, 2) })},
		{Name: "overlapping max-pool", Shapes: []tensor.Shape{s(1, 2, 7, 5)}, Positive: false,
			Build: unary(func(x *graph.Node) *graph.Node { return graph.MaxPool(x, 3, 2) })},
	}
	for _, t := range [][2]bool{{false, false}, {true, false}, {false, true}, {true, true}} {
		a, b := s(3, 5), s(5, 4)
		if t[0] {
			a = s(5, 3)
		}
		if t[1] {
			b = s(4, 5)
		}
		cases = append(cases, Case{Name: fmt.Sprint("product", t), Shapes: []tensor.Shape{a, b},
			Build: binary(func(a, b *graph.Node) *graph.Node { return graph.Product(t[0], t[1], a, b) })})
	}
	for _, c := range []struct{ images, weights, geometry []int }{
		{[]int{2, 3, 6, 5}, []int{4, 3, 3, 3}, []int{1, 1}},
		{[]int{3, 1, 6, 6}, []int{2, 1, 5, 5}, []int{1, 2}},
		{[]int{2, 2, 5, 6}, []int{3, 2, 3, 2}, []int{1, 0}},
		{[]int{1, 2, 7, 8}, []int{3, 2, 3, 3}, []int{2, 1}},
		{[]int{2, 2, 4, 4}, []int{2, 2, 1, 1}, []int{2, 0}},
		{[]int{1, 1, 3, 3}, []int{2, 1, 2, 2}, []int{1, 3}},
	} {
		cases = append(cases, Case{Name: fmt.Sprint("conv ", c), Shapes: []tensor.Shape{c.images, c.weights},
			Build: binary(func(x, w *graph.Node) *graph.Node { return graph.Conv2D(x, w, c.geometry[0], c.geometry[1]) })})
	}
	return cases
}
