package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The loops between products are bound by memory, so one width serves AVX2 and
// AVX-512 alike.
const (
	vectorBytes  = 32
	vectorValues = vectorBytes / 4
)

// greater is VCMPPS's predicate "greater than, false for NaN".
const greater = 0x1e

func vectors() {
	elementwise("addAVX2", "writes a + b", "a, b *float32", func(in []reg.VecVirtual) { VADDPS(in[1], in[0], in[0]) })
	elementwise("mulAVX2", "writes a b", "a, b *float32", func(in []reg.VecVirtual) { VMULPS(in[1], in[0], in[0]) })
	elementwise("gateAVX2", "writes a where b > 0, else 0", "a, b *float32", func(in []reg.VecVirtual) {
		zero := YMM()
		VXORPS(zero, zero, zero)
		VCMPPS(Imm(greater), zero, in[1], in[1])
		VANDPS(in[1], in[0], in[0])
	})
	elementwise("addScalarAVX2", "writes a + c", "a *float32, c float32", func(in []reg.VecVirtual) { VADDPS(in[1], in[0], in[0]) })
	elementwise("mulScalarAVX2", "writes c a", "a *float32, c float32", func(in []reg.VecVirtual) { VMULPS(in[1], in[0], in[0]) })
	elementwise("reluAVX2", "writes max(0, a), NaN for NaN", "a *float32", func(in []reg.VecVirtual) {
		zero := YMM()
		VXORPS(zero, zero, zero)
		VMAXPS(in[0], zero, in[0]) // of NaN and zero, the instruction gives its last source: a
	})
	sum()
	adam()
}

// elementwise is a loop over n vectors. The parameters after dst are arrays or
// one scalar, read into registers in order; f leaves the result in the first.
func elementwise(name, what, params string, f func(in []reg.VecVirtual)) {
	TEXT(name, NOSPLIT|NOFRAME, fmt.Sprintf("func(n int, dst, %s)", params))
	Pragma("noescape")
	Doc(fmt.Sprintf("%s %s, for n vectors of %d values.", name, what, vectorValues))
	n, dst, a := argument("n"), argument("dst"), argument("a")
	in := []reg.VecVirtual{YMM()}
	var b reg.GPVirtual
	switch params {
	case "a, b *float32":
		b = argument("b")
		in = append(in, YMM())
	case "a *float32, c float32":
		in = append(in, YMM())
		VBROADCASTSS(parameter("c"), in[1])
	}
	loop(n, func() {
		VMOVUPS(Mem{Base: a}, in[0])
		ADDQ(Imm(vectorBytes), a)
		if b != nil {
			VMOVUPS(Mem{Base: b}, in[1])
			ADDQ(Imm(vectorBytes), b)
		}
		f(in)
		VMOVUPS(in[0], Mem{Base: dst})
		ADDQ(Imm(vectorBytes), dst)
	})
	VZEROUPPER()
	RET()
}

// loop repeats the body n times, n may be zero.
func loop(n reg.GPVirtual, body func()) {
	TESTQ(n, n)
	JZ(LabelRef("done"))
	Label("loop")
	body()
	DECQ(n)
	JNZ(LabelRef("loop"))
	Label("done")
}

// sum adds pairs of vectors in sixteen lanes, then the lanes.
func sum() {
	TEXT("sumAVX2", NOSPLIT|NOFRAME, "func(n int, a *float32) float32")
	Pragma("noescape")
	Doc("sumAVX2 adds up 2 n vectors of 8 values.")
	n, a := argument("n"), argument("a")
	low, high := YMM(), YMM()
	VXORPS(low, low, low)
	VXORPS(high, high, high)
	loop(n, func() {
		VADDPS(Mem{Base: a}, low, low)
		VADDPS(Mem{Base: a, Disp: vectorBytes}, high, high)
		ADDQ(Imm(2*vectorBytes), a)
	})
	VADDPS(high, low, low)
	half := XMM()
	VEXTRACTF128(Imm(1), low, half)
	VADDPS(half, low.AsX(), half)
	VHADDPS(half, half, half)
	VHADDPS(half, half, half)
	Store(half, ReturnIndex(0))
	VZEROUPPER()
	RET()
}

// adam is one step of the optimiser; see AdamStep.
func adam() {
	TEXT("adamAVX2", NOSPLIT|NOFRAME,
		"func(n int, w, grad, m, v *float32, rate, root, beta1, rest1, beta2, rest2, epsilon, decay float32)")
	Pragma("noescape")
	Doc("adamAVX2 updates n vectors of 8 values; rest1 and rest2 are 1 - beta1 and 1 - beta2.")
	constant := func(name string) reg.VecVirtual {
		v := YMM()
		VBROADCASTSS(parameter(name), v)
		return v
	}
	n, w, g, m, v := argument("n"), argument("w"), argument("grad"), argument("m"), argument("v")
	rate, root, epsilon, decay := constant("rate"), constant("root"), constant("epsilon"), constant("decay")
	beta1, rest1, beta2, rest2 := constant("beta1"), constant("rest1"), constant("beta2"), constant("rest2")
	loop(n, func() {
		value, gradient, first, second := YMM(), YMM(), YMM(), YMM()
		VMOVUPS(Mem{Base: w}, value)
		VMOVUPS(Mem{Base: g}, gradient)
		VFMADD231PS(decay, value, gradient)
		VMULPS(Mem{Base: m}, beta1, first)
		VFMADD231PS(rest1, gradient, first)
		VMOVUPS(first, Mem{Base: m})
		VMULPS(gradient, gradient, gradient)
		VMULPS(Mem{Base: v}, beta2, second)
		VFMADD231PS(rest2, gradient, second)
		VMOVUPS(second, Mem{Base: v})
		VSQRTPS(second, second)
		VFMADD213PS(epsilon, root, second)
		VMULPS(rate, first, first)
		VDIVPS(second, first, first)
		VSUBPS(first, value, value)
		VMOVUPS(value, Mem{Base: w})
		for _, p := range []reg.GPVirtual{w, g, m, v} {
			ADDQ(Imm(vectorBytes), p)
		}
	})
	VZEROUPPER()
	RET()
}
