package kernel

import (
	"fmt"
	"os"
	"strings"
)

// tileFunc computes C = alpha A B, or C += alpha A B when add is set, for a
// tile of fixed height and width. A has row stride rs and column stride cs, B
// row stride bs, C row stride ldc, all in bytes.
type tileFunc func(k int, a *float32, rs, cs int, b *float32, bs int, c *float32, ldc int, alpha float32, add bool)

// tableTileFunc is tileFunc with row l of B at b plus offsets[l] bytes.
type tableTileFunc func(k int, a *float32, rs, cs int, b *float32, offsets *int, c *float32, ldc int, alpha float32,
	add bool)

// dotTileFunc computes dot products of steps vectors, added over images: rows of
// A, rs bytes apart, with the runs of B that start at offsets bytes. nextA and
// nextB are the bytes from the end of one image's rows to the next's start. The
// lanes of each sum are stored one after the other, row by row.
type dotTileFunc func(images, steps int, a *float32, rs, nextA int, b *float32, nextB int, offsets *int, sums *float32)

// instructionSet is the tiles of one instruction set. tiles[h] has h rows;
// index 0 is unused.
type instructionSet struct {
	name       string
	height     int // rows of the tallest tile
	width      int // columns of every tile
	tiles      []tileFunc
	tableTiles []tableTileFunc
	lanes      int // float32 values in a vector
	dotColumns int // runs of B in a dot tile
	dotTiles   []dotTileFunc
	vectors    *vectorSet // nil: portable loops
	transpose  transposeFunc
	packRow    func(panels int, src, dst *float32, stride int) // nil: portable copies
	copyAhead  func(pairs int, src, dst, ahead *float32)       // nil: portable copies
	winograd   *winogradSet                                    // nil: Winograd's algorithm is not used
	// n rounds of peakChains independent multiply-adds; nil: unknown
	peak func(n int)
}

// rowFunc1, rowFunc2 and rowFunc3 compute rows of n values of dst from one, two
// or three operands, at least one row and one value; constFunc takes a constant.
type (
	rowFunc1  func(rows, n int, dst, a *float32)
	rowFunc2  func(rows, n int, dst, a, b *float32)
	rowFunc3  func(rows, n int, dst, a, b, c *float32)
	constFunc func(rows, n int, dst, a *float32, c float32)
	pairFunc  func(rows, n int, dst, a *float32, c, d float32)
)

// vectorSet is the loops between products. Where a name says Value, the last
// operands are one value per row; where it says From, the first one is.
type vectorSet struct {
	add, sub, mul, div, gate               rowFunc2
	addValue, subValue, mulValue, divValue rowFunc2
	subFrom, divFrom                       rowFunc2
	mulAdd, mulValueAdd, mulValueAddValue  rowFunc3
	scale, offset                          constFunc
	relu, step, root, inverseRoot          rowFunc1
	exp, log                               rowFunc1
	cosine2sine, supplement                rowFunc1
	affine, clamp                          pairFunc
	scaleAdd                               func(rows, n int, dst, a, b *float32, c float32)
	rowSum                                 rowFunc1
	rowDot                                 rowFunc2
	dot                                    func(n int, a, b *float32) float32
	momentum                               func(n int, w, g, u *float32, rate, momentum, decay float32)
	adam                                   func(n int, w, g, m, v *float32, rate, root, beta1, rest1, beta2, rest2,
		epsilon, decay float32)

	// Pooling of 2 x 2 windows, up to vectorValues side by side. Widths are in
	// bytes; the masked forms take three vectors of masks: for the first and the
	// second vector of a row, and for the windows.
	poolMax           func(rows int, x *float32, width int, out *float32, outWidth int)
	poolMaxMasked     func(rows int, x *float32, width int, out *float32, outWidth int, masks *int32)
	poolScatter       func(rows int, x *float32, width int, g *float32, gWidth int, out *float32)
	overlapMax        func(rows int, x *float32, width int, out *float32, outWidth int)
	overlapScatter    func(rows int, x *float32, width int, g *float32, gWidth int, out *float32)
	poolMean          func(rows int, x *float32, width int, out *float32, outWidth int)
	poolMeanMasked    func(rows int, x *float32, width int, out *float32, outWidth int, masks *int32)
	poolSpread        func(rows int, out *float32, width int, g *float32, gWidth int)
	poolSpreadMasked  func(rows int, out *float32, width int, g *float32, gWidth int, masks *int32)
	poolScatterMasked func(rows int, x *float32, width int, g *float32, gWidth int, out *float32, masks *int32)
}

// vectorValues is the width of pooling's vectors.
const vectorValues = 8

// Variable is the environment variable that forces an instruction set:
// portable, avx2 or avx512. It is meant for tests.
const Variable = "DISTILLMESH_KERNEL"

var active = choose(os.Getenv(Variable))

// Name is the instruction set in use: portable, avx2 or avx512.
func Name() string { return active.name }

// choose is the best instruction set that the processor has, or the named one.
// A forced set that is unknown or that the processor lacks panics: a test of
// one kernel must not silently run another.
func choose(forced string) *instructionSet {
	have := available()
	if forced == "" {
		return have[0]
	}
	for _, s := range have {
		if s.name == forced {
			return s
		}
	}
	var names []string
	for _, s := range have {
		names = append(names, s.name)
	}
	panic(fmt.Sprintf("%s=%q: this processor has the kernels %s", Variable, forced, strings.Join(names, ", ")))
}
