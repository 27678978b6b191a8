package kernel

import (
	"math"
	"slices"
)

// grain is the number of values that make one part of an element-wise task:
// enough to outweigh handing it to a worker, little enough to stay in cache.
const grain = 1 << 13

// Arithmetic is one operation on two arrays: on two runs of values, or with one
// side constant along the run.
type Arithmetic struct {
	both  func(dst, a, b []float32)
	right func(dst, a []float32, b float32)
	left  func(dst []float32, a float32, b []float32)
}

// The operations for NewBinary. Gate is a where b > 0, else 0; First is a.
var (
	Add = Arithmetic{
		func(dst, a, b []float32) { addVectors(dst, a, b) },
		func(dst, a []float32, b float32) { addScalar(dst, a, b) },
		func(dst []float32, a float32, b []float32) { addScalar(dst, b, a) },
	}
	Sub = Arithmetic{
		func(dst, a, b []float32) {
			for i := range dst {
				dst[i] = a[i] - b[i]
			}
		},
		func(dst, a []float32, b float32) { addScalar(dst, a, -b) },
		func(dst []float32, a float32, b []float32) {
			for i := range dst {
				dst[i] = a - b[i]
			}
		},
	}
	Mul = Arithmetic{
		func(dst, a, b []float32) { mulVectors(dst, a, b) },
		func(dst, a []float32, b float32) { mulScalar(dst, a, b) },
		func(dst []float32, a float32, b []float32) { mulScalar(dst, b, a) },
	}
	Div = Arithmetic{
		func(dst, a, b []float32) {
			for i := range dst {
				dst[i] = a[i] / b[i]
			}
		},
		func(dst, a []float32, b float32) {
			for i := range dst {
				dst[i] = a[i] / b
			}
		},
		func(dst []float32, a float32, b []float32) {
			for i := range dst {
				dst[i] = a / b[i]
			}
		},
	}
	Gate  = Arithmetic{both: func(dst, a, b []float32) { gateVectors(dst, a, b) }}
	First = Arithmetic{
		func(dst, a, _ []float32) { copy(dst, a) },
		func(dst, a []float32, _ float32) { copy(dst, a) },
		func(dst []float32, a float32, _ []float32) { fill(dst, a) },
	}
)

func fill(dst []float32, v float32) {
	for i := range dst {
		dst[i] = v
	}
}

// axis is a run of neighbouring dimensions in which each side either moves or
// stands still.
type axis struct {
	size       int
	a, b       bool // whether the side moves along the axis
	skipA      int  // values from one index to the next, zero where it stands
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
		// One long run: cut it, so that there is something to share.
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
		k.op.both(dst, k.a[a:a+n], k.b[b:b+n])
	case k.inner.a:
		k.op.right(dst, k.a[a:a+n], k.b[b])
	default:
		k.op.left(dst, k.a[a], k.b[b:b+n])
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

// Scale is c x.
func Scale(dst, x []float32, c float32) { mulScalar(dst, x, c) }

// Offset is x + c.
func Offset(dst, x []float32, c float32) { addScalar(dst, x, c) }

// Fill is c everywhere.
func Fill(dst, _ []float32, c float32) { fill(dst, c) }

// Relu is max(0, x); NaN stays NaN.
func Relu(dst, x []float32, _ float32) { reluVector(dst, x) }

// Step is 1 where x > 0, else 0.
func Step(dst, x []float32, _ float32) {
	for i, v := range x {
		dst[i] = 0
		if v > 0 {
			dst[i] = 1
		}
	}
}

// Exp is e^x, rounded from float64.
func Exp(dst, x []float32, _ float32) {
	for i, v := range x {
		dst[i] = float32(math.Exp(float64(v)))
	}
}

// Log is the natural logarithm, rounded from float64.
func Log(dst, x []float32, _ float32) {
	for i, v := range x {
		dst[i] = float32(math.Log(float64(v)))
	}
}

// Sqrt is the square root, correctly rounded.
func Sqrt(dst, x []float32, _ float32) {
	for i, v := range x {
		dst[i] = float32(math.Sqrt(float64(v)))
	}
}

// LogSoftmax is x - log(sum exp x) along each row of a rows x cols matrix; dst
// may be x. The sum is kept in float64.
func LogSoftmax(dst, x []float32, rows, cols int) {
	for i := range rows {
		in, out := x[i*cols:(i+1)*cols], dst[i*cols:(i+1)*cols]
		if cols == 0 {
			continue
		}
		most, sum := slices.Max(in), 0.0
		for _, v := range in {
			sum += math.Exp(float64(v - most))
		}
		shift := float64(most) + math.Log(sum)
		for j, v := range in {
			out[j] = float32(float64(v) - shift)
		}
	}
}
