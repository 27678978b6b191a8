package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Pooling takes vectors of eight values: a row of a map is rarely wider.
const vectorBytes = 32

// Pooling of 2 x 2 windows works on eight windows of a pair of rows at a time.
// Two vectors of a row are split into the windows' left and right values by
// shuffling within 128-bit halves, which leaves the windows in the order
// 0 1 4 5 2 3 6 7; swapping the middle quarters restores it.
const (
	leftValues, rightValues = 0x88, 0xdd
	swapMiddle              = 0xd8
)

// pools writes each of the two in a full form and one for fewer than eight
// windows, with masks for the first and second vector of a row and the windows.
func pools() {
	for _, masked := range []bool{false, true} {
		poolMax(masked)
		poolScatter(masked)
		poolMean(masked)
		poolSpread(masked)
	}
}

// access reads and writes vectors, under masks where asked.
type access struct{ low, high, windows reg.VecVirtual }

func loadAccess(masked bool) access {
	if !masked {
		return access{}
	}
	masks := GP64()
	Load(Param("masks"), masks)
	a := access{YMM(), YMM(), YMM()}
	for i, m := range []reg.VecVirtual{a.low, a.high, a.windows} {
		VMOVUPS(Mem{Base: masks, Disp: i * vectorBytes}, m)
	}
	return a
}

func (a access) load(at Mem, mask, to reg.VecVirtual) {
	if mask == nil {
		VMOVUPS(at, to)
		return
	}
	VMASKMOVPS(at, mask, to)
}

func (a access) store(from, mask reg.VecVirtual, at Mem) {
	if mask == nil {
		VMOVUPS(from, at)
		return
	}
	VMASKMOVPS(from, mask, at)
}

// corners are the four values of each window, in the shuffled order.
func (a access) corners(x, width reg.GPVirtual) (corners [4]reg.VecVirtual) {
	for r, row := range []Mem{{Base: x}, {Base: x, Index: width, Scale: 1}} {
		first, second := YMM(), YMM()
		a.load(row, a.low, first)
		row.Disp = vectorBytes
		a.load(row, a.high, second)
		corners[2*r], corners[2*r+1] = YMM(), YMM()
		VSHUFPS(Imm(leftValues), second, first, corners[2*r])
		VSHUFPS(Imm(rightValues), second, first, corners[2*r+1])
	}
	return corners
}

func suffix(masked bool) (name, params string) {
	if masked {
		return "MaskedAVX2", ", masks *int32"
	}
	return "AVX2", ""
}

func poolMax(masked bool) {
	name, params := suffix(masked)
	TEXT("poolMax"+name, NOSPLIT|NOFRAME,
		fmt.Sprintf("func(rows int, x *float32, width int, out *float32, outWidth int%s)", params))
	Pragma("noescape")
	Doc("poolMax" + name +
		" takes the largest value of up to eight 2 x 2 windows side by side, for several rows of windows. Widths are in " +
		"bytes.")
	rows, x, width, out, outWidth := argument("rows"), argument("x"), argument("width"), argument("out"),
		argument("outWidth")
	a := loadAccess(masked)
	loop(rows, func() {
		c := a.corners(x, width)
		for _, next := range c[1:] {
			VMAXPS(c[0], next, c[0]) // the later value only where it is greater
		}
		VPERMPD(Imm(swapMiddle), c[0], c[0])
		a.store(c[0], a.windows, Mem{Base: out})
		LEAQ(Mem{Base: x, Index: width, Scale: 2}, x)
		ADDQ(outWidth, out)
	})
	VZEROUPPER()
	RET()
}

func poolMean(masked bool) {
	name, params := suffix(masked)
	TEXT("poolMean"+name, NOSPLIT|NOFRAME,
		fmt.Sprintf("func(rows int, x *float32, width int, out *float32, outWidth int%s)", params))
	Pragma("noescape")
	Doc("poolMean" + name +
		" averages up to eight 2 x 2 windows side by side, for several rows of windows. Widths are in bytes.")
	rows, x, width, out, outWidth := argument("rows"), argument("x"), argument("width"), argument("out"),
		argument("outWidth")
	a, share := loadAccess(masked), YMM()
	VMOVUPS(constant(0.25), share)
	loop(rows, func() {
		c := a.corners(x, width)
		VADDPS(c[1], c[0], c[0])
		VADDPS(c[3], c[2], c[2])
		VADDPS(c[2], c[0], c[0])
		VMULPS(share, c[0], c[0])
		VPERMPD(Imm(swapMiddle), c[0], c[0])
		a.store(c[0], a.windows, Mem{Base: out})
		LEAQ(Mem{Base: x, Index: width, Scale: 2}, x)
		ADDQ(outWidth, out)
	})
	VZEROUPPER()
	RET()
}

func poolSpread(masked bool) {
	name, params := suffix(masked)
	TEXT("poolSpread"+name, NOSPLIT|NOFRAME,
		fmt.Sprintf("func(rows int, out *float32, width int, grad *float32, gradWidth int%s)", params))
	Pragma("noescape")
	Doc("poolSpread" + name + " writes a quarter of grad to each place of its window, as poolMean finds it.")
	rows, out, width, g, gWidth := argument("rows"), argument("out"), argument("width"), argument("grad"),
		argument("gradWidth")
	a, share := loadAccess(masked), YMM()
	VMOVUPS(constant(0.25), share)
	loop(rows, func() {
		value, first, second := YMM(), YMM(), YMM()
		a.load(Mem{Base: g}, a.windows, value)
		VPERMPD(Imm(swapMiddle), value, value)
		VMULPS(share, value, value)
		VUNPCKLPS(value, value, first)
		VUNPCKHPS(value, value, second)
		for _, row := range []Mem{{Base: out}, {Base: out, Index: width, Scale: 1}} {
			a.store(first, a.low, row)
			row.Disp = vectorBytes
			a.store(second, a.high, row)
		}
		LEAQ(Mem{Base: out, Index: width, Scale: 2}, out)
		ADDQ(gWidth, g)
	})
	VZEROUPPER()
	RET()
}

func poolScatter(masked bool) {
	name, params := suffix(masked)
	TEXT("poolScatter"+name, NOSPLIT|NOFRAME,
		fmt.Sprintf("func(rows int, x *float32, width int, grad *float32, gradWidth int, out *float32%s)", params))
	Pragma("noescape")
	Doc("poolScatter" + name +
		" writes grad to the place of each window's largest value and zero to the others, as poolMax finds it.")
	rows, x, width := argument("rows"), argument("x"), argument("width")
	g, gWidth, out := argument("grad"), argument("gradWidth"), argument("out")
	a := loadAccess(masked)
	loop(rows, func() {
		c, value := a.corners(x, width), YMM()
		a.load(Mem{Base: g}, a.windows, value)
		VPERMPD(Imm(swapMiddle), value, value)
		var wins [4]reg.VecVirtual // whether a corner beats those before it
		for i := 1; i < 4; i++ {
			wins[i] = YMM()
			VCMPPS(Imm(greater), c[0], c[i], wins[i])
			VMAXPS(c[0], c[i], c[0])
		}
		for i := 3; i > 0; i-- {
			VANDPS(wins[i], value, c[i])
			VANDNPS(value, wins[i], value) // what is placed is taken away
		}
		c[0] = value
		for r, row := range []Mem{{Base: out}, {Base: out, Index: width, Scale: 1}} {
			first, second := YMM(), YMM()
			VUNPCKLPS(c[2*r+1], c[2*r], first)
			VUNPCKHPS(c[2*r+1], c[2*r], second)
			a.store(first, a.low, row)
			row.Disp = vectorBytes
			a.store(second, a.high, row)
		}
		LEAQ(Mem{Base: x, Index: width, Scale: 2}, x)
		LEAQ(Mem{Base: out, Index: width, Scale: 2}, out)
		ADDQ(gWidth, g)
	})
	VZEROUPPER()
	RET()
}

// argument loads a parameter into a register.
func argument(name string) reg.GPVirtual {
	r := GP64()
	Load(Param(name), r)
	return r
}
