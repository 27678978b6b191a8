package kernel

import "math"

// Rsqrt is 1 / sqrt(x), rounded from float64.
func Rsqrt(dst, x []float32, _ float32) {
	for i, v := range x {
		dst[i] = float32(1 / math.Sqrt(float64(v)))
	}
}

// Power is x^c for x > 0, rounded from float64. Multiples of a quarter, which
// response normalisation needs, are products of roots.
func Power(dst, x []float32, c float32) {
	quarters := int(4 * c)
	if float32(quarters) != 4*c || quarters < -16 || quarters > 16 {
		for i, v := range x {
			dst[i] = float32(math.Pow(float64(v), float64(c)))
		}
		return
	}
	for i, v := range x {
		dst[i] = float32(quarterPower(float64(v), quarters))
	}
}

// quarterPower is x^(n/4).
func quarterPower(x float64, n int) float64 {
	whole, out := max(n, -n), 1.0
	if whole%2 == 1 {
		out = math.Sqrt(math.Sqrt(x))
	}
	if whole%4 >= 2 {
		out *= math.Sqrt(x)
	}
	for range whole / 4 {
		out *= x
	}
	if n < 0 {
		return 1 / out
	}
	return out
}
