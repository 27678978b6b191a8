package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
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
