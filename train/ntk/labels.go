package ntk

import (
	"context"
	"fmt"

	"gonum.org/v1/gonum/floats"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/kernel"
)

// Labeling is the problem of finding the labels with which given images predict best.
type Labeling struct {
	Depth   int
	Support Rows // n images, as the predictor will be trained on them
	// Repeat is how many images in a row share a label: 1, or the tiles of a
	// formation. It divides n.
	Repeat  int
	Targets *data.Samples // m samples to predict
	// Start is n/Repeat x C: the values of labels that the targets do not determine.
	Start []float32
}

// labelBlock is how many targets are solved for at once.
const labelBlock = 256

// labelRidge, relative to the mean of the normal equations' diagonal, keeps
// labels that the targets do not determine at their start.
const labelRidge = 1e-9

// SolveLabels gives the labels of the least squares
//
//	min_Y |B Y - Y_t|^2,  B = K_ts (K_ss + lambda tr(K_ss)/n I)^-1 R
//
// where R repeats a label for each image that shares it and Y_t are the targets'
// labels (data.Samples.RegressionTarget): Y = B^+ Y_t, edge-distillers 1.4. B
// is what Fit and Logits will multiply labels by. With Y = Start + Z it solves
//
//	(B'B + r I) Z = B' (Y_t - B Start)
//
// in float64, r being 1e-9 of the mean diagonal. The same input gives the same
// bits for any number of workers. It fails with ErrSingular, or ctx's error.
// Memory: 2 n^2 + 512 n values of float64; time: n^3/3 + m n (n + n/Repeat + d)
// multiply-adds, m n pairs through the recursion.
func SolveLabels(ctx context.Context, pool *kernel.Pool, p Labeling) ([]float32, error) {
	l := newLabeler(pool, p)
	if err := l.factor(); err != nil {
		return nil, fmt.Errorf("solve labels: %w", err)
	}
	for from := 0; from < p.Targets.Len(); from += labelBlock {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		l.add(from, min(labelBlock, p.Targets.Len()-from))
	}
	return l.solve()
}

// labeler holds the normal equations of a Labeling.
type labeler struct {
	Labeling
	pool    *kernel.Pool
	rows    int // labels, n / Repeat
	classes int
	support []float64        // <s,s>/d
	chol    *kernel.Cholesky // of K_ss and its ridge; its x is a block of K_ts, then of B before R
	sides   []float64        // memory of chol.X
	product []float32        // a block of K_ts
	weight  []float64        // rows x labelBlock: B', by targets
	rest    []float64        // C x labelBlock: (Y_t - B Start)'
	normal  []float64        // rows x rows: B'B, lower triangle
	right   []float64        // C x rows: (B' (Y_t - B Start))'
}

func newLabeler(pool *kernel.Pool, p Labeling) *labeler {
	n, rows, c := p.Support.M, p.Support.M/p.Repeat, p.Targets.Classes
	l := &labeler{Labeling: p, pool: pool, rows: rows, classes: c, support: squares(p.Support),
		chol:    kernel.NewCholesky(pool, n, labelBlock),
		product: make([]float32, labelBlock*n), weight: make([]float64, rows*labelBlock), rest: make([]float64, c*labelBlock),
		normal: make([]float64, rows*rows), right: make([]float64, c*rows)}
	l.sides = l.chol.X
	return l
}

// kernels fills product with the kernel of m inputs and the support.
func (l *labeler) kernels(x Rows) {
	n, d := l.Support.M, l.Support.D
	l.pool.Gemm(false, true, x.M, n, d, 1, x.X, d, l.Support.X, d, 0, l.product, n)
	xx := squares(x)
	l.pool.Each(x.M, func(i int) { pairRow(l.Depth, d, l.product[i*n:(i+1)*n], xx[i], l.support) })
}

// factor factors K_ss with the predictor's ridge, which grows as Fit's does.
func (l *labeler) factor() error {
	n, d := l.Support.M, l.Support.D
	trace := 0.
	for _, s := range l.support {
		trace += Pair(l.Depth, s, s, s)
	}
	ridge := Lambda * trace / float64(n)
	for range 4 {
		for from := 0; from < n; from += labelBlock {
			m := min(labelBlock, n-from)
			l.kernels(Rows{l.Support.X[from*d : (from+m)*d], m, d})
			for i := range m {
				row := l.chol.L[(from+i)*n : (from+i+1)*n]
				for j, v := range l.product[i*n : (i+1)*n] {
					row[j] = float64(v)
				}
				s := l.support[from+i]
				row[from+i] = Pair(l.Depth, s, s, s) + ridge
			}
		}
		if l.chol.Factor() {
			return nil
		}
		ridge *= 10
	}
	return ErrSingular
}

// add puts m targets into the normal equations.
func (l *labeler) add(from, m int) {
	n, d := l.Support.M, l.Support.D
	l.kernels(Rows{l.Targets.X[from*d : (from+m)*d], m, d})
	l.chol.X = l.sides[:m*n]
	for i, v := range l.product[:m*n] {
		l.chol.X[i] = float64(v)
	}
	l.chol.Solve()
	l.pool.Each(m, func(i int) { l.residual(from+i, i) })
	l.pool.Each(l.rows, func(i int) {
		b := l.weight[i*labelBlock : i*labelBlock+m]
		for j := range i + 1 {
			l.normal[i*l.rows+j] += floats.Dot(b, l.weight[j*labelBlock:j*labelBlock+m])
		}
		for c := range l.classes {
			l.right[c*l.rows+i] += floats.Dot(b, l.rest[c*labelBlock:c*labelBlock+m])
		}
	})
}

// residual writes a target's column of B' and of (Y_t - B Start)'.
func (l *labeler) residual(target, column int) {
	n := l.Support.M
	want := make([]float32, l.classes)
	l.Targets.RegressionTarget(target, want)
	rest := make([]float64, l.classes)
	for c, v := range want {
		rest[c] = float64(v)
	}
	b := l.chol.X[column*n : (column+1)*n]
	for i := range l.rows {
		w := floats.Sum(b[i*l.Repeat : (i+1)*l.Repeat])
		l.weight[i*labelBlock+column] = w
		for c, v := range l.Start[i*l.classes : (i+1)*l.classes] {
			rest[c] -= w * float64(v)
		}
	}
	for c, v := range rest {
		l.rest[c*labelBlock+column] = v
	}
}

// solve gives the labels once all targets are in.
func (l *labeler) solve() ([]float32, error) {
	trace := 0.
	for i := range l.rows {
		trace += l.normal[i*l.rows+i]
	}
	ridge := labelRidge * trace / float64(l.rows)
	chol := kernel.NewCholesky(l.pool, l.rows, l.classes)
	for range 4 {
		copy(chol.L, l.normal)
		for i := range l.rows {
			chol.L[i*l.rows+i] += ridge
		}
		if chol.Factor() {
			copy(chol.X, l.right)
			chol.Solve()
			out := make([]float32, l.rows*l.classes)
			for i := range out {
				out[i] = float32(float64(l.Start[i]) + chol.X[i%l.classes*l.rows+i/l.classes])
			}
			return out, nil
		}
		ridge *= 10
	}
	return nil, fmt.Errorf("solve labels: %w", ErrSingular)
}
