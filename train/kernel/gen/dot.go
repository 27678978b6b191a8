package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// dotTile writes a tile of dot products of long runs: rows of A with runs of B
// at the offsets of a table. The lanes of each sum are left for the caller to
// add up.
func dotTile(s isa, rows, cols int) {
	TEXT(fmt.Sprintf("dotTile%d%s", rows, s.name), NOSPLIT|NOFRAME,
		"func(images, steps int, a *float32, rs, nextA int, b *float32, nextB int, offsets *int, sums *float32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("dotTile%d%s computes %d x %d dot products over several images.", rows, s.name, rows, cols))
	acc := make([]reg.VecVirtual, rows*cols)
	for i := range acc {
		acc[i] = s.vector()
		s.zero(acc[i])
	}
	images := GP64()
	Load(Param("images"), images)
	a, b := loadRowsOfA(rows), loadRuns(cols)
	Label("image")
	steps := GP64()
	Load(Param("steps"), steps)
	Label("step")
	runs, row := make([]reg.VecVirtual, cols), s.vector()
	for j := range runs {
		runs[j] = s.vector()
		VMOVUPS(Mem{Base: b[j]}, runs[j])
	}
	for i := range rows {
		VMOVUPS(a.at(i), row)
		for j := range cols {
			VFMADD231PS(row, runs[j], acc[i*cols+j])
		}
	}
	pointers := append(append([]reg.GPVirtual{}, a.base...), b...)
	for _, p := range pointers {
		ADDQ(Imm(uint64(s.bytes)), p)
	}
	DECQ(steps)
	JNZ(LabelRef("step"))
	for _, p := range a.base {
		ADDQ(parameter("nextA"), p)
	}
	for _, p := range b {
		ADDQ(parameter("nextB"), p)
	}
	DECQ(images)
	JNZ(LabelRef("image"))
	sums := GP64()
	Load(Param("sums"), sums)
	for i, v := range acc {
		VMOVUPS(v, Mem{Base: sums, Disp: i * s.bytes})
	}
	VZEROUPPER()
	RET()
}

// loadRuns points one register at each run of B.
func loadRuns(cols int) []reg.GPVirtual {
	runs, offsets := make([]reg.GPVirtual, cols), GP64()
	Load(Param("offsets"), offsets)
	for j := range runs {
		runs[j] = GP64()
		MOVQ(Mem{Base: offsets, Disp: 8 * j}, runs[j])
		ADDQ(parameter("b"), runs[j])
	}
	return runs
}

// parameter is the place of an argument on the stack.
func parameter(name string) Mem {
	p, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return p.Addr
}
