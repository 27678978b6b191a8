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
	product     []float32 // m x n: 2 <x,s>/d
	k, dc, db   []float32 // n x m: K, dK/dc, dK/db
	// What the recursion needs of the columns, for each layer: the square root
	// of a = n(x,x) and its inverse, depth x m.
	root, inverse []float32
}

func newPairs(depth, n, m int) pairs {
	size := n * m
	return pairs{depth: depth, n: n, m: m, product: make([]float32, size), k: make([]float32, size), dc: make([]float32, size),
		db: make([]float32, size), root: make([]float32, depth*m), inverse: make([]float32, depth*m)}
}

// across is the number of blocks in a row; all are of one size, give or take one.
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

// block runs the recursion of Gradient, in float32, for one support with
// <s,s>/d = square and a run of columns. Everything is taken from cos, so that
// the values stay right to rounding where ab - c^2 cancels; the derivatives
// have no limit there and are bounded by qFloor.
func (p *pairs) block(s *kernel.Scratch, j, at int, square float32) {
	lo, hi := p.span(at)
	n := hi - lo
	buf := s.Floats(8 * pairBlock)
	cut := func(i int) []float32 { return buf[i*pairBlock : i*pairBlock+n] }
	c, cc, cb, cos, phi, sin, r, w := cut(0), cut(1), cut(2), cut(3), cut(4), cut(5), cut(6), cut(7)
	t, tc, tb := p.k[j*p.m+lo:j*p.m+hi], p.dc[j*p.m+lo:j*p.m+hi], p.db[j*p.m+lo:j*p.m+hi]
	column(c, p.product[lo*p.n+j:], p.n)
	affine(c, c, 1, biasVariance)
	copy(t, c)
	b := weightVariance*float64(square) + biasVariance
	for l := range p.depth {
		rootA, inverseA := p.root[l*p.m+lo:l*p.m+hi], p.inverse[l*p.m+lo:l*p.m+hi]
		rootB := math.Sqrt(b)
		mul(cos, c, inverseA)
		clampScale(cos, cos, float32(1/rootB))
		supplement(phi, cos)
		sine(sin, cos)
		scale(r, rootA, float32(rootB))
		mulAdd(cos, phi, cos, sin) // sin + (pi - th) cos
		scale(phi, phi, 1/math.Pi) // g = 2 k0
		floor(sin, sin, sinFloor)
		mul(sin, sin, r) // q
		scale(w, t, 1/math.Pi)
		div(w, w, sin) // t / (pi q)
		if l == 0 {    // where c and t have derivatives 1 by c and 0 by b
			scale(c, c, float32(-1/(2*b)))
			scale(cb, sin, float32(1/(2*math.Pi*b)))
			mulAdd(tb, w, c, cb)
			scaleAdd(tc, phi, 2, w)
			copy(cc, phi)
		} else {
			scaleAdd(c, c, float32(-1/(2*b)), cb)
			mul(c, c, w) // w (cb - c/2b)
			mulAdd(tb, phi, tb, c)
			mul(cb, phi, cb)
			scaleAdd(cb, sin, float32(1/(2*math.Pi*b)), cb)
			add(tb, tb, cb)
			mul(w, w, cc)
			mul(cc, phi, cc)
			add(w, w, cc)
			mulAdd(tc, phi, tc, w)
		}
		mul(c, cos, r)
		affine(c, c, 1/math.Pi, biasVariance)
		mulAdd(t, phi, t, c)
		b += biasVariance
	}
}

// The loops of the recursion: each is one simple operation on whole blocks.

// sinFloor is qFloor in terms of sin th = sqrt(ab - c^2) / sqrt(ab).
const sinFloor = 1e-3

// column is every stride-th value of x.
func column(dst, x []float32, stride int) {
	at := 0
	for i := range dst {
		dst[i] = x[at]
		at += stride
	}
}

// add is a + b.
func add(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] + b[i]
	}
}

// mul is a b.
func mul(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] * b[i]
	}
}

// div is a / b.
func div(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] / b[i]
	}
}

// mulAdd is a b + c.
func mulAdd(dst, a, b, c []float32) {
	a, b, c = a[:len(dst)], b[:len(dst)], c[:len(dst)]
	for i := range dst {
		dst[i] = a[i]*b[i] + c[i]
	}
}

// scale is v a.
func scale(dst, a []float32, v float32) {
	a = a[:len(dst)]
	for i := range dst {
		dst[i] = a[i] * v
	}
}

// scaleAdd is v a + b.
func scaleAdd(dst, a []float32, v float32, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i]*v + b[i]
	}
}

// affine is v a + w.
func affine(dst, a []float32, v, w float32) {
	a = a[:len(dst)]
	for i := range dst {
		dst[i] = a[i]*v + w
	}
}

// floor is max(a, v).
func floor(dst, a []float32, v float32) {
	a = a[:len(dst)]
	for i, x := range a {
		if x < v {
			x = v
		}
		dst[i] = x
	}
}

// clampScale is v a, moved into [-1, 1].
func clampScale(dst, a []float32, v float32) {
	a = a[:len(dst)]
	for i, x := range a {
		x *= v
		if x > 1 {
			x = 1
		}
		if x < -1 {
			x = -1
		}
		dst[i] = x
	}
}

// sine is sqrt((1 - u)(1 + u)) for |u| <= 1.
func sine(dst, u []float32) {
	u = u[:len(dst)]
	for i, x := range u {
		dst[i] = float32(math.Sqrt(float64((1 - x) * (1 + x))))
	}
}

// supplement is pi - arccos u for |u| <= 1, exact at -1, 0 and 1, within 4e-7
// elsewhere: arccos |u| = sqrt(1 - |u|) p(|u|) with the polynomial of
// Abramowitz and Stegun 4.4.46 (2e-8 in exact arithmetic).
func supplement(dst, u []float32) {
	const half = math.Pi / 2
	u = u[:len(dst)]
	for i, v := range u {
		sign := math.Float32bits(v) & (1 << 31)
		x := math.Float32frombits(math.Float32bits(v) &^ (1 << 31))
		p := float32(-.0012624911)
		p = p*x + .0066700901
		p = p*x - .0170881256
		p = p*x + .0308918810
		p = p*x - .0501743046
		p = p*x + .0889789874
		p = p*x - .2145988016
		p = p*x + half // 1.5707963050 in the book; exact at 0
		p *= float32(math.Sqrt(float64(1 - x)))
		dst[i] = half + math.Float32frombits(math.Float32bits(half-p)|sign)
	}
}
