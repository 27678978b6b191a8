package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The functions below are range reductions and polynomials of the Cephes
// library (Moshier), in registers.

// test is the outcome of a comparison, lane by lane: a mask register, or a
// vector of all bits.
type test struct {
	bits   reg.OpmaskVirtual
	vector reg.VecVirtual
}

// compare tests a against b by one of VCMPPS's predicates.
func (s isa) compare(predicate uint8, a reg.VecVirtual, b Op) test {
	if s.bytes == 64 {
		k := K()
		VCMPPS(Imm(uint64(predicate)), b, a, k)
		return test{bits: k}
	}
	v := s.vector()
	VCMPPS(Imm(uint64(predicate)), b, a, v)
	return test{vector: v}
}

// Predicates of VCMPPS: false for NaN.
const (
	less       = 0x11
	lessOrSame = 0x12
)

// positive tests x > 0.
func (s isa) positive(x reg.VecVirtual) test {
	zero := s.vector()
	s.zero(zero)
	return s.compare(greater, x, zero)
}

// where is v where the test holds, else 0.
func (s isa) where(t test, v reg.VecVirtual) reg.VecVirtual {
	out := s.vector()
	if s.bytes == 64 {
		VMOVAPS_Z(v, t.bits, out)
		return out
	}
	VANDPS(t.vector, v, out)
	return out
}

// choose is yes where the test holds, else no.
func (s isa) choose(t test, yes, no reg.VecVirtual) reg.VecVirtual {
	out := s.vector()
	if s.bytes == 64 {
		VBLENDMPS(yes, no, t.bits, out)
		return out
	}
	VBLENDVPS(t.vector, yes, no, out)
	return out
}

// every is a vector in read-only memory that holds one value everywhere.
func (s isa) every(v float64) Mem { return everyBits(math.Float32bits(float32(v))) }

// fill is a register that holds one value everywhere.
func (s isa) fill(v float64) reg.VecVirtual {
	r := s.vector()
	VMOVUPS(s.every(v), r)
	return r
}

// polynomial is the value of a polynomial at x, coefficients from the highest.
func (s isa) polynomial(x reg.VecVirtual, coefficients ...float64) reg.VecVirtual {
	sum := s.fill(coefficients[0])
	for _, c := range coefficients[1:] {
		VFMADD213PS(s.every(c), x, sum)
	}
	return sum
}

// exp is e^x: x = n log 2 + r, a polynomial in r, times 2^n.
func (s isa) exp(x reg.VecVirtual) reg.VecVirtual {
	const highest, lowest = 89, -104 // infinity above, zero below
	n, r := s.vector(), s.vector()
	VMINPS(x, s.fill(highest), r) // of NaN and a number, the instruction gives its last source: x
	VMAXPS(r, s.fill(lowest), r)
	VMULPS(s.every(math.Log2E), r, n)
	s.round(n)
	VFNMADD231PS(s.every(0.693359375), n, r)
	VFNMADD231PS(s.every(-2.12194440e-4), n, r)
	y := s.polynomial(r, 1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1,
		5.0000001201e-1)
	VMULPS(r, y, y)
	VFMADD213PS(r, r, y) // y r + r
	VADDPS(s.every(1), y, y)
	return s.scale(y, n)
}

// round rounds to the nearest whole number in place.
func (s isa) round(x reg.VecVirtual) {
	if s.bytes == 64 {
		VRNDSCALEPS(Imm(8), x, x)
		return
	}
	VROUNDPS(Imm(8), x, x)
}

// scale is y 2^n. Where there is no instruction for it, in two steps, each with
// a power that a float32 can hold.
func (s isa) scale(y, n reg.VecVirtual) reg.VecVirtual {
	if s.bytes == 64 {
		VSCALEFPS(n, y, y)
		return y
	}
	whole, half := s.vector(), s.vector()
	VCVTPS2DQ(n, whole)
	VPSRAD(Imm(1), whole, half)
	VPSUBD(half, whole, whole)
	for _, e := range []reg.VecVirtual{half, whole} {
		VPADDD(everyBits(127), e, e)
		VPSLLD(Imm(23), e, e)
		VMULPS(e, y, y)
	}
	return y
}

