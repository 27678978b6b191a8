package main

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/reg"
)

// peakChains is how many multiply-adds go on at once: enough to hide their
// latency on two units, few enough for the registers of AVX2.
const peakChains = 12

// peak writes n rounds of independent multiply-adds on registers: the most
// that any product can reach.
func peak(s isa) {
	TEXT("peak"+s.name, NOSPLIT|NOFRAME, "func(n int)")
	Pragma("noescape")
	Doc("peak" + s.name + " does n rounds of independent multiply-adds.")
	n := argument("n")
	chains := make([]reg.VecVirtual, peakChains)
	for i := range chains {
		chains[i] = s.vector()
		s.zero(chains[i])
	}
	loop(n, func() {
		for _, c := range chains {
			VFMADD231PS(c, c, c)
		}
	})
	VZEROUPPER()
	RET()
}
