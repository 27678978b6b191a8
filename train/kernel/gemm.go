package kernel

import "fmt"

const (
	gemmDepth   = 512     // steps of k summed in registers before C is touched; fixes the order of the sum
	gemmColumns = 512     // columns of B kept packed at once: 1 MiB at gemmDepth, read a panel at a time
	gemmRows    = 12      // tiles of A kept packed at once: 290 KiB at gemmDepth
	gemmSerial  = 1 << 16 // multiply-adds below which waking a worker costs more than it gains
	sizeOfFloat = 4
	cacheLine   = 16 // values
)

// Gemm computes C = alpha op(A) op(B) + beta C for row-major matrices, where
// op(A) is m x k and op(B) is k x n, op being the transpose if requested. lda,
// ldb and ldc are row strides in values. With beta = 0, C is overwritten even
// if it holds NaN; NaN and infinity in A and B propagate. It
// panics with a *ShapeError when a slice is too short. All cores take part,
// and the bits do not depend on their number.
func Gemm(transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32,
	c []float32, ldc int) {
	withPool(func(p *Pool) { p.Gemm(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc) })
}

// ShapeError is the panic value of a kernel when sizes do not match. It is a
// programming mistake and never depends on data.
type ShapeError struct{ Kernel, Cause string }

// Error implements error.
func (e *ShapeError) Error() string { return fmt.Sprintf("kernel %s: %s", e.Kernel, e.Cause) }

// matrix is a strided view: value (i, j) is at data[i*rs+j*cs].
type matrix struct {
	data   []float32
	rs, cs int
}

func view(kernel string, rows, cols int, data []float32, ld int, trans bool) matrix {
	r, c := rows, cols
	if trans {
		r, c = cols, rows
	}
	if r < 0 || c < 0 || ld < c || (r > 0 && c > 0 && len(data) < (r-1)*ld+c) {
		panic(&ShapeError{kernel, fmt.Sprintf("%d x %d with row stride %d in %d values", r, c, ld, len(data))})
	}
	if trans {
		return matrix{data, 1, ld}
	}
	return matrix{data, ld, 1}
}

// gemmTask is one product; its parts are a grid of blocks of C.
type gemmTask struct {
	set         *instructionSet
	m, n, k     int
	a, b, c     matrix
	alpha, beta float32
	rows, cols  int // size of a block of C
	across      int // blocks side by side
}

// Gemm is the package's Gemm on the workers of this pool.
func (p *Pool) Gemm(transA, transB bool, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int,
	beta float32, c []float32, ldc int) {
	t := &p.gemm
	*t = gemmTask{set: active, m: m, n: n, k: k, alpha: alpha, beta: beta,
		a: view("gemm", m, k, a, lda, transA), b: view("gemm", k, n, b, ldb, transB), c: view("gemm", m, n, c, ldc, false)}
	if m == 0 || n == 0 {
		return
	}
	p.Run(t.split(p.Workers()), t)
	*t = gemmTask{} // so that the pool does not keep the operands alive
}

// split cuts C into about as many blocks as there are workers, across first.
// Every value of C is summed within one block in one order, so the cut does not
// change the bits.
func (t *gemmTask) split(workers int) (parts int) {
	tilesDown, tilesAcross := ceilDiv(t.m, t.set.height), ceilDiv(t.n, t.set.width)
	across, down := 1, 1
	if workers > 1 && t.m*t.n*t.k >= gemmSerial {
		if tilesAcross >= 2*workers || tilesAcross >= tilesDown {
			across = min(workers, tilesAcross)
			down = min(ceilDiv(workers, across), tilesDown)
		} else {
			down = min(workers, tilesDown)
			across = min(ceilDiv(workers, down), tilesAcross)
		}
	}
	t.rows = ceilDiv(tilesDown, down) * t.set.height
	t.cols = ceilDiv(tilesAcross, across) * t.set.width
	t.across = ceilDiv(t.n, t.cols)
	return t.across * ceilDiv(t.m, t.rows)
}

// Part computes one block of C.
func (t *gemmTask) Part(s *Scratch, part int) {
	i0, j0 := part/t.across*t.rows, part%t.across*t.cols
	i1, j1 := min(t.m, i0+t.rows), min(t.n, j0+t.cols)
	add := t.beta != 0
	if t.beta != 0 && t.beta != 1 || t.k == 0 {
		t.scale(i0, i1, j0, j1)
		add = t.k == 0 || t.beta != 0
	}
	for l0 := 0; l0 < t.k; l0 += gemmDepth {
		l1 := min(t.k, l0+gemmDepth)
		for j := j0; j < j1; j += gemmColumns {
			t.block(s, i0, i1, j, min(j1, j+gemmColumns), l0, l1, add)
		}
		add = true
	}
}

// scale multiplies a block of C by beta, where 0 clears it.
func (t *gemmTask) scale(i0, i1, j0, j1 int) {
	for i := i0; i < i1; i++ {
		row := t.c.data[i*t.c.rs+j0 : i*t.c.rs+j1]
		if t.beta == 0 {
			clear(row)
			continue
		}
		for j := range row {
			row[j] *= t.beta
		}
	}
}

