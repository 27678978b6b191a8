package gpu

import (
	"fmt"
	"math"

	"github.com/distillmesh/distillmesh/train/gpu/kernels"
	"github.com/distillmesh/distillmesh/train/graph"
)

// Products keep a GPU busy when there are about as many groups as it runs at once, which is taken to be
// the same for all, so that results do not depend on the GPU.
const (
	busy       = 256 // groups
	leastDepth = 64  // of a part
	mostParts  = 64
)

// chooseTile is tileFor; tests choose tiles of their own.
var chooseTile = tileFor

// tileFor is the tile that a product is computed in, and how many parts its depth is split into. A tile
// costs what it computes, needed or not; larger ones read less for it.
func tileFor(m, n, l int) (best kernels.Tile, parts int) {
	lowest := 0.0
	for _, t := range kernels.Tiles {
		tiles := ((m + t.Rows - 1) / t.Rows) * ((n + t.Cols - 1) / t.Cols)
		split := 1
		for tiles*split < busy && split < mostParts && l/(2*split) >= leastDepth {
			split *= 2
		}
		// Per multiply-add: one for the arithmetic, and what both sides cost to read.
		each := 1 + 16*(1/float64(t.Rows)+1/float64(t.Cols))
		work := float64(t.Rows*t.Cols) * each * float64((l+split-1)/split)
		waves := max(1, float64(tiles*split)/busy)
		cost := work * waves
		if split > 1 {
			cost += float64(m * n * split / busy) // to write and add up the parts
		}
		if best.Rows == 0 || cost < lowest {
			best, lowest, parts = t, cost, split
		}
	}
	return best, parts
}

// multiply adds the calls of a product of m x l by l x n.
func (p *plan) multiply(at int, product string, m, n, l int, shape []byte) {
	v := p.Values[at]
	tile, parts := chooseTile(m, n, l)
	depth := (l + parts - 1) / parts
	depth = (depth + tile.Depth - 1) / tile.Depth * tile.Depth
	parts = max(1, (l+depth-1)/depth)
	to := p.home[at]
	if parts > 1 {
		to = p.make(m * n * parts)
	}
	a, b := p.home[v.In[0]], p.home[v.In[1]]
	if product == "maps" || product == "images" || product == "weights" {
		a, b = b, a // weights, weights and maps are the left side
	}
	tiles := ((m + tile.Rows - 1) / tile.Rows) * ((n + tile.Cols - 1) / tile.Cols)
	c := call{name: kernels.NameOf(product, tile), groups: [2]int{tiles, parts}, reads: 2,
		args: []argument{{array: a}, {array: b}, {array: to}}}
	p.calls = append(p.calls, c.with(shape, words(depth)))
	if parts > 1 {
		p.calls = append(p.calls, addParts(to, p.home[at], m*n, parts))
	}
}

func (p *plan) product(at int, o graph.ProductOp) {
	in := p.Values[at].In
	a, b, out := p.shape(in[0]), p.shape(in[1]), p.shape(at)
	l, letter := a[1], map[bool]string{false: "n", true: "t"}
	if o.TransA {
		l = a[0]
	}
	p.multiply(at, "product_"+letter[o.TransA]+letter[o.TransB], out[0], out[1], l, words(out[0], out[1], l, a[1], b[1]))
}

func (p *plan) convolution(at int, o graph.ConvOp) error {
	g, err := o.Geometry()
	if err != nil {
		return fmt.Errorf("engine gpu: %w", err)
	}
	rs, pq, hw := g.R*g.S, g.P()*g.Q(), g.H*g.W
	var name string
	var m, n, l int
	switch o.Role {
	case graph.ToMaps:
		name, m, n, l = "maps", g.K, g.N*pq, g.C*rs
	case graph.ToImages:
		name, m, n, l = "images", g.C, g.N*hw, g.K*rs
	default:
		name, m, n, l = "weights", g.K, g.C*rs, g.N*pq
	}
	if n > math.MaxInt32 || l > math.MaxInt32 {
		return fmt.Errorf("engine gpu: a convolution of %d by %d places, at most %d", n, l, math.MaxInt32)
	}
	p.multiply(at, name, m, n, l, together(words(m, n, l, g.C, g.H, g.W, g.K, g.P(), g.Q(), g.Stride, g.Pad),
		divisor(rs), divisor(g.S), divisor(pq), divisor(g.Q()), divisor(hw), divisor(g.W), divisor(g.Stride)))
	return nil
}
