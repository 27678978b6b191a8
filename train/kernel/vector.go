package kernel

import "math"

func addVectors(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] + b[i]
	}
}

func addScalar(dst, a []float32, c float32) {
	a = a[:len(dst)]
	for i := range dst {
		dst[i] = a[i] + c
	}
}

func mulVectors(dst, a, b []float32) {
	a, b = a[:len(dst)], b[:len(dst)]
	for i := range dst {
		dst[i] = a[i] * b[i]
	}
}

func mulScalar(dst, a []float32, c float32) {
	a = a[:len(dst)]
	for i := range dst {
		dst[i] = a[i] * c
	}
}

// reluVector works on bits: a conditional jump a value would be mispredicted
// half of the time. NaN stays, whatever its sign.
func reluVector(dst, x []float32) {
	x = x[:len(dst)]
	for i, v := range x {
		dst[i] = max(v, 0)
	}
}

// gateVectors is g where x > 0, else 0, without jumps: all ones where x, as an
// integer, is positive and no NaN.
func gateVectors(dst, g, x []float32) {
	g, x = g[:len(dst)], x[:len(dst)]
	const infinity = 0x7f800000
	for i := range dst {
		v := int32(math.Float32bits(x[i]))
		keep := (-v >> 31) &^ (v >> 31) &^ ((infinity - v) >> 31)
		dst[i] = math.Float32frombits(math.Float32bits(g[i]) & uint32(keep))
	}
}

// sumVector adds in sixteen lanes, then the lanes in order.
func sumVector(x []float32) float32 {
	var lanes [16]float32
	n := len(x) &^ 15
	for i := 0; i < n; i += 16 {
		block := (*[16]float32)(x[i:])
		for l := range lanes {
			lanes[l] += block[l]
		}
	}
	for i, v := range x[n:] {
		lanes[i] += v
	}
	var sum float32
	for _, v := range lanes {
		sum += v
	}
	return sum
}
