package cluster

import (
	"math"

	"github.com/distillmesh/distillmesh/train/kernel"
)

// assignBlock is how many rows are compared with all centers in one product.
const assignBlock = 256

// assigner finds each row's nearest center. Products in float32 select the few
// centers that could be nearest within rounding; only these are compared in
// float64. So the result is that of Distance2 at the cost of a matrix product.
type assigner struct {
	x       [][]float32
	norm    []float64 // |x| of every row
	pool    *kernel.Pool
	rows    []float32 // a block of x, contiguous
	centers []float32 // k x d
	product []float32 // a block's rows times the centers
	square  []float64 // |c|^2
}

func newAssigner(x [][]float32, k int) *assigner {
	d := len(x[0])
	block := min(assignBlock, len(x))
	a := &assigner{x: x, norm: make([]float64, len(x)), pool: kernel.NewPool(1), rows: make([]float32, block*d),
		centers: make([]float32, k*d), product: make([]float32, block*k), square: make([]float64, k)}
	for i, row := range x {
		for _, v := range row {
			a.norm[i] += float64(v) * float64(v)
		}
		a.norm[i] = math.Sqrt(a.norm[i])
	}
	return a
}

func (a *assigner) close() { a.pool.Close() }

// nearest writes the first of the nearest centers of each row, and returns how
// many rows moved.
func (a *assigner) nearest(center [][]float64, assign []int) (moved int) {
	d, k := len(a.x[0]), len(center)
	longest := 0.
	for c, values := range center {
		a.square[c] = 0
		for j, v := range values {
			a.square[c] += v * v
			a.centers[c*d+j] = float32(v)
		}
		longest = math.Max(longest, math.Sqrt(a.square[c]))
	}
	// A sum of d products in float32 errs by at most (d + 2) 2^-24 |x| |c|, the
	// rounding of c included; it counts twice in a distance, twice in a
	// comparison.
	slack := 4 * float64(d+2) * math.Pow(2, -24) * longest
	for from := 0; from < len(a.x); from += assignBlock {
		m := min(assignBlock, len(a.x)-from)
		for i := range m {
			copy(a.rows[i*d:], a.x[from+i])
		}
		a.pool.Gemm(false, true, m, k, d, 1, a.rows, d, a.centers, d, 0, a.product, k)
		for i := range m {
			at := a.among(from+i, center, a.product[i*k:(i+1)*k], slack*a.norm[from+i])
			if assign[from+i] != at {
				assign[from+i] = at
				moved++
			}
		}
	}
	return moved
}

// among compares the selected centers in float64.
func (a *assigner) among(i int, center [][]float64, product []float32, slack float64) int {
	least := math.Inf(1)
	for c, p := range product {
		least = math.Min(least, a.square[c]-2*float64(p))
	}
	limit := least + slack
	best, at, candidates := math.Inf(1), 0, 0
	for c, p := range product {
		if a.square[c]-2*float64(p) > limit {
			continue
		}
		if candidates++; candidates == 1 {
			at = c
			continue
		}
		if candidates == 2 {
			best = Distance2(a.x[i], center[at])
		}
		if d := Distance2(a.x[i], center[c]); d < best {
			best, at = d, c
		}
	}
	return at
}
