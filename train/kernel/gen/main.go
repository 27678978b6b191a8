// Command gen writes the assembly of package kernel: the tiles of products, and
// the loops between them.
//
// A tile computes rows x columns of a matrix product in registers: one
// broadcast of A against two vectors of B a row and a step of k. Each height
// from one to the tallest has a function of its own, so that no work is
// wasted on thin matrices, and each comes in two forms: rows of B a fixed
// stride apart, or at the offsets of a table (convolution without patches).
package main

import (
	"flag"
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// isa is one instruction set: the width of its vectors and the tallest tile
// that leaves registers for two vectors of B and a broadcast of A.
type isa struct {
	name   string
	bytes  int
	height int
	dot    [2]int // rows and columns of the tallest dot tile
	vector func() reg.VecVirtual
	zero   func(reg.VecVirtual)
}

func main() {
	flag.Parse()
	ConstraintExpr("amd64")
	sets := []isa{
		{"AVX512", 64, 12, [2]int{5, 5}, ZMM, func(v reg.VecVirtual) { VPXORD(v, v, v) }},
		{"AVX2", 32, 6, [2]int{3, 3}, YMM, func(v reg.VecVirtual) { VXORPS(v, v, v) }},
	}
	for _, s := range sets {
		for rows := 1; rows <= s.height; rows++ {
			tile(s, rows, false)
			tile(s, rows, true)
		}
		for rows := 1; rows <= s.dot[0]; rows++ {
			dotTile(s, rows, s.dot[1])
		}
		packRow(s)
		copyAhead(s)
		peak(s)
		transpose(s)
		winograd(s)
		vectors(s)
		adam(s)
		momentum(s)
	}
	pools()
	overlapMax()
	overlapScatter()
	Generate()
}

// rowsOfA addresses row i of A as one of three base pointers plus none, one,
// two or three row strides.
type rowsOfA struct {
	base           []reg.GPVirtual
	stride, triple reg.GPVirtual
}

func loadRowsOfA(rows int) rowsOfA {
	r := rowsOfA{stride: GP64(), triple: GP64()}
	base := GP64()
	Load(Param("a"), base)
	Load(Param("rs"), r.stride)
	LEAQ(Mem{Base: r.stride, Index: r.stride, Scale: 2}, r.triple)
	r.base = append(r.base, base)
	for i := 4; i < rows; i += 4 {
		next := GP64()
		LEAQ(Mem{Base: base, Index: r.stride, Scale: 4}, next)
		r.base = append(r.base, next)
		base = next
	}
	return r
}

func (r rowsOfA) at(i int) Mem {
	m := Mem{Base: r.base[i/4]}
	switch i % 4 {
	case 1:
		m.Index, m.Scale = r.stride, 1
	case 2:
		m.Index, m.Scale = r.stride, 2
	case 3:
		m.Index, m.Scale = r.triple, 1
	}
	return m
}

func tile(s isa, rows int, table bool) {
	name, bParam := fmt.Sprintf("tile%d%s", rows, s.name), "bs int"
	if table {
		name, bParam = fmt.Sprintf("tableTile%d%s", rows, s.name), "offsets *int"
	}
	TEXT(name, NOSPLIT|NOFRAME,
		fmt.Sprintf("func(k int, a *float32, rs, cs int, b *float32, %s, c *float32, ldc int, alpha float32, add bool)",
			bParam))
	Pragma("noescape")
	width := s.bytes / 4 * 2
	Doc(fmt.Sprintf("%s computes a %d x %d tile of C.", name, rows, width))
	acc := make([][2]reg.VecVirtual, rows)
	for i := range acc {
		acc[i] = [2]reg.VecVirtual{s.vector(), s.vector()}
		s.zero(acc[i][0])
		s.zero(acc[i][1])
	}
	if !table {
		prefetch(s, rows)
	}
	multiply(s, acc, table)
	store(s, acc)
	VZEROUPPER()
	RET()
}

// prefetch asks for the tile of C early where there is time for it to arrive
// while the products are summed.
func prefetch(s isa, rows int) {
	const worthwhile = 64 // steps
	k, c, ldc := GP64(), GP64(), GP64()
	Load(Param("k"), k)
	CMPQ(k, Imm(worthwhile))
	JL(LabelRef("multiply"))
	Load(Param("c"), c)
	Load(Param("ldc"), ldc)
	for i := range rows {
		PREFETCHT0(Mem{Base: c})
		PREFETCHT0(Mem{Base: c, Disp: 2*s.bytes - 4})
		if i+1 < rows {
			ADDQ(ldc, c)
		}
	}
	Label("multiply")
}

// multiply accumulates k outer products into the registers.
func multiply(s isa, acc [][2]reg.VecVirtual, table bool) {
	k, cs, b := GP64(), GP64(), GP64()
	Load(Param("k"), k)
	a := loadRowsOfA(len(acc))
	Load(Param("cs"), cs)
	Load(Param("b"), b)
	row, step := b, GP64()
	if table {
		row = GP64()
		Load(Param("offsets"), step)
	} else {
		Load(Param("bs"), step)
	}
	TESTQ(k, k)
	JZ(LabelRef("multiplied"))
	Label("step")
	if table {
		MOVQ(Mem{Base: step}, row)
		ADDQ(b, row)
		ADDQ(Imm(8), step)
	}
	b0, b1, broadcast := s.vector(), s.vector(), s.vector()
	VMOVUPS(Mem{Base: row}, b0)
	VMOVUPS(Mem{Base: row, Disp: s.bytes}, b1)
	for i := range acc {
		VBROADCASTSS(a.at(i), broadcast)
		VFMADD231PS(broadcast, b0, acc[i][0])
		VFMADD231PS(broadcast, b1, acc[i][1])
	}
	for _, base := range a.base {
		ADDQ(cs, base)
	}
	if !table {
		ADDQ(step, b)
	}
	DECQ(k)
	JNZ(LabelRef("step"))
	Label("multiplied")
}

// store writes alpha times the registers to C, or adds it to what is there.
func store(s isa, acc [][2]reg.VecVirtual) {
	c, ldc, add, alpha := GP64(), GP64(), GP8(), s.vector()
	Load(Param("c"), c)
	Load(Param("ldc"), ldc)
	Load(Param("add"), add)
	VBROADCASTSS(parameter("alpha"), alpha)
	TESTB(add, add)
	JZ(LabelRef("overwrite"))
	for i, pair := range acc {
		for j, v := range pair {
			VFMADD213PS(Mem{Base: c, Disp: j * s.bytes}, alpha, v)
			VMOVUPS(v, Mem{Base: c, Disp: j * s.bytes})
		}
		if i+1 < len(acc) {
			ADDQ(ldc, c)
		}
	}
	VZEROUPPER()
	RET()
	Label("overwrite")
	for i, pair := range acc {
		for j, v := range pair {
			VMULPS(alpha, v, v)
			VMOVUPS(v, Mem{Base: c, Disp: j * s.bytes})
		}
		if i+1 < len(acc) {
			ADDQ(ldc, c)
		}
	}
}
