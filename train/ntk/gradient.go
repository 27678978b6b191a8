package ntk

import "math"

// qFloor bounds ab - c^2 from below, relative to ab, where it divides: the
// derivatives have no limit where two inputs coincide.
const qFloor = 1e-6

// Gradient is the kernel K and its derivatives by c = n(x,s) and b = n(s,s), at
// a = n(x,x), where n(x,s) = 2 <x,s>/d + 0.01. It follows Pair layer by layer:
//
//	q = sqrt(max(ab - c^2, 1e-6 ab)), dk1/dc = k0, dk0/dc = 1/(2 pi q)
//	dk1/db = q/(4 pi b), dk0/db = -c/(4 pi b q); a and b grow by 0.01 per layer
//
// so that at depth 1 (edge-distillers 1.5)
//
//	dK/dc = 2 (k0 + c/(2 pi q)) + 2 k0, dK/db = q/(2 pi b) - c^2/(2 pi b q)
func Gradient(depth int, a, b, c float64) (k, dc, db float64) {
	t := c
	cc, tc := 1., 1. // derivatives of c and t by the first c
	var cb, tb float64
	for range depth {
		r := math.Sqrt(a * b)
		cos := math.Min(math.Max(c/r, -1), 1)
		th := math.Acos(cos)
		q := math.Sqrt(math.Max(a*b-c*c, qFloor*a*b))
		g := (math.Pi - th) / math.Pi // 2 k0
		w := t / (math.Pi * q)
		tb = g*tb + w*(cb-c/(2*b))
		cb = g*cb + q/(2*math.Pi*b)
		tb += cb
		tc = g*tc + w*cc + g*cc
		cc *= g
		c = r*(math.Sqrt(1-cos*cos)+(math.Pi-th)*cos)/math.Pi + biasVariance
		t = g*t + c
		a, b = a+biasVariance, b+biasVariance
	}
	return t, tc, tb
}
