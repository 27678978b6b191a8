package ntk

import (
	"math"

	"github.com/distillmesh/distillmesh/train/kernel"
)

// pairBlock is how many pairs go through the recursion at once: the block's
// arrays stay in first-level cache.
const pairBlock = 640

// pairs is the kernel between n supports (rows) and m inputs (columns), with
// its derivatives.
type pairs struct {
	depth, n, m int
	product     []float32 // n x m: 2 <x,s>/d
	k, dc, db   []float32 // n x m: K, dK/dc, dK/db
	// What the recursion needs of the columns, for each layer: the square root
	// of a = n(x,x) and its inverse, depth x m.
	root, inverse []float32
}

func newPairs(depth, n, m int) pairs {
	size := n * m
	return pairs{depth: depth, n: n, m: m, product: make([]float32, size), k: make([]float32, size),
		dc: make([]float32, size),
		db: make([]float32, size), root: make([]float32, depth*m), inverse: make([]float32, depth*m)}
}

// across is the number of blocks in a row; their sizes differ by at most one.
func (p *pairs) across() int { return (p.m + pairBlock - 1) / pairBlock }

// span is the columns of block at in every row.
func (p *pairs) span(at int) (lo, hi int) { return at * p.m / p.across(), (at + 1) * p.m / p.across() }

// columns prepares the columns of one block from their <x,x>/d.
func (p *pairs) columns(at int, squares []float32) {
	lo, hi := p.span(at)
	for i := lo; i < hi; i++ {
		a := weightVariance*float64(squares[i]) + biasVariance
		for l := range p.depth {
			root := math.Sqrt(a + float64(l)*biasVariance)
			p.root[l*p.m+i], p.inverse[l*p.m+i] = float32(root), float32(1/root)
		}
	}
}

// block computes, in float32, the kernel K and its derivatives by c = n(x,s) and
// b = n(s,s), at a = n(x,x), where n(x,s) = 2 <x,s>/d + 0.01, for one support with
// <s,s>/d = square and a run of columns. It follows Pair layer by layer:
//
//	q = sqrt(max(ab - c^2, 1e-6 ab)), dk1/dc = k0, dk0/dc = 1/(2 pi q)
//	dk1/db = q/(4 pi b), dk0/db = -c/(4 pi b q); a and b grow by 0.01 per layer
//
// Everything is computed from cos, so that the values are accurate to rounding where
// ab - c^2 cancels; the derivatives have no limit there and are bounded by sinFloor.
func (p *pairs) block(s *kernel.Scratch, j, at int, square float32) {
	lo, hi := p.span(at)
	n := hi - lo
	buf := s.Floats(8 * pairBlock)
	cut := func(i int) []float32 { return buf[i*pairBlock : i*pairBlock+n] }
	c, cc, cb, cos, phi, sin, r, w := cut(0), cut(1), cut(2), cut(3), cut(4), cut(5), cut(6), cut(7)
	t, tc, tb := p.k[j*p.m+lo:j*p.m+hi], p.dc[j*p.m+lo:j*p.m+hi], p.db[j*p.m+lo:j*p.m+hi]
	kernel.Offset(c, p.product[j*p.m+lo:j*p.m+hi], biasVariance)
	copy(t, c)
	b := weightVariance*float64(square) + biasVariance
	for l := range p.depth {
		rootA, inverseA := p.root[l*p.m+lo:l*p.m+hi], p.inverse[l*p.m+lo:l*p.m+hi]
		rootB := math.Sqrt(b)
		kernel.Mul.Both(n, cos, c, inverseA)
		kernel.Scale(cos, cos, float32(1/rootB))
		kernel.Clamp(cos, cos, -1, 1)
		kernel.Supplement(phi, cos)
		kernel.SineOf(sin, cos)
		kernel.Scale(r, rootA, float32(rootB))
		kernel.MulAdd(1, n, cos, phi, cos, sin) // sin + (pi - th) cos
		kernel.Scale(phi, phi, 1/math.Pi)       // g = 2 k0
		kernel.Clamp(sin, sin, sinFloor, 1)
		kernel.Mul.Both(n, sin, sin, r) // q
		kernel.Scale(w, t, 1/math.Pi)
		kernel.Div.Both(n, w, w, sin) // t / (pi q)
		if l == 0 {                   // where c and t have derivatives 1 by c and 0 by b
			kernel.Scale(c, c, float32(-1/(2*b)))
			kernel.Scale(cb, sin, float32(1/(2*math.Pi*b)))
			kernel.MulAdd(1, n, tb, w, c, cb)
			kernel.ScaleAdd(tc, phi, w, 2)
			copy(cc, phi)
		} else {
			kernel.ScaleAdd(c, c, cb, float32(-1/(2*b)))
			kernel.Mul.Both(n, c, c, w) // w (cb - c/2b)
			kernel.MulAdd(1, n, tb, phi, tb, c)
			kernel.Mul.Both(n, cb, phi, cb)
			kernel.ScaleAdd(cb, sin, cb, float32(1/(2*math.Pi*b)))
			kernel.Add.Both(n, tb, tb, cb)
			kernel.Mul.Both(n, w, w, cc)
			kernel.Mul.Both(n, cc, phi, cc)
			kernel.Add.Both(n, w, w, cc)
			kernel.MulAdd(1, n, tc, phi, tc, w)
		}
		kernel.Mul.Both(n, c, cos, r)
		kernel.Affine(c, c, 1/math.Pi, biasVariance)
		kernel.MulAdd(1, n, t, phi, t, c)
		b += biasVariance
	}
}

// sinFloor bounds sin th = sqrt(ab - c^2) / sqrt(ab) from below where it divides.
const sinFloor = 1e-3
