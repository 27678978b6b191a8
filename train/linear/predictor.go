package linear

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"

	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/kernel"
)

// MaxLambda is the largest ridge that Fit accepts.
const MaxLambda = 1e12

// ErrLambda means that a ridge is negative, too large or NaN.
var ErrLambda = errors.New("lambda out of range")

// Predictor is the ridge classifier: scores W x.
type Predictor struct {
	Shape   data.Shape
	Classes int
	Weights []float32 // W, Classes x Shape.Size()
}

// Fit solves W = Y f' (f f' + lambda I)^-1 = Y (f' f + lambda I)^-1 f', whichever
// is smaller, for samples f and labels Y as Statistics has them. With lambda = 0
// it is Y f^+, the least squares of least norm; samples that are linearly
// dependent to 1e-5 then get a ridge of 1e-10 of the mean square. Cost, m being the
// smaller of n and d: n d m/2 + m^3/6 multiply-adds in float64, 8 (n + m) m bytes.
func Fit(ctx context.Context, lambda float64, s *data.Samples) (*Predictor, error) {
	if !(lambda >= 0 && lambda <= MaxLambda) {
		return nil, fmt.Errorf("fit ridge: %w: %g, want 0 to %g", ErrLambda, lambda, float64(MaxLambda))
	}
	if s.Len() == 0 {
		return nil, errors.New("fit ridge: no samples")
	}
	pool := kernel.NewPool(0)
	defer pool.Close()
	w, err := fit(ctx, pool, lambda, s)
	if err != nil {
		return nil, fmt.Errorf("fit ridge: %w", err)
	}
	p := Of(s.Shape, s.Classes, w)
	if err := checkpoint.CheckFinite("weights", p.Weights); err != nil {
		return nil, fmt.Errorf("fit ridge: %w", err)
	}
	return p, nil
}

// Of is the classifier with weights, C x d, rounded to float32.
func Of(shape data.Shape, classes int, w []float64) *Predictor {
	p := &Predictor{Shape: shape, Classes: classes, Weights: make([]float32, len(w))}
	for i, v := range w {
		p.Weights[i] = float32(v)
	}
	return p
}

func fit(ctx context.Context, pool *kernel.Pool, lambda float64, s *data.Samples) ([]float64, error) {
	n, d := s.Len(), s.Shape.Size()
	if n > d {
		sums := NewStatistics(s.Shape, s.Classes)
		if err := sums.Add(ctx, pool, s); err != nil {
			return nil, err
		}
		return solve(ctx, pool, lambda, sums.Squares, sums.Products, d)
	}
	x, y := make([]float64, n*d), make([]float64, s.Classes*n)
	for i, v := range s.X {
		x[i] = float64(v)
	}
	row := make([]float32, s.Classes)
	for i := range n {
		Target(s, i, row)
		for c, v := range row {
			y[c*n+i] = float64(v)
		}
	}
	return FitFew(ctx, pool, lambda, x, y, d)
}

// FitFew is Fit in float64 for no more samples than values: x is f', n x d, and y
// is Y, C x n. The weights are C x d.
func FitFew(ctx context.Context, pool *kernel.Pool, lambda float64, x, y []float64, d int) ([]float64, error) {
	n := len(x) / d
	gram := make([]float64, n*n)
	pool.Each(n, func(i int) {
		for j := range i + 1 {
			gram[i*n+j] = floats.Dot(x[i*d:(i+1)*d], x[j*d:(j+1)*d])
		}
	})
	a, err := solve(ctx, pool, lambda, gram, y, n) // C x n
	if err != nil {
		return nil, err
	}
	w := make([]float64, len(a)/n*d)
	pool.Each(len(a)/n, func(c int) {
		for i := range n {
			floats.AddScaled(w[c*d:(c+1)*d], a[c*n+i], x[i*d:(i+1)*d])
		}
	})
	return w, nil
}

