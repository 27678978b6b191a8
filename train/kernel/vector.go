package kernel

import "math"

// The loops below run whole vectors in assembly where the instruction set has
// any, and the rest, or everything, in Go. Vectors and the rest give the same
// bits: each value is one rounded operation either way.

// vectorsIn is the number of vectors that n values fill, and where the rest
// begins.
func vectorsIn(n int) (vectors, rest int) {
	if active.vectors == nil {
		return 0, 0
	}
	return n / vectorValues, n &^ (vectorValues - 1)
}

func addVectors(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	n, rest := vectorsIn(len(dst))
	if n > 0 {
		active.vectors.add(n, &dst[0], &a[0], &b[0])
	}
	for i := rest; i < len(dst); i++ {
		dst[i] = a[i] + b[i]
	}
}

func mulVectors(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	n, rest := vectorsIn(len(dst))
	if n > 0 {
		active.vectors.mul(n, &dst[0], &a[0], &b[0])
	}
	for i := rest; i < len(dst); i++ {
		dst[i] = a[i] * b[i]
	}
}

func addScalar(dst, a []float32, c float32) {
	a = a[:len(dst)]
	n, rest := vectorsIn(len(dst))
	if n > 0 {
		active.vectors.addScalar(n, &dst[0], &a[0], c)
	}
	for i := rest; i < len(dst); i++ {
		dst[i] = a[i] + c
	}
}

func mulScalar(dst, a []float32, c float32) {
	a = a[:len(dst)]
	n, rest := vectorsIn(len(dst))
	if n > 0 {
		active.vectors.mulScalar(n, &dst[0], &a[0], c)
	}
	for i := rest; i < len(dst); i++ {
		dst[i] = a[i] * c
	}
}

// reluVector is max(0, a); NaN stays.
func reluVector(dst, a []float32) {
	a = a[:len(dst)]
	n, rest := vectorsIn(len(dst))
	if n > 0 {
		active.vectors.relu(n, &dst[0], &a[0])
	}
	for i := rest; i < len(dst); i++ {
		dst[i] = max(a[i], 0)
	}
}

// gateVectors is a where b > 0, else 0. The portable loop has no jumps, which
// would be mispredicted half of the time: it keeps a's bits where b's, as an
// integer, are positive and not above infinity's.
func gateVectors(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	n, rest := vectorsIn(len(dst))
	if n > 0 {
		active.vectors.gate(n, &dst[0], &a[0], &b[0])
	}
	const infinity = 0x7f800000
	for i := rest; i < len(dst); i++ {
		v := int32(math.Float32bits(b[i]))
		keep := (-v >> 31) &^ (v >> 31) &^ ((infinity - v) >> 31)
		dst[i] = math.Float32frombits(math.Float32bits(a[i]) & uint32(keep))
	}
}

// sumVector adds in sixteen lanes, then the lanes, then what fills no lane.
func sumVector(x []float32) float32 {
	const lanes = 2 * vectorValues
	whole := len(x) &^ (lanes - 1)
	var sum float32
	switch {
	case whole == 0:
	case active.vectors != nil:
		sum = active.vectors.sum(whole/lanes, &x[0])
	default:
		var partial [lanes]float32
		for i := 0; i < whole; i += lanes {
			block := (*[lanes]float32)(x[i:])
			for l := range partial {
				partial[l] += block[l]
			}
		}
		for _, v := range partial {
			sum += v
		}
	}
	for _, v := range x[whole:] {
		sum += v
	}
	return sum
}