// log is the natural logarithm: x = m 2^e with m near one, a polynomial in
// m - 1, plus e log 2.
func (s isa) log(x reg.VecVirtual) reg.VecVirtual {
	m, e := s.split(x)
	big := s.compare(greater, m, s.every(math.Sqrt2))
	VADDPS(s.where(big, s.fill(1)), e, e)
	half := s.vector()
	VMULPS(s.every(0.5), m, half)
	f := s.choose(big, half, m)
	VSUBPS(s.every(1), f, f)
	y := s.polynomial(f, 7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
		-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1)
	z := s.vector()
	VMULPS(f, f, z)
	VMULPS(f, y, y)
	VMULPS(z, y, y)
	VFMADD231PS(s.every(-2.12194440e-4), e, y)
	VFNMADD231PS(s.every(0.5), z, y)
	VADDPS(f, y, y)
	VFMADD231PS(s.every(0.693359375), e, y)
	// Zero gives minus infinity, what is below zero NaN; infinity and NaN stay.
	y = s.choose(s.compare(less, x, s.every(math.Inf(1))), y, x)
	zero := s.vector()
	s.zero(zero)
	y = s.choose(s.compare(lessOrSame, x, zero), s.fill(math.Inf(-1)), y)
	return s.choose(s.compare(less, x, zero), s.fill(math.NaN()), y)
}

// split is the mantissa, from 1 to below 2, and the exponent of x > 0.
func (s isa) split(x reg.VecVirtual) (m, e reg.VecVirtual) {
	m, e = s.vector(), s.vector()
	if s.bytes == 64 {
		VGETEXPPS(x, e)
		VGETMANTPS(Imm(0), x, m)
		return m, e
	}
	const lift = 25
	small, lifted := s.compare(less, x, s.every(0x1p-126)), s.vector()
	VMULPS(s.every(1<<lift), x, lifted)
	v := s.choose(small, lifted, x)
	VPSRLD(Imm(23), v, e)
	VPSUBD(everyBits(127), e, e)
	VCVTDQ2PS(e, e)
	VSUBPS(s.where(small, s.fill(lift)), e, e)
	VANDPS(everyBits(0x007fffff), v, m)
	VORPS(everyBits(0x3f800000), m, m)
	return m, e
}

// and is the bits that both have.
func (s isa) and(bits Mem, x, to reg.VecVirtual) {
	if s.bytes == 64 {
		VPANDD(bits, x, to)
		return
	}
	VANDPS(bits, x, to)
}

// supplement is pi - arccos u: arccos |u| = sqrt(1 - |u|) p(|u|) with the
// polynomial of Abramowitz and Stegun 4.4.46, its last coefficient made exact
// at zero.
func (s isa) supplement(u reg.VecVirtual) reg.VecVirtual {
	x, sign, root, half := s.vector(), s.vector(), s.fill(1), s.fill(math.Pi/2)
	s.and(everyBits(0x7fffffff), u, x)
	s.and(everyBits(0x80000000), u, sign)
	p := s.polynomial(x, -.0012624911, .0066700901, -.0170881256, .0308918810, -.0501743046, .0889789874, -.2145988016,
		math.Pi/2)
	VSUBPS(x, root, root)
	VSQRTPS(root, root)
	VFNMADD213PS(half, root, p) // pi/2 - arccos |u|
	s.xor(sign, p)
	VADDPS(half, p, p)
	return p
}

// xor flips the bits of x that are set in bits.
func (s isa) xor(bits, x reg.VecVirtual) {
	if s.bytes == 64 {
		VPXORD(bits, x, x)
		return
	}
	VXORPS(bits, x, x)
}
