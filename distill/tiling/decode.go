package tiling

import (
	"math"
	"slices"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
)

// Identity adds the input that Decode needs for n tiles to a graph; its values
// are IdentityMatrices.
func Identity(g *graph.Graph, n int) *graph.Node { return graph.Input(g, "identity", n, 6) }

// IdentityMatrices are the values of Identity: n identity transforms.
func IdentityMatrices(n int) []float32 {
	return slices.Repeat([]float32{1, 0, 0, 0, 1, 0}, n)
}

// Decode enlarges tiles to whole images as data.Formation.Decode does.
func Decode(tiles, identity *graph.Node, f data.Formation, s data.Shape) *graph.Node {
	if f.Factor <= 1 {
		return tiles
	}
	return graph.Warp(tiles, identity, graph.Sampling{H: s.H, W: s.W, Border: true})
}

// Range is the smallest and largest real value of each channel.
type Range struct{ Low, High []float32 }

// RangeOf finds the range of samples.
func RangeOf(s *data.Samples) (r Range) {
	area := s.Shape.H * s.Shape.W
	for range s.Shape.C {
		r.Low, r.High = append(r.Low, float32(math.Inf(1))), append(r.High, float32(math.Inf(-1)))
	}
	for i, v := range s.X {
		c := i / area % s.Shape.C
		r.Low[c], r.High[c] = min(r.Low[c], v), max(r.High[c], v)
	}
	return r
}
