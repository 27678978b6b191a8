package kernel

import "math"

// The loops below run in assembly where the instruction set has any, else in
// Go. A value is computed in the same way at every position in a row, so the
// bits do not depend on how arrays are cut.

// checked panics unless x holds rows of n values: assembly checks no bounds.
func checked(rows, n int, x []float32) *float32 { return &x[:rows*n][0] }

// RowSum adds up each of rows rows of n values: dst[r] = sum of a[r n + i].
func RowSum(rows, n int, dst, a []float32) {
	if rows == 0 || n == 0 {
		clear(dst[:rows])
		return
	}
	if v := active.vectors; v != nil {
		v.rowSum(rows, n, checked(rows, 1, dst), checked(rows, n, a))
		return
	}
	for r := range rows {
		dst[r] = inLanes(a[r*n:(r+1)*n], nil)
	}
}

// RowDot adds up the products of each row: dst[r] = sum of a[r n + i] b[r n + i].
func RowDot(rows, n int, dst, a, b []float32) {
	if rows == 0 || n == 0 {
		clear(dst[:rows])
		return
	}
	if v := active.vectors; v != nil {
		v.rowDot(rows, n, checked(rows, 1, dst), checked(rows, n, a), checked(rows, n, b))
		return
	}
	for r := range rows {
		dst[r] = inLanes(a[r*n:(r+1)*n], b[r*n:(r+1)*n])
	}
}

// Dot is the sum of the products of two arrays: float32 within runs of 256
// values, float64 between them.
func Dot(a, b []float32) float32 {
	const run = 256
	total := 0.0
	for b = b[:len(a)]; len(a) > 0; {
		n := min(run, len(a))
		if v := active.vectors; v != nil {
			total += float64(v.dot(n, &a[0], &b[0]))
		} else {
			total += float64(inLanes(a[:n], b))
		}
		a, b = a[n:], b[n:]
	}
	return float32(total)
}

// inLanes adds up a, or the products of a and b, in sixteen partial sums:
// rounding errors grow with a sixteenth of the length.
func inLanes(a, b []float32) float32 {
	const lanes = 16
	var partial [lanes]float32
	for i, v := range a {
		if b != nil {
			v *= b[i]
		}
		partial[i%lanes] += v
	}
	var sum float32
	for _, v := range partial {
		sum += v
	}
	return sum
}

// MulAdd is a b + c on rows of n values.
func MulAdd(rows, n int, dst, a, b, c []float32) {
	if rows*n == 0 {
		return
	}
	if v := active.vectors; v != nil {
		v.mulAdd(rows, n, checked(rows, n, dst), checked(rows, n, a), checked(rows, n, b), checked(rows, n, c))
		return
	}
	for i := range dst[:rows*n] {
		dst[i] = a[i]*b[i] + c[i]
	}
}

// MulValueAdd is a b + c on rows of n values, with one value of b per row.
func MulValueAdd(rows, n int, dst, a, b, c []float32) {
	if rows*n == 0 {
		return
	}
	if v := active.vectors; v != nil {
		v.mulValueAdd(rows, n, checked(rows, n, dst), checked(rows, n, a), checked(rows, 1, b), checked(rows, n, c))
		return
	}
	for i := range dst[:rows*n] {
		dst[i] = a[i]*b[i/n] + c[i]
	}
}

// MulValueAddValue is a b + c on rows of n values, with one value of b and one
// of c per row.
func MulValueAddValue(rows, n int, dst, a, b, c []float32) {
	if rows*n == 0 {
		return
	}
	if v := active.vectors; v != nil {
		v.mulValueAddValue(rows, n, checked(rows, n, dst), checked(rows, n, a), checked(rows, 1, b), checked(rows, 1, c))
		return
	}
	for i := range dst[:rows*n] {
		dst[i] = a[i]*b[i/n] + c[i/n]
	}
}

// mapWith runs the assembly of a function of one value, or the Go loop.
func mapWith(dst, x []float32, vector func(*vectorSet) rowFunc1, plain func(x float32) float32) {
	x = x[:len(dst)]
	if len(dst) == 0 {
		return
	}
	if v := active.vectors; v != nil {
		vector(v)(1, len(dst), &dst[0], &x[0])
		return
	}
	for i, value := range x {
		dst[i] = plain(value)
	}
}

