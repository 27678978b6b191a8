package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// packRow deals a row of B out to panels as wide as a tile.
func packRow(s isa) {
	TEXT("packRow"+s.name, NOSPLIT|NOFRAME, "func(panels int, src, dst *float32, stride int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("packRow%s copies runs of %d values to places stride bytes apart.", s.name, 2*s.lanes()))
	panels, src, dst, stride := argument("panels"), argument("src"), argument("dst"), argument("stride")
	loop(panels, func() {
		low, high := s.vector(), s.vector()
		VMOVUPS(Mem{Base: src}, low)
		VMOVUPS(Mem{Base: src, Disp: s.bytes}, high)
		VMOVUPS(low, Mem{Base: dst})
		VMOVUPS(high, Mem{Base: dst, Disp: s.bytes})
		ADDQ(U32(2*s.bytes), src)
		ADDQ(stride, dst)
	})
	VZEROUPPER()
	RET()
}

// copyAhead copies whole pairs of vectors and asks for those that lie ahead.
func copyAhead(s isa) {
	TEXT("copyAhead"+s.name, NOSPLIT|NOFRAME, "func(pairs int, src, dst, ahead *float32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("copyAhead%s copies runs of %d values and asks memory for as many from ahead.", s.name, 2*s.lanes()))
	pairs, src, dst, ahead := argument("pairs"), argument("src"), argument("dst"), argument("ahead")
	loop(pairs, func() {
		low, high := s.vector(), s.vector()
		for at := 0; at < 2*s.bytes; at += 64 {
			PREFETCHT0(Mem{Base: ahead, Disp: at})
		}
		VMOVUPS(Mem{Base: src}, low)
		VMOVUPS(Mem{Base: src, Disp: s.bytes}, high)
		VMOVUPS(low, Mem{Base: dst})
		VMOVUPS(high, Mem{Base: dst, Disp: s.bytes})
		for _, p := range []reg.GPVirtual{src, dst, ahead} {
			ADDQ(U32(2*s.bytes), p)
		}
	})
	VZEROUPPER()
	RET()
}
