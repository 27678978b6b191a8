package kernel

// Sum adds up an array of fixed shape over some dimensions. Each result is
// summed in row-major order for any number of workers.
type Sum struct {
	kept, reduced []axis // outer axes; skipB is the step in x
	inner         axis   // a: whether it is kept
	outer         int    // results, or runs of results, in all
	terms         int    // runs that make one result
	x, out        []float32
}

// NewSum prepares the sum of an array of shape in over every dimension in which
// out has size one.
func NewSum(in, out []int) *Sum {
	axes := mergeAxes(out, in) // operand a varies along kept dimensions
	k := &Sum{outer: 1, terms: 1}
	for i, x := range axes {
		switch {
		case i == len(axes)-1:
			k.inner = x
		case x.a:
			k.kept = append(k.kept, x)
			k.outer *= x.size
		default:
			k.reduced = append(k.reduced, x)
			k.terms *= x.size
		}
	}
	return k
}

// Run computes out from x.
func (k *Sum) Run(p *Pool, x, out []float32) {
	clear(out)
	k.x, k.out = x, out
	if len(x) > 0 {
		p.Run(k.outer, k)
	}
	k.x, k.out = nil, nil
}

// Part implements Task: one result, or one run of results along the inner axis.
func (k *Sum) Part(s *Scratch, part int) {
	base, n, sum := offset(k.kept, part), k.inner.size, s.floats(3, 1)
	for t := range k.terms {
		at := base + offset(k.reduced, t)
		run := k.x[at : at+n]
		if k.inner.a {
			out := k.out[part*n : (part+1)*n]
			Add.Both(n, out, out, run)
		} else {
			RowSum(1, n, sum, run)
			k.out[part] += sum[0]
		}
	}
}

// offset is the offset in x of the i-th index along the axes.
func offset(axes []axis, i int) (at int) {
	for j := len(axes) - 1; j >= 0; j-- {
		at += i % axes[j].size * axes[j].skipB
		i /= axes[j].size
	}
	return at
}
