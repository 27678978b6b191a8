package enginetest

import (
	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/graph"
)

// imageCases are the operations on images and maps.
func imageCases() []Case {
	s := func(d ...int) tensor.Shape { return d }
	one := func(shape tensor.Shape, positive bool, name string, f func(x *graph.Node) *graph.Node) Case {
		return Case{Name: name, Shapes: []tensor.Shape{shape}, Positive: positive,
			Build: func(in []*graph.Node) *graph.Node { return f(in[0]) }}
	}
	norm := func(in []*graph.Node) *graph.Node { return graph.InstanceNorm(in[0], in[1], in[2]) }
	return []Case{
		one(s(2, 2, 6, 4), false, "mean-pool", func(x *graph.Node) *graph.Node { return graph.MeanPool(x, 2) }),
		one(s(2, 1, 5, 7), false, "mean-pool with a rest", func(x *graph.Node) *graph.Node { return graph.MeanPool(x, 2) }),
		one(s(1, 2, 7, 6), false, "mean-pool of three", func(x *graph.Node) *graph.Node { return graph.MeanPool(x, 3) }),
		one(s(2, 3, 3, 2), false, "global mean", graph.GlobalMean),
		one(s(5), true, "rsqrt", graph.Rsqrt),
		one(s(5), true, "power", func(x *graph.Node) *graph.Node { return graph.Power(x, -0.75) }),
		one(s(5), true, "power of no quarters", func(x *graph.Node) *graph.Node { return graph.Power(x, 1.3) }),
		one(s(5), true, "power of one and a half", func(x *graph.Node) *graph.Node { return graph.Power(x, 1.5) }),
		one(s(2, 2, 3, 4), false, "pad", func(x *graph.Node) *graph.Node { return graph.Pad(x, 2, 1.5) }),
		one(s(2, 2, 5, 6), false, "crop", func(x *graph.Node) *graph.Node { return graph.Crop(x, 1) }),
		one(s(1, 2, 6, 5), false, "padded max-pool", func(x *graph.Node) *graph.Node {
			return graph.MaxPoolPadded(x, 3, 2,
				1)
		}),
		one(s(2, 5, 2, 2), false, "response norm of four",
			func(x *graph.Node) *graph.Node { return graph.LocalResponseNorm(x, 4, 0.3, 0.75, 1) }),
		one(s(1, 6, 1, 2), false, "response norm of three",
			func(x *graph.Node) *graph.Node { return graph.LocalResponseNorm(x, 3, 0.5, 0.6, 2) }),
		{Name: "instance norm", Shapes: []tensor.Shape{s(2, 3, 3, 2), s(3), s(3)}, Positive: false, Build: norm},
		{Name: "instance norm, ReLU, mean-pool", Shapes: []tensor.Shape{s(1, 2, 4, 4), s(2), s(2)}, Positive: true,
			Build: func(in []*graph.Node) *graph.Node { return graph.MeanPool(graph.Relu(norm(in)), 2) }},
	}
}

// resamplings read images by fixed matrices. The matrices have no derivative, so
// they are inputs without derivatives.
func resamplings() (out []Case) {
	taps := []float64{1, 0, 0, 0, 1, 0, 0.8, -0.3, 0.2, 0.25, 1.1, -0.4, -1, 0.1, 0, 0, 3, 2.5}
	for _, c := range []struct {
		name string
		graph.Sampling
	}{
		{"warp", graph.Sampling{}},
		{"warp, border", graph.Sampling{Border: true}},
		{"warp, corners", graph.Sampling{Corners: true}},
		{"warp, corners, border", graph.Sampling{Corners: true, Border: true}},
		{"warp to a larger grid", graph.Sampling{H: 8, W: 6, Border: true}},
		{"warp to a smaller grid", graph.Sampling{H: 2, W: 3}},
		{"warp to one line, on corners", graph.Sampling{H: 1, W: 5, Corners: true}},
	} {
		out = append(out, Case{Name: c.name, Shapes: []tensor.Shape{{3, 2, 4, 5}}, Fixed: [][]float64{taps},
			FixedShapes: []tensor.Shape{{3, 6}},
			Build:       func(in []*graph.Node) *graph.Node { return graph.Warp(in[0], in[1], c.Sampling) }})
	}
	return out
}

// gatherings take rows by index and put them back; rows of a repeated index add
// up.
func gatherings() []Case {
	index := [][]float64{{2, 0, 2, 3, 1}}
	return []Case{
		{Name: "gather rows", Shapes: []tensor.Shape{{4, 3}}, Fixed: index, FixedShapes: []tensor.Shape{{5}},
			Build: func(in []*graph.Node) *graph.Node { return graph.Gather(in[0], in[1]) }},
		{Name: "gather images", Shapes: []tensor.Shape{{4, 2, 3, 2}}, Fixed: index, FixedShapes: []tensor.Shape{{5}},
			Build: func(in []*graph.Node) *graph.Node { return graph.Relu(graph.Gather(in[0], in[1])) }},
		{Name: "spread rows", Shapes: []tensor.Shape{{5, 3}}, Fixed: index, FixedShapes: []tensor.Shape{{5}},
			Build: func(in []*graph.Node) *graph.Node { return graph.Spread(in[0], in[1], 4, 3) }},
	}
}
