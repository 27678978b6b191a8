// Package augment builds random change of training images as differentiable
// expressions: the affine of our recipes and the six families of
// differentiable siamese augmentation (Zhao and Bilen 2021; att.md 1.7). An
// expression contains no random numbers. The random values (a matrix, three
// color factors and a mask per image) are inputs, so one program serves every
// family and the
// same draw can be given to real and synthetic images. Package recipe says what
// is drawn.
package augment

import (
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// Inputs adds the random draws of n images to a graph, as inputs with names that begin with prefix.
func Inputs(s recipe.Strategy, g *graph.Graph, prefix string, n int, shape data.Shape) (in []*graph.Node) {
	parts := s.Parts()
	for i, dims := range s.Shapes(n, shape.H, shape.W) {
		in = append(in, graph.Input(g, prefix+parts[i], dims...))
	}
	return in
}

// Apply is the augmented images x, (n, C, H, W), under the draws: inputs of
// the strategy's Shapes. It is differentiable in x.
func Apply(s recipe.Strategy, x *graph.Node, draws []*graph.Node) *graph.Node {
	shape := x.Shape()
	for i, part := range s.Parts() {
		d := draws[i]
		switch part {
		case recipe.PartBright:
			x = graph.Add(x, d)
		case recipe.PartSaturate:
			x = stretch(x, d, []int{shape[0], 1, shape[2], shape[3]})
		case recipe.PartContrast:
			x = stretch(x, d, []int{shape[0], 1, 1, 1})
		case recipe.PartTaps:
			x = graph.Warp(x, d, graph.Sampling{Corners: !s.Affine(), Border: s.Affine()})
		case recipe.PartMask:
			x = graph.Mul(x, d)
		}
	}
	return x
}

// stretch multiplies the distance from a mean, taken over the dimensions of
// size one in the given shape, by a factor.
func stretch(x, factor *graph.Node, to []int) *graph.Node {
	share := 1.0
	for i, d := range x.Shape() {
		share *= float64(to[i]) / float64(d)
	}
	mean := graph.Scale(graph.SumTo(x, to), share)
	return graph.Add(graph.Mul(graph.Sub(x, mean), factor), mean)
}
