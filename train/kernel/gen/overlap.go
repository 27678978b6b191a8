package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Pooling of 3 x 3 windows two apart works on eight windows of three rows at a
// time, in the shuffled order of 2 x 2 windows. A window's third column is the
// first of its neighbor.

// overlapped is the three values of each window in one row.
func overlapped(row Mem) [3]reg.VecVirtual {
	var a access
	first, second := YMM(), YMM()
	a.load(row, nil, first)
	low := row
	low.Disp += vectorBytes
	a.load(low, nil, second)
	left, right, next := YMM(), YMM(), YMM()
	VSHUFPS(Imm(leftValues), second, first, left)
	VSHUFPS(Imm(rightValues), second, first, right)
	row.Disp, low.Disp = row.Disp+8, low.Disp+8
	a.load(row, nil, first)
	a.load(low, nil, second)
	VSHUFPS(Imm(leftValues), second, first, next)
	return [3]reg.VecVirtual{left, right, next}
}

func threeRows(x, width reg.GPVirtual) [3]Mem {
	return [3]Mem{{Base: x}, {Base: x, Index: width, Scale: 1}, {Base: x, Index: width, Scale: 2}}
}

func overlapMax() {
	TEXT("overlapMaxAVX2", NOSPLIT|NOFRAME, "func(rows int, x *float32, width int, out *float32, outWidth int)")
	Pragma("noescape")
	Doc("overlapMaxAVX2 takes the largest value of eight 3 x 3 windows, two apart, for several rows of windows. " +
		"Widths are in bytes.")
	rows, x, width, out, outWidth := argument("rows"), argument("x"), argument("width"), argument("out"),
		argument("outWidth")
	loop(rows, func() {
		var most reg.VecVirtual
		for _, row := range threeRows(x, width) {
			for _, v := range overlapped(row) {
				if most == nil {
					most = v
					continue
				}
				VMAXPS(most, v, most) // the later value only where it is greater
			}
		}
		VPERMPD(Imm(swapMiddle), most, most)
		VMOVUPS(most, Mem{Base: out})
		LEAQ(Mem{Base: x, Index: width, Scale: 2}, x)
		ADDQ(outWidth, out)
	})
	VZEROUPPER()
	RET()
}

func overlapScatter() {
	TEXT("overlapScatterAVX2", NOSPLIT,
		"func(rows int, x *float32, width int, grad *float32, gradWidth int, out *float32)")
	Pragma("noescape")
	Doc("overlapScatterAVX2 adds grad to the place of each window's largest value, as overlapMax finds it.")
	rows, x, width := argument("rows"), argument("x"), argument("width")
	g, gWidth, out := argument("grad"), argument("gradWidth"), argument("out")
	temp := AllocLocal(9 * vectorBytes)
	at := func(i int) Mem { return temp.Offset(i * vectorBytes) }
	loop(rows, func() {
		var most reg.VecVirtual
		for r, row := range threeRows(x, width) {
			for c, v := range overlapped(row) { // temp: whether a place beats those before it
				if most == nil {
					most = v
					continue
				}
				wins := YMM()
				VCMPPS(Imm(greater), most, v, wins)
				VMAXPS(most, v, most)
				VMOVUPS(wins, at(3*r+c))
			}
		}
		value := YMM()
		VMOVUPS(Mem{Base: g}, value)
		VPERMPD(Imm(swapMiddle), value, value)
		for i := 8; i > 0; i-- { // temp: what each place gets
			wins, part := YMM(), YMM()
			VMOVUPS(at(i), wins)
			VANDPS(wins, value, part)
			VANDNPS(value, wins, value)
			VMOVUPS(part, at(i))
		}
		VMOVUPS(value, at(0))
		zero := YMM()
		VXORPS(zero, zero, zero)
		for r, row := range threeRows(out, width) {
			left, right, next := YMM(), YMM(), YMM()
			VMOVUPS(at(3*r), left)
			VMOVUPS(at(3*r+1), right)
			VMOVUPS(at(3*r+2), next)
			spread(row, left, right)
			row.Disp += 8
			spread(row, next, zero)
		}
		LEAQ(Mem{Base: x, Index: width, Scale: 2}, x)
		LEAQ(Mem{Base: out, Index: width, Scale: 2}, out)
		ADDQ(gWidth, g)
	})
	VZEROUPPER()
	RET()
}

// spread adds values of windows to their left and right columns.
func spread(row Mem, left, right reg.VecVirtual) {
	for _, unpack := range []func(b, a, dst Op){func(b, a, d Op) { VUNPCKLPS(b, a, d) },
		func(b, a, d Op) { VUNPCKHPS(b, a, d) }} {
		v := YMM()
		unpack(right, left, v)
		VADDPS(row, v, v)
		VMOVUPS(v, row)
		row.Disp += vectorBytes
	}
}
