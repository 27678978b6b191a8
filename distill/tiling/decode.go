package tiling

import (
	"math"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
)

// Identity adds the input that Decode needs for n tiles to a graph; StayPut
// fills it.
func Identity(g *graph.Graph, n int) *graph.Node { return graph.Input(g, "identity", n, 6) }

// StayPut fills matrices that move nothing.
func StayPut(matrices []float32) {
	for i := 0; i < len(matrices); i += 6 {
		copy(matrices[i:], []float32{1, 0, 0, 0, 1, 0})
	}
}

// Decode is tiles as whole images, enlarged as data.Formation.Decode does.
func Decode(tiles, identity *graph.Node, f data.Formation, s data.Shape) *graph.Node {
	if f.Factor <= 1 {
		return tiles
	}
	return graph.Warp(tiles, identity, graph.Sampling{H: s.H, W: s.W, Border: true})
}

// Range is the least and greatest real value of each channel.
type Range struct{ low, high []float32 }

// RangeOf finds the range of samples.
func RangeOf(s *data.Samples) (r Range) {
	area := s.Shape.H * s.Shape.W
	for range s.Shape.C {
		r.low, r.high = append(r.low, float32(math.Inf(1))), append(r.high, float32(math.Inf(-1)))
	}
	for i, v := range s.X {
		c := i / area % s.Shape.C
		r.low[c], r.high[c] = min(r.low[c], v), max(r.high[c], v)
	}
	return r
}

// Clamp moves values of tiles of a shape into the range.
func (r Range) Clamp(x []float32, tile data.Shape) {
	area := tile.H * tile.W
	for i, v := range x {
		c := i / area % tile.C
		x[i] = min(max(v, r.low[c]), r.high[c])
	}
}