// Scale is c x.
func Scale(dst, x []float32, c float32) {
	x = x[:len(dst)]
	if v := active.vectors; v != nil && len(dst) > 0 {
		v.scale(1, len(dst), &dst[0], &x[0], c)
		return
	}
	for i, value := range x {
		dst[i] = value * c
	}
}

// Offset is x + c.
func Offset(dst, x []float32, c float32) {
	x = x[:len(dst)]
	if v := active.vectors; v != nil && len(dst) > 0 {
		v.offset(1, len(dst), &dst[0], &x[0], c)
		return
	}
	for i, value := range x {
		dst[i] = value + c
	}
}

// Fill sets every value to c.
func Fill(dst, _ []float32, c float32) { fill(dst, c) }

// Relu is max(0, x); NaN stays NaN.
func Relu(dst, x []float32, _ float32) {
	mapWith(dst, x, func(v *vectorSet) rowFunc1 { return v.relu }, func(x float32) float32 { return max(x, 0) })
}

// Step is 1 where x > 0, else 0.
func Step(dst, x []float32, _ float32) {
	mapWith(dst, x, func(v *vectorSet) rowFunc1 { return v.step }, func(x float32) float32 {
		if x > 0 {
			return 1
		}
		return 0
	})
}

// Sqrt is the square root, correctly rounded.
func Sqrt(dst, x []float32, _ float32) {
	mapWith(dst, x, func(v *vectorSet) rowFunc1 { return v.root },
		func(x float32) float32 { return float32(math.Sqrt(float64(x))) })
}

// Rsqrt is 1 / sqrt x, both correctly rounded.
func Rsqrt(dst, x []float32, _ float32) {
	mapWith(dst, x, func(v *vectorSet) rowFunc1 { return v.inverseRoot },
		func(x float32) float32 { return 1 / float32(math.Sqrt(float64(x))) })
}

// Exp is e^x to two units in the last place.
func Exp(dst, x []float32, _ float32) {
	mapWith(dst, x, func(v *vectorSet) rowFunc1 { return v.exp },
		func(x float32) float32 { return float32(math.Exp(float64(x))) })
}

// Log is the natural logarithm to two units in the last place.
func Log(dst, x []float32, _ float32) {
	mapWith(dst, x, func(v *vectorSet) rowFunc1 { return v.log },
		func(x float32) float32 { return float32(math.Log(float64(x))) })
}

// Supplement is pi - arccos x for |x| <= 1: exact at -1, 0 and 1, within 4e-7
// elsewhere.
func Supplement(dst, x []float32) {
	mapWith(dst, x, func(v *vectorSet) rowFunc1 { return v.supplement },
		func(x float32) float32 { return float32(math.Pi - math.Acos(float64(x))) })
}

// SineOf is sqrt((1 - x)(1 + x)): the sine of the angle whose cosine is x.
func SineOf(dst, x []float32) {
	mapWith(dst, x, func(v *vectorSet) rowFunc1 { return v.cosine2sine },
		func(x float32) float32 { return float32(math.Sqrt(float64((1 - x) * (1 + x)))) })
}

// Affine is c x + d.
func Affine(dst, x []float32, c, d float32) {
	x = x[:len(dst)]
	if v := active.vectors; v != nil && len(dst) > 0 {
		v.affine(1, len(dst), &dst[0], &x[0], c, d)
		return
	}
	for i, value := range x {
		dst[i] = c*value + d
	}
}

// Clamp limits x to the range low to high; NaN stays NaN.
func Clamp(dst, x []float32, low, high float32) {
	x = x[:len(dst)]
	if v := active.vectors; v != nil && len(dst) > 0 {
		v.clamp(1, len(dst), &dst[0], &x[0], low, high)
		return
	}
	for i, value := range x {
		dst[i] = min(max(value, low), high)
	}
}

// ScaleAdd is c x + y.
func ScaleAdd(dst, x, y []float32, c float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	if v := active.vectors; v != nil && len(dst) > 0 {
		v.scaleAdd(1, len(dst), &dst[0], &x[0], &y[0], c)
		return
	}
	for i, value := range x {
		dst[i] = c*value + y[i]
	}
}
