package kernel

import (
	"math"

	"gonum.org/v1/gonum/floats"
)

// choleskyColumns is how many columns are factored before the rows below them
// are divided among the workers.
const choleskyColumns = 32

// choleskyRows is the number of rows of one part.
const choleskyRows = 16

// Cholesky factors symmetric positive definite matrices of one size, K = L L',
// and solves with them, in float64. Every value is one dot product in a fixed
// order, whatever the workers.
type Cholesky struct {
	// L is n x n, row-major: K before Factor, its factor after. Only the lower
	// triangle is used.
	L []float64
	// X are right sides, one run of n values each: those of K x = y before
	// Solve, the solutions after.
	X      []float64
	pool   *Pool
	n      int
	column int  // first of the columns being factored
	solves bool // which part is being run
}

// NewCholesky allocates L for n x n, and X for a number of right sides.
func NewCholesky(pool *Pool, n, sides int) *Cholesky {
	return &Cholesky{pool: pool, n: n, L: make([]float64, n*n), X: make([]float64, n*sides)}
}

// Factor overwrites K with its factor. It reports false when K is not positive
// definite in float64. Cost: n^3/6 multiply-adds.
func (c *Cholesky) Factor() bool {
	c.solves = false
	for c.column = 0; c.column < c.n; c.column += choleskyColumns {
		last := min(c.n, c.column+choleskyColumns)
		for i := c.column; i < last; i++ {
			c.row(i, i)
			row := c.L[i*c.n : i*c.n+i+1]
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
func (c *Cholesky) row(i, end int) {
	row := c.L[i*c.n : (i+1)*c.n]
	for j := c.column; j < end; j++ {
		other := c.L[j*c.n : j*c.n+j+1]
		row[j] = (row[j] - floats.Dot(row[:j], other[:j])) / other[j]
	}
}

// Solve replaces every right side in X by its solution. Cost: n^2 multiply-adds
// each.
func (c *Cholesky) Solve() {
	c.solves = true
	sides := len(c.X) / max(1, c.n)
	if len(c.X)*c.n < solveSerial {
		for i := range sides {
			c.solveOne(c.X[i*c.n : (i+1)*c.n])
		}
		return
	}
	c.pool.Run(sides, c)
}

// solveSerial is the number of multiply-adds below which waking a worker takes longer than the work.
const solveSerial = 1 << 18

// Part implements Task.
func (c *Cholesky) Part(_ *Scratch, part int) {
	if c.solves {
		c.solveOne(c.X[part*c.n : (part+1)*c.n])
		return
	}
	last := c.column + choleskyColumns
	for i := last + part*choleskyRows; i < min(c.n, last+(part+1)*choleskyRows); i++ {
		c.row(i, last)
	}
}

// solveOne solves L y = x, then L' x = y.
func (c *Cholesky) solveOne(x []float64) {
	for i := range x {
		row := c.L[i*c.n : i*c.n+i+1]
		x[i] = (x[i] - floats.Dot(row[:i], x[:i])) / row[i]
	}
	for i := c.n - 1; i >= 0; i-- {
		row := c.L[i*c.n : i*c.n+i+1]
		x[i] /= row[i]
		floats.AddScaled(x[:i], -x[i], row[:i])
	}
}
