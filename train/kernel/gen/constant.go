package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// constant is a float32 in read-only memory.
func constant(v float64) Mem { return everyBits(math.Float32bits(float32(v))) }

// everyBits is a vector of the widest kind in read-only memory, the same bits
// in all lanes, one place for each.
func everyBits(bits uint32) Mem {
	if at, ok := constantsPlaced[bits]; ok {
		return at
	}
	at := GLOBL(fmt.Sprintf("every%08x", bits), RODATA|NOPTR)
	for lane := range 16 {
		DATA(4*lane, U32(bits))
	}
	constantsPlaced[bits] = at
	return at
}

var constantsPlaced = make(map[uint32]Mem)