// With lambda = 0: the ratio of pivots below which a matrix counts as singular,
// and the ridge that it then gets, relative to its mean diagonal.
const (
	leastPivot = 1e-5
	leastRidge = 1e-10
)

// solve gives right (K + lambda I)^-1 for the lower triangle of K, m x m.
func solve(ctx context.Context, pool *kernel.Pool, lambda float64, k, right []float64, m int) ([]float64, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	chol := kernel.NewCholesky(pool, m, len(right)/m)
	trace := 0.
	for i := range m {
		trace += k[i*m+i]
	}
	factor := func(ridge float64) bool {
		copy(chol.L, k)
		for i := range m {
			chol.L[i*m+i] += ridge
		}
		return chol.Factor()
	}
	good := factor(lambda)
	if lambda == 0 && (!good || spread(chol.L, m) < leastPivot) {
		good = factor(math.Max(leastRidge*trace/float64(m), math.SmallestNonzeroFloat32))
	}
	if !good {
		return nil, fmt.Errorf("lambda %g: %w", lambda, ErrSingular)
	}
	copy(chol.X, right)
	chol.Solve()
	return chol.X, ctx.Err()
}

// spread is the smallest pivot divided by the largest.
func spread(l []float64, m int) float64 {
	low, high := math.Inf(1), 0.
	for i := range m {
		low, high = math.Min(low, l[i*m+i]), math.Max(high, l[i*m+i])
	}
	return low / high
}

// block is how many samples are scored at a time.
const block = 4096

// Logits implements train.Classifier: W x of every sample, n x Classes.
func (p *Predictor) Logits(ctx context.Context, s *data.Samples) ([]float32, error) {
	if s.Shape != p.Shape || s.Classes != p.Classes {
		return nil, fmt.Errorf("predict ridge: %w: samples of %v with %d classes, weights for %v with %d", ErrShape,
			s.Shape, s.Classes, p.Shape, p.Classes)
	}
	d := p.Shape.Size()
	out := make([]float32, s.Len()*p.Classes)
	for from := 0; from < s.Len(); from += block {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		m := min(block, s.Len()-from)
		kernel.Gemm(false, true, m, p.Classes, d, 1, s.X[from*d:], d, p.Weights, d, 0, out[from*p.Classes:], p.Classes)
	}
	return out, nil
}

// weightsTensor is the name of the one tensor of a classifier.
const weightsTensor = "weights"

// Tensors is the classifier as tensors: weights [Classes,C,H,W], an image per class.
func (p *Predictor) Tensors() []checkpoint.Tensor {
	return []checkpoint.Tensor{checkpoint.F32(weightsTensor, []int{p.Classes, p.Shape.C, p.Shape.H, p.Shape.W}, p.Weights)}
}

// CheckTensors fails unless tensors have the name, type and shape of a classifier's. It reads
// no values.
func CheckTensors(shape data.Shape, classes int, tensors []checkpoint.Tensor) error {
	t := checkpoint.ByName(tensors)[weightsTensor]
	if len(tensors) != 1 || t.DType != checkpoint.DTypeF32 || !slices.Equal(t.Shape,
		[]int{classes, shape.C, shape.H, shape.W}) {
		return fmt.Errorf("load ridge: %w: %d tensors, weights %s %v", ErrShape, len(tensors), t.DType, t.Shape)
	}
	return nil
}

// FromTensors reads what Tensors wrote, for the given shape and classes.
func FromTensors(shape data.Shape, classes int, tensors []checkpoint.Tensor) (*Predictor, error) {
	if err := CheckTensors(shape, classes, tensors); err != nil {
		return nil, err
	}
	p := &Predictor{Shape: shape, Classes: classes}
	var err error
	if p.Weights, err = checkpoint.ByName(tensors)[weightsTensor].Float32s(); err == nil {
		err = checkpoint.CheckFinite(weightsTensor, p.Weights)
	}
	if err != nil {
		return nil, fmt.Errorf("load ridge: %w", err)
	}
	return p, nil
}
