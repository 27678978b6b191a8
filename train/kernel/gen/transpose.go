package main

import (
	"fmt"
	"math/bits"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// transpose writes the transpose of a square block as wide as a vector, or of
// its first rows and columns alone. Rows that are not there are left as they
// are in the registers, and their lanes are masked out on the way to memory.
func transpose(s isa) {
	TEXT("transpose"+s.name, NOSPLIT|NOFRAME,
		"func(rows, cols int, src *float32, srcStride int, dst *float32, dstStride int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("transpose%s writes the transpose of rows x cols values, at most %d each. Strides are in bytes.",
		s.name, s.lanes()))
	rows, cols := argument("rows"), argument("cols")
	src, srcStride, dst, dstStride := argument("src"), argument("srcStride"), argument("dst"), argument("dstStride")
	n := s.lanes()
	block := make([]reg.VecVirtual, n)
	for i := range block {
		block[i] = s.vector()
	}
	mask := s.mask(cols)
	// The rows of the next block are far away: they are asked for early.
	ahead := GP64()
	MOVQ(srcStride, ahead)
	SHLQ(Imm(uint64(bits.Len(uint(n))-1)), ahead)
	left := GP64()
	MOVQ(rows, left)
	for _, r := range block {
		mask.load(Mem{Base: src}, r)
		PREFETCHT0(Mem{Base: src, Index: ahead, Scale: 1})
		ADDQ(srcStride, src)
		DECQ(left)
		JZ(LabelRef("loaded"))
	}
	Label("loaded")
	if s.bytes == 64 {
		block = transpose16(block)
	} else {
		block = transpose8(block)
	}
	mask = s.mask(rows)
	MOVQ(dstStride, ahead)
	SHLQ(Imm(uint64(bits.Len(uint(n))-1)), ahead)
	for _, r := range block {
		mask.store(r, Mem{Base: dst})
		PREFETCHT0(Mem{Base: dst, Index: ahead, Scale: 1})
		ADDQ(dstStride, dst)
		DECQ(cols)
		JZ(LabelRef("stored"))
	}
	Label("stored")
	VZEROUPPER()
	RET()
}

// interleave combines registers i and i+step of each group by two instructions that
// interleave their low and high parts.
func interleave(r []reg.VecVirtual, step int, low, high func(b, a, dst Op)) {
	for i := range r {
		if i&step == 0 {
			a, b, t := r[i], r[i+step], similar(r[i])
			low(b, a, t)
			high(b, a, b)
			r[i], r[i+step] = t, b
		}
	}
}

func similar(v reg.VecVirtual) reg.VecVirtual {
	if v.Size() == 64 {
		return ZMM()
	}
	return YMM()
}

// transpose16 interleaves values, then pairs, then quarters of the registers.
func transpose16(r []reg.VecVirtual) []reg.VecVirtual {
	interleave(r, 1, func(b, a, d Op) { VUNPCKLPS(b, a, d) }, func(b, a, d Op) { VUNPCKHPS(b, a, d) })
	interleave(r, 2, func(b, a, d Op) { VUNPCKLPD(b, a, d) }, func(b, a, d Op) { VUNPCKHPD(b, a, d) })
	even, odd := Imm(0x88), Imm(0xdd)
	for _, step := range []int{4, 8} {
		interleave(r, step, func(b, a, d Op) { VSHUFF32X4(even, b, a, d) }, func(b, a, d Op) { VSHUFF32X4(odd, b, a, d) })
	}
	out := make([]reg.VecVirtual, 16)
	for i := range out {
		out[column(i)] = r[i]
	}
	return out
}

// column is the column of the block that register i holds after all steps:
// interleaving values, then pairs, leaves the two lowest bits swapped.
func column(i int) int { return i&^3 | i&1<<1 | i&2>>1 }

// transpose8 interleaves values and pairs, then exchanges halves.
func transpose8(r []reg.VecVirtual) []reg.VecVirtual {
	interleave(r, 1, func(b, a, d Op) { VUNPCKLPS(b, a, d) }, func(b, a, d Op) { VUNPCKHPS(b, a, d) })
	interleave(r, 2, func(b, a, d Op) { VUNPCKLPD(b, a, d) }, func(b, a, d Op) { VUNPCKHPD(b, a, d) })
	interleave(r, 4, func(b, a, d Op) { VPERM2F128(Imm(0x20), b, a, d) },
		func(b, a, d Op) { VPERM2F128(Imm(0x31), b, a, d) })
	out := make([]reg.VecVirtual, 8)
	for i := range out {
		out[column(i)] = r[i]
	}
	return out
}
