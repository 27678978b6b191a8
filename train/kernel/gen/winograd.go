package main

import (
	"fmt"
	"math"
	"slices"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Winograd's minimal filtering F(4x4, 3x3) at the points 0, 1, -1, 2, -2 and
// infinity (Lavin and Gray 2016): with tiles d of 6 x 6 values and filters g,
//
//	Y = A' [(G g G') (.) (B' d B)] A
//
// Each of the three is linear and two-sided, and so are the adjoints that the
// gradients need.
var (
	pointsOfTile = matrix{ // B'
		{4, 0, -5, 0, 1, 0}, {0, -4, -4, 1, 1, 0}, {0, 4, -4, -1, 1, 0},
		{0, -2, -1, 2, 1, 0}, {0, 2, -1, -2, 1, 0}, {0, 4, 0, -5, 0, 1},
	}
	pointsOfFilter = matrix{ // G
		{1. / 4, 0, 0}, {-1. / 6, -1. / 6, -1. / 6}, {-1. / 6, 1. / 6, -1. / 6},
		{1. / 24, 1. / 12, 1. / 6}, {1. / 24, -1. / 12, 1. / 6}, {0, 0, 1},
	}
	resultsOfPoints = matrix{ // A'
		{1, 1, 1, 1, 1, 0}, {0, 1, -1, 2, -2, 0}, {0, 1, 1, 4, 4, 0}, {0, 1, -1, 8, -8, 1},
	}
)

type matrix [][]float64

func (m matrix) transposed() matrix {
	out := make(matrix, len(m[0]))
	for i := range out {
		for _, row := range m {
			out[i] = append(out[i], row[i])
		}
	}
	return out
}

func winograd(s isa) {
	twoSided(s, "tilePoints", "B' d B of a 6 x 6 tile", pointsOfTile)
	twoSided(s, "filterPoints", "G g G' of a 3 x 3 filter", pointsOfFilter)
	twoSided(s, "pointResults", "A' m A of 6 x 6 points", resultsOfPoints)
	twoSided(s, "resultPoints", "A y A' of 4 x 4 results", resultsOfPoints.transposed())
	twoSided(s, "pointFilter", "G' u G of 6 x 6 points", pointsOfFilter.transposed())
}

// twoSided writes m x m', each value of x a vector of channels.
func twoSided(s isa, name, what string, m matrix) {
	TEXT(name+s.name, NOSPLIT|NOFRAME,
		"func(vectors int, x *float32, row, col int, y *float32, yRow, yCol int, temp *float32)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s%s writes %s for vectors of channels. Strides are in bytes; temp holds 36 vectors.", name, s.name,
		what))
	n, x, row, col := argument("vectors"), argument("x"), argument("row"), argument("col")
	y, yRow, yCol, temp := argument("y"), argument("yRow"), argument("yCol"), argument("temp")
	l := newLinear(s, m)
	in, out := len(m[0]), len(m)
	loop(n, func() {
		column := GP64()
		MOVQ(x, column)
		for j := range in {
			at, values := GP64(), make([]reg.VecVirtual, in)
			MOVQ(column, at)
			for i := range values {
				values[i] = s.vector()
				VMOVUPS(Mem{Base: at}, values[i])
				if i+1 < in {
					ADDQ(row, at)
				}
			}
			for o := range out {
				VMOVUPS(l.combine(o, values), Mem{Base: temp, Disp: (o*in + j) * s.bytes})
			}
			if j+1 < in {
				ADDQ(col, column)
			}
		}
		target := GP64()
		MOVQ(y, target)
		for o := range out {
			at, values := GP64(), make([]reg.VecVirtual, in)
			MOVQ(target, at)
			for j := range values {
				values[j] = s.vector()
				VMOVUPS(Mem{Base: temp, Disp: (o*in + j) * s.bytes}, values[j])
			}
			for q := range out {
				VMOVUPS(l.combine(q, values), Mem{Base: at})
				if q+1 < out {
					ADDQ(yCol, at)
				}
			}
			if o+1 < out {
				ADDQ(yRow, target)
			}
		}
		ADDQ(Imm(uint64(s.bytes)), x)
		ADDQ(Imm(uint64(s.bytes)), y)
	})
	VZEROUPPER()
	RET()
}

// linear combines registers by the rows of a matrix. The sizes of its
// coefficients other than one are kept in registers.
type linear struct {
	s         isa
	m         matrix
	constants map[float64]reg.VecVirtual
}

func newLinear(s isa, m matrix) linear {
	l := linear{s, m, make(map[float64]reg.VecVirtual)}
	var sizes []float64
	for _, row := range m {
		for _, c := range row {
			if v := math.Abs(c); v != 0 && v != 1 && !slices.Contains(sizes, v) {
				sizes = append(sizes, v)
			}
		}
	}
	for _, v := range sizes {
		l.constants[v] = s.vector()
		VBROADCASTSS(constant(v), l.constants[v])
	}
	return l
}

// combine is the sum of row o's coefficients times the registers. It begins
// with a term of positive sign when there is one.
func (l linear) combine(o int, x []reg.VecVirtual) reg.VecVirtual {
	var order []int
	for i, c := range l.m[o] {
		if c > 0 {
			order = append(order, i)
		}
	}
	for i, c := range l.m[o] {
		if c < 0 {
			order = append(order, i)
		}
	}
	sum, first := l.s.vector(), order[0]
	switch c := l.m[o][first]; {
	case c < 0:
		l.s.zero(sum)
		order = append([]int{first}, order...)
	case c == 1:
		VMOVAPS(x[first], sum)
	default:
		VMULPS(l.constants[c], x[first], sum)
	}
	for _, i := range order[1:] {
		switch c := l.m[o][i]; {
		case c == 1:
			VADDPS(x[i], sum, sum)
		case c == -1:
			VSUBPS(x[i], sum, sum)
		case c > 0:
			VFMADD231PS(l.constants[c], x[i], sum)
		default:
			VFNMADD231PS(l.constants[-c], x[i], sum)
		}
	}
	return sum
}
