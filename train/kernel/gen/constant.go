package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// constant is a float32 in read-only memory, one place a value.
func constant(v float64) Mem { return constantBits(math.Float32bits(float32(v))) }

func constantBits(bits uint32) Mem {
	if at, ok := constantsPlaced[bits]; ok {
		return at
	}
	at := GLOBL(fmt.Sprintf("constant%08x", bits), RODATA|NOPTR)
	DATA(0, U32(bits))
	constantsPlaced[bits] = at
	return at
}

var constantsPlaced = make(map[uint32]Mem)
