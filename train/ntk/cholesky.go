package ntk

import (
	"math"

	"gonum.org/v1/gonum/floats"

	"github.com/distillmesh/distillmesh/train/kernel"
)

// choleskyColumns is how many columns are factored before the rows below them
// are shared among the workers.
const choleskyColumns = 32

// choleskyRows is how many rows make one part.
const choleskyRows = 16

// cholesky factors symmetric positive definite matrices of one size, K = L L',
// and solves with them, in float64 and in memory of its own. Every value is one
// dot product in a fixed order, whatever the workers.
type cholesky struct {
	pool   *kernel.Pool
	n      int
	l      []float64 // n x n, row-major; only the lower triangle counts
	x      []float64 // right sides: one run of n values each
	column int       // first of the columns being factored
	solves bool      // which part is being run
}

func newCholesky(pool *kernel.Pool, n, sides int) *cholesky {
	return &cholesky{pool: pool, n: n, l: make([]float64, n*n), x: make([]float64, n*sides)}
}

// factor overwrites the lower triangle of l, which holds K, with L. It reports
// false when K is not positive definite in float64.
func (c *cholesky) factor() bool {
	c.solves = false
	for c.column = 0; c.column < c.n; c.column += choleskyColumns {
		last := min(c.n, c.column+choleskyColumns)
		for i := c.column; i < last; i++ {
			c.row(i, i)
			row := c.l[i*c.n : i*c.n+i+1]
			d := row[i] - floats.Dot(row[:i], row[:i])
			if !(d > 0) || math.IsInf(d, 0) {
				return false
			}
			row[i] = math.Sqrt(d)
		}
		if last < c.n {
			c.pool.Run((c.n-last+choleskyRows-1)/choleskyRows, c)
		}
	}
	return true
}

// row computes the values of row i in the present columns, up to end.
func (c *cholesky) row(i, end int) {
	row := c.l[i*c.n : (i+1)*c.n]
	for j := c.column; j < end; j++ {
		other := c.l[j*c.n : j*c.n+j+1]
		row[j] = (row[j] - floats.Dot(row[:j], other[:j])) / other[j]
	}
}

// solve replaces every run of x by K^-1 x.
func (c *cholesky) solve() {
	c.solves = true
	c.pool.Run(len(c.x)/max(1, c.n), c)
}

// Part implements kernel.Task.
func (c *cholesky) Part(_ *kernel.Scratch, part int) {
	if c.solves {
		c.solveOne(c.x[part*c.n : (part+1)*c.n])
		return
	}
	last := c.column + choleskyColumns
	for i := last + part*choleskyRows; i < min(c.n, last+(part+1)*choleskyRows); i++ {
		c.row(i, last)
	}
}

// solveOne solves L y = x, then L' x = y.
func (c *cholesky) solveOne(x []float64) {
	for i := range x {
		row := c.l[i*c.n : i*c.n+i+1]
		x[i] = (x[i] - floats.Dot(row[:i], x[:i])) / row[i]
	}
	for i := c.n - 1; i >= 0; i-- {
		row := c.l[i*c.n : i*c.n+i+1]
		x[i] /= row[i]
		floats.AddScaled(x[:i], -x[i], row[:i])
	}
}
