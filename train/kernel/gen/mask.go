package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// mask selects the first lanes of a vector: a mask register where there are
// any, a vector of signs elsewhere.
type mask struct {
	s      isa
	bits   reg.OpmaskVirtual
	vector reg.VecVirtual
}

// lanes is the number of values in a vector.
func (s isa) lanes() int { return s.bytes / 4 }

// mask makes the mask of the first n lanes; n at or above the vector's width is
// all of them.
func (s isa) mask(n reg.GPVirtual) mask {
	capped, most := GP64(), GP64()
	MOVQ(n, capped)
	MOVQ(U32(s.lanes()), most)
	CMPQ(capped, most)
	CMOVQGT(most, capped)
	if s.bytes == 64 {
		bits, all := GP64(), GP64()
		MOVQ(U32(0xffffffff), all)
		BZHIQ(capped, all, bits)
		k := K()
		KMOVW(bits.As32(), k)
		return mask{s: s, bits: k}
	}
	table, at, v := GP64(), GP64(), YMM()
	LEAQ(signs(), table)
	MOVQ(U32(s.lanes()), at)
	SUBQ(capped, at)
	VMOVUPS(Mem{Base: table, Index: at, Scale: 4}, v)
	return mask{s: s, vector: v}
}

// signs is a table of eight lanes taken and eight lanes left.
func signs() Mem {
	if signTable != nil {
		return *signTable
	}
	g := GLOBL("signs", RODATA|NOPTR)
	for i := range 16 {
		v := U32(0)
		if i < 8 {
			v = 0xffffffff
		}
		DATA(4*i, v)
	}
	signTable = &g
	return g
}

var signTable *Mem

// load reads the lanes and clears the others.
func (m mask) load(at Mem, to reg.VecVirtual) {
	if m.s.bytes == 64 {
		VMOVUPS_Z(at, m.bits, to)
		return
	}
	VMASKMOVPS(at, m.vector, to)
}

// store writes the lanes alone.
func (m mask) store(from reg.VecVirtual, at Mem) {
	if m.s.bytes == 64 {
		VMOVUPS(from, m.bits, at)
		return
	}
	VMASKMOVPS(from, m.vector, at)
}