// block adds the steps l0 to l1 of k to C[i0:i1, j0:j1]. Packed panels of B and
// rows of A stay in the second-level cache; each panel is used with all tiles
// of A before the next.
func (t *gemmTask) block(s *Scratch, i0, i1, j0, j1, l0, l1 int, add bool) {
	width, depth := t.set.width, l1-l0
	panels := s.floats(0, ceilDiv(j1-j0, width)*width*depth)
	// Packing B pays when its rows are not contiguous or several tiles read it.
	direct := t.b.cs == 1 && i1-i0 <= 2*t.set.height
	packed := j0
	if direct {
		packed += (j1 - j0) / width * width // except for an incomplete panel
	}
	packB(panels[(packed-j0)*depth:], t.b, l0, l1, packed, j1, width)
	for i := i0; i < i1; i += gemmRows * t.set.height {
		end := min(i1, i+gemmRows*t.set.height)
		a := t.packA(s, i, end, l0, l1, j1-j0 > 4*width)
		for j := j0; j < j1; j += width {
			b, bs := &panels[(j-j0)*depth], width
			if direct && j+width <= j1 {
				b, bs = &t.b.data[l0*t.b.rs+j], t.b.rs
			}
			for tile := i; tile < end; tile += t.set.height {
				t.tile(s, a, tile-i, tile, min(t.set.height, end-tile), depth, b, bs, j, min(width, j1-j), add)
			}
		}
	}
}

// tile computes h x w values of C at (i, j) from row ai on of packed rows a.
func (t *gemmTask) tile(s *Scratch, a rowsOfA, ai, i, h, depth int, b *float32, bs, j, w int, add bool) {
	width := t.set.width
	from, rs, cs := a.at(ai, h)
	c, ldc := &t.c.data[i*t.c.rs+j], t.c.rs
	if w == width {
		t.set.tiles[h](depth, from, rs*sizeOfFloat, cs*sizeOfFloat, b, bs*sizeOfFloat, c, ldc*sizeOfFloat, t.alpha, add)
		return
	}
	edge := s.floats(2, h*width)
	load(edge, width, t.c.data[i*ldc+j:], ldc, h, w)
	t.set.tiles[h](depth, from, rs*sizeOfFloat, cs*sizeOfFloat, b, bs*sizeOfFloat, &edge[0], width*sizeOfFloat, t.alpha,
		add)
	load(t.c.data[i*ldc+j:], ldc, edge, width, h, w)
}

// rowsOfA is a block of rows of A, in place or packed: row by row where the
// rows of A are contiguous, else each tile column by column.
type rowsOfA struct {
	data    []float32
	rs, cs  int
	byTiles bool
	depth   int
}

// at addresses the h rows of the tile that begins at row i.
func (a rowsOfA) at(i, h int) (first *float32, rs, cs int) {
	if a.byTiles {
		return &a.data[i*a.depth], 1, h
	}
	return &a.data[i*a.rs], a.rs, a.cs
}

// packA gathers rows i0 to i1, steps l0 to l1, unless there are too few tiles
// to pay for the copy.
func (t *gemmTask) packA(s *Scratch, i0, i1, l0, l1 int, pays bool) rowsOfA {
	depth := l1 - l0
	if !pays {
		return rowsOfA{data: t.a.data[i0*t.a.rs+l0*t.a.cs:], rs: t.a.rs, cs: t.a.cs}
	}
	if t.a.cs == 1 {
		stride := depth + cacheLine // rows a power of two apart would compete for few cache lines
		a := rowsOfA{data: s.floats(1, (i1-i0)*stride), rs: stride, cs: 1}
		load(a.data, stride, t.a.data[i0*t.a.rs+l0:], t.a.rs, i1-i0, depth)
		return a
	}
	a := rowsOfA{data: s.floats(1, (i1-i0)*depth), byTiles: true, depth: depth}
	for i := i0; i < i1; i += t.set.height {
		h := min(t.set.height, i1-i)
		load(a.data[(i-i0)*depth:], h, t.a.data[i*t.a.rs+l0*t.a.cs:], t.a.cs, depth, h)
	}
	return a
}

// load copies an h x w matrix between row strides.
func load(dst []float32, dstStride int, src []float32, srcStride, h, w int) {
	for i := range h {
		copy(dst[i*dstStride:i*dstStride+w], src[i*srcStride:i*srcStride+w])
	}
}

// packB stores columns j0 to j1 in panels as wide as a tile, row by row within
// a panel, the last one padded with zeros.
func packB(dst []float32, b matrix, l0, l1, j0, j1, width int) {
	if j0 == j1 {
		return
	}
	depth := l1 - l0
	whole := (j1 - j0) / width
	if last := dst[whole*width*depth:]; j0+whole*width < j1 {
		clear(last[:width*depth])
	}
	if b.cs != 1 {
		for j := j0; j < j1; j += width {
			transposeInto(dst[(j-j0)*depth:], width, b.data[j*b.cs+l0*b.rs:], b.cs, min(width, j1-j), depth)
		}
		return
	}
	for l := range depth {
		src := b.data[(l0+l)*b.rs+j0 : (l0+l)*b.rs+j1]
		if active.packRow != nil && whole > 0 {
			active.packRow(whole, &src[0], &dst[l*width], depth*width*sizeOfFloat)
		} else {
			for p := range whole {
				copy(dst[(p*depth+l)*width:(p*depth+l+1)*width], src[p*width:])
			}
		}
		if rest := src[whole*width:]; len(rest) > 0 {
			copy(dst[(whole*depth+l)*width:], rest)
		}
	}
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }
