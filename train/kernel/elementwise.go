package kernel

import "slices"

// grain is the number of values in one part of an element-wise task: enough to
// outweigh the cost of a worker, and few enough to stay in cache.
const grain = 1 << 13

// Arithmetic is one operation on two arrays: value by value, or with one side
// one value per row.
type Arithmetic struct {
	vectors func(v *vectorSet) (both, right, left rowFunc2) // nil: portable loops alone
	plain   func(a, b float32) float32
	swaps   bool                      // commutative
	loop    func(dst, a, b []float32) // portable loops on runs, for the most frequent operations
}

// The operations for NewBinary. Gate is a where b > 0, else 0; First is a.
var (
	Add = Arithmetic{func(v *vectorSet) (both, right, left rowFunc2) { return v.add, v.addValue, nil },
		func(a, b float32) float32 { return a + b }, true, func(dst, a, b []float32) {
			for i := range dst {
				dst[i] = a[i] + b[i]
			}
		}}
	Sub = Arithmetic{func(v *vectorSet) (both, right, left rowFunc2) { return v.sub, v.subValue, v.subFrom },
		func(a, b float32) float32 { return a - b }, false, nil}
	Mul = Arithmetic{func(v *vectorSet) (both, right, left rowFunc2) { return v.mul, v.mulValue, nil },
		func(a, b float32) float32 { return a * b }, true, func(dst, a, b []float32) {
			for i := range dst {
				dst[i] = a[i] * b[i]
			}
		}}
	Div = Arithmetic{func(v *vectorSet) (both, right, left rowFunc2) { return v.div, v.divValue, v.divFrom },
		func(a, b float32) float32 { return a / b }, false, nil}
	Gate = Arithmetic{func(v *vectorSet) (both, right, left rowFunc2) { return v.gate, nil, nil },
		func(a, b float32) float32 {
			if b > 0 {
				return a
			}
			return 0
		}, false, nil}
	First = Arithmetic{plain: func(a, _ float32) float32 { return a }}
)

// run2 runs the assembly if there is any.
func run2(f rowFunc2, rows, n int, dst, a, b *float32) bool {
	if f == nil {
		return false
	}
	f(rows, n, dst, a, b)
	return true
}

// Both computes n values of dst from n of a and n of b.
func (o Arithmetic) Both(n int, dst, a, b []float32) {
	if n == 0 {
		return
	}
	dst, a, b = dst[:n], a[:n], b[:n]
	if v := active.vectors; v != nil && o.vectors != nil {
		if both, _, _ := o.vectors(v); run2(both, 1, n, &dst[0], &a[0], &b[0]) {
			return
		}
	}
	if o.loop != nil {
		o.loop(dst, a, b)
		return
	}
	for i := range dst {
		dst[i] = o.plain(a[i], b[i])
	}
}

// Right computes rows of n values from a and one value of b per row.
func (o Arithmetic) Right(rows, n int, dst, a, b []float32) {
	if rows*n == 0 {
		return
	}
	dst, a, b = dst[:rows*n], a[:rows*n], b[:rows]
	if v := active.vectors; v != nil && o.vectors != nil {
		if _, right, _ := o.vectors(v); run2(right, rows, n, &dst[0], &a[0], &b[0]) {
			return
		}
	}
	for i := range dst {
		dst[i] = o.plain(a[i], b[i/n])
	}
}

// Left computes rows of n values from one value of a per row and b.
func (o Arithmetic) Left(rows, n int, dst, a, b []float32) {
	if o.swaps {
		o.Right(rows, n, dst, b, a)
		return
	}
	if rows*n == 0 {
		return
	}
	dst, a, b = dst[:rows*n], a[:rows], b[:rows*n]
	if v := active.vectors; v != nil && o.vectors != nil {
		if _, _, left := o.vectors(v); run2(left, rows, n, &dst[0], &a[0], &b[0]) {
			return
		}
	}
	for i := range dst {
		dst[i] = o.plain(a[i/n], b[i])
	}
}

func fill(dst []float32, v float32) {
	for i := range dst {
		dst[i] = v
	}
}

// axis is a run of adjacent dimensions along which each operand either varies
// or is constant.
type axis struct {
	size       int
	a, b       bool // whether the operand varies along the axis
	skipA      int  // values from one index to the next, zero if constant
	skipB      int
	skipResult int
}

// Binary is an element-wise operation on two arrays of fixed shapes, where
// dimensions of size one stretch.
type Binary struct {
	op        Arithmetic
	outer     []axis // all but the innermost
	inner     axis
	runs, per int // runs along the inner axis, runs in one part
	a, b, out []float32
}

// NewBinary prepares the operation for shapes of equal rank.
func NewBinary(op Arithmetic, a, b []int) *Binary {
	axes := mergeAxes(a, b)
	last := len(axes) - 1
	k := &Binary{op: op, outer: axes[:last], inner: axes[last], runs: 1}
	for _, x := range k.outer {
		k.runs *= x.size
	}
	if len(k.outer) == 0 && k.inner.size > 2*grain {
		// One long run: cut it, so that workers can share it.
		k.per = 0
		return k
	}
	k.per = max(1, grain/max(1, k.inner.size))
	return k
}

func mergeAxes(a, b []int) []axis {
	var axes []axis
	for i := range a {
		x := axis{size: max(a[i], b[i]), a: a[i] != 1 || b[i] == 1, b: b[i] != 1 || a[i] == 1}
		if a[i] == 0 || b[i] == 0 {
			x.size = 0
		}
		if x.size == 1 {
			continue
		}
		if n := len(axes); n > 0 && axes[n-1].a == x.a && axes[n-1].b == x.b {
			axes[n-1].size *= x.size
			continue
		}
		axes = append(axes, x)
	}
	if len(axes) == 0 {
		axes = []axis{{size: 1, a: true, b: true}}
	}
	skipA, skipB, skip := 1, 1, 1
	for i := len(axes) - 1; i >= 0; i-- {
		x := &axes[i]
		x.skipResult = skip
		skip *= x.size
		if x.a {
			x.skipA = skipA
			skipA *= x.size
		}
		if x.b {
			x.skipB = skipB
			skipB *= x.size
		}
	}
	return axes
}

// Run computes out from a and b, either of which may be out itself when it has
// the result's size.
func (k *Binary) Run(p *Pool, a, b, out []float32) {
	k.a, k.b, k.out = a, b, out
	if k.per == 0 {
		p.Run(ceilDiv(k.inner.size, grain), k)
	} else if len(out) > 0 {
		p.Run(ceilDiv(k.runs, k.per), k)
	}
	k.a, k.b, k.out = nil, nil, nil
}

// Part implements Task.
func (k *Binary) Part(_ *Scratch, part int) {
	if k.per == 0 {
		lo, hi := part*grain, min(k.inner.size, (part+1)*grain)
		k.run(lo*k.inner.skipA, lo*k.inner.skipB, lo, hi-lo)
		return
	}
	for r := part * k.per; r < min(k.runs, (part+1)*k.per); r++ {
		at, bt, rest := 0, 0, r
		for i := len(k.outer) - 1; i >= 0; i-- {
			x := &k.outer[i]
			index := rest % x.size
			rest /= x.size
			at, bt = at+index*x.skipA, bt+index*x.skipB
		}
		k.run(at, bt, r*k.inner.size, k.inner.size)
	}
}

func (k *Binary) run(a, b, out, n int) {
	dst := k.out[out : out+n]
	switch {
	case k.inner.a && k.inner.b:
		k.op.Both(n, dst, k.a[a:a+n], k.b[b:b+n])
	case k.inner.a:
		k.op.Right(1, n, dst, k.a[a:a+n], k.b[b:b+1])
	default:
		k.op.Left(1, n, dst, k.a[a:a+1], k.b[b:b+n])
	}
}

// Map applies a function with one constant to every value of an array.
type Map struct {
	f        func(dst, x []float32, c float32)
	constant float32
	x, out   []float32
}

// NewMap prepares the function, one of those below, with its constant.
func NewMap(f func(dst, x []float32, c float32), constant float32) *Map {
	return &Map{f: f, constant: constant}
}

// Run computes out from x, which may be out itself. A function that reads no x
// (Fill) may be given none.
func (k *Map) Run(p *Pool, x, out []float32) {
	k.x, k.out = x, out
	p.Run(ceilDiv(len(out), grain), k)
	k.x, k.out = nil, nil
}

// Part implements Task.
func (k *Map) Part(_ *Scratch, part int) {
	lo, hi := part*grain, min(len(k.out), (part+1)*grain)
	x := k.x
	if x != nil {
		x = x[lo:hi]
	}
	k.f(k.out[lo:hi], x, k.constant)
}

// LogSoftmax is x - log(sum exp x) along each row of a rows x cols matrix.
type LogSoftmax struct {
	rows, cols int
	most, sums []float32
	powers     []float32
}

// NewLogSoftmax prepares the operation.
func NewLogSoftmax(rows, cols int) *LogSoftmax {
	return &LogSoftmax{rows, cols, make([]float32, rows), make([]float32, rows), make([]float32, rows*cols)}
}

// Run computes out, which may be x. A row that holds NaN becomes NaN.
func (k *LogSoftmax) Run(out, x []float32) {
	if k.cols == 0 {
		return
	}
	for r := range k.most {
		k.most[r] = slices.Max(x[r*k.cols : (r+1)*k.cols])
	}
	Sub.Right(k.rows, k.cols, out, x, k.most)
	Exp(k.powers, out, 0)
	RowSum(k.rows, k.cols, k.sums, k.powers)
	Log(k.sums, k.sums, 0)
	Sub.Right(k.rows, k.cols, out, out, k.sums)
}
