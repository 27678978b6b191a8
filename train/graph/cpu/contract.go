package cpu

import (
	"slices"

	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/kernel"
)

// contract makes a product that only the next operation of its step reads a
// part of that operation: a sum of a product becomes a multiply-add, the sum
// over a row of a product a dot product. The product is then never written.
func (f *fusion) contract() {
	p := f.p
	for i := range p.steps {
		s := &p.steps[i]
		if s.rows == 0 {
			continue
		}
		gone := make(map[int]bool)
		for _, at := range s.values {
			if product := f.absorb(at, gone); product >= 0 {
				gone[product] = true
			}
		}
		s.values = slices.DeleteFunc(s.values, func(at int) bool { return gone[at] })
		for at := range gone {
			p.values[at].in = nil // it no longer reads anything
		}
	}
}

// absorb rewrites one value to read a product's factors, and returns the
// product, or -1.
func (f *fusion) absorb(at int, gone map[int]bool) int {
	v := &f.p.values[at]
	switch o := v.op.(type) {
	case graph.ArithmeticOp:
		if o.Sign != '+' || gone[at] {
			return -1
		}
		for side, m := range v.in {
			factors, ok := f.factors(at, m)
			if !ok || gone[m] {
				continue
			}
			in := []int{factors[0], factors[1], v.in[1-side]}
			if run := f.multiplyAdd(at, in); run != nil {
				v.in, v.row = in, run
				return m
			}
			in[0], in[1] = in[1], in[0]
			if run := f.multiplyAdd(at, in); run != nil {
				v.in, v.row = in, run
				return m
			}
		}
	case graph.SumOp:
		factors, ok := f.factors(at, v.in[0])
		if !ok || gone[v.in[0]] {
			return -1
		}
		m, n := v.in[0], rowSize(f.p.values[v.in[0]].shape)
		for _, in := range factors {
			if o := operandOf(f.p.values[in].shape, f.p.values[m].shape); o.kind != ownRow || o.size != n {
				return -1
			}
		}
		v.in = slices.Clone(factors)
		v.row = func(rows int, out []float32, in [3][]float32) { kernel.RowDot(rows, n, out, in[0], in[1]) }
		return m
	}
	return -1
}

// factors are the factors of a product, if only the value at reads it.
func (f *fusion) factors(at, product int) ([]int, bool) {
	m := f.p.values[product]
	if m.op == nil || m.kept || m.row == nil || m.step != f.p.values[at].step || len(f.users[product]) != 1 ||
		len(m.in) != 2 {
		return nil, false
	}
	o, ok := m.op.(graph.ArithmeticOp)
	return m.in, ok && o.Sign == '*'
}

// multiplyAdd is the kernel of in[0] in[1] + in[2], or nil if there is none for
// such operands.
func (f *fusion) multiplyAdd(at int, in []int) rowRun {
	out := f.p.values[at].shape
	n := rowSize(out)
	var full [3]bool
	for i, from := range in {
		o := operandOf(f.p.values[from].shape, out)
		if o.kind == noRow || o.kind == everyRow || o.size != 1 && o.size != n {
			return nil
		}
		full[i] = o.size == n
	}
	switch {
	case full[0] && full[1] && full[2]:
		return func(rows int, out []float32, in [3][]float32) { kernel.MulAdd(rows, n, out, in[0], in[1], in[2]) }
	case full[0] && full[2]:
		return func(rows int, out []float32, in [3][]float32) { kernel.MulValueAdd(rows, n, out, in[0], in[1], in[2]) }
	case full[0] && !full[1]:
		return func(rows int, out []float32, in [3][]float32) {
			kernel.MulValueAddValue(rows, n, out, in[0], in[1], in[2])
		}
	}
	return nil
}
