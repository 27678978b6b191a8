package ntk

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/parallel"
)

// Lambda is the ridge relative to the mean diagonal of the kernel (KIP).
const Lambda = 1e-6

// MaxDepth is the deepest kernel that Fit accepts.
const MaxDepth = 64

// Errors of the predictor.
var (
	ErrDepth    = errors.New("depth out of range")
	ErrShape    = errors.New("shape does not match the predictor")
	ErrSingular = errors.New("kernel matrix is not positive definite")
)

// Predictor is kernel regression on a support set:
//
//	P = K_ts A,  A = (K_ss + lambda tr(K_ss)/n I)^-1 Y_s
//
// with centered one-hot labels Y_s (1 - 1/C for the class, -1/C elsewhere), or
// the set's own learned labels. As a model it consists of the support set and
// the solved coefficients.
type Predictor struct {
	Depth   int
	Shape   data.Shape
	Classes int
	Support []float32 // n x Shape.Size()
	Coef    []float32 // n x Classes
}

// Fit solves for the coefficients. Memory: two n x n matrices of float64; time
// n^3/3 + n^2 d.
func Fit(ctx context.Context, depth int, s *data.Samples) (*Predictor, error) {
	if depth < 1 || depth > MaxDepth {
		return nil, fmt.Errorf("fit ntk:%d: %w, want 1..%d", depth, ErrDepth, MaxDepth)
	}
	n := s.Len()
	if n == 0 {
		return nil, fmt.Errorf("fit ntk:%d: no samples", depth)
	}
	gram := Gram(depth, Rows{s.X, n, s.Shape.Size()})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	coef, err := solve(gram, targets(s), n, s.Classes)
	if err != nil {
		return nil, fmt.Errorf("fit ntk:%d: %w", depth, err)
	}
	return &Predictor{Depth: depth, Shape: s.Shape, Classes: s.Classes, Support: s.X, Coef: coef}, nil
}

// targets is the label matrix, n x C (data.Samples.RegressionTarget).
func targets(s *data.Samples) []float64 {
	out := make([]float64, s.Len()*s.Classes)
	row := make([]float32, s.Classes)
	for i := range s.Len() {
		s.RegressionTarget(i, row)
		for c, v := range row {
			out[i*s.Classes+c] = float64(v)
		}
	}
	return out
}

// solve returns (K + lambda tr(K)/n I)^-1 Y by Cholesky. Duplicate support
// images can make a float32 kernel indefinite by rounding: the ridge then
// grows tenfold, at most three times.
func solve(gram []float32, labels []float64, n, classes int) ([]float32, error) {
	k := mat.NewSymDense(n, nil)
	trace := 0.0
	for i := range n {
		for j := i; j < n; j++ {
			k.SetSym(i, j, float64(gram[i*n+j]))
		}
		trace += k.At(i, i)
	}
	if math.IsNaN(trace) || math.IsInf(trace, 0) {
		return nil, ErrSingular
	}
	var chol mat.Cholesky
	ridge := Lambda * trace / float64(n)
	added := 0.0
	for try := 0; ; try++ {
		for i := range n {
			k.SetSym(i, i, k.At(i, i)+ridge-added)
		}
		added = ridge
		if chol.Factorize(k) {
			break
		}
		if try == 3 {
			return nil, ErrSingular
		}
		ridge *= 10
	}
	var x mat.Dense
	if err := chol.SolveTo(&x, mat.NewDense(n, classes, labels)); err != nil && !isCondition(err) {
		return nil, fmt.Errorf("%w: %w", ErrSingular, err)
	}
	coef := make([]float32, n*classes)
	for i := range n {
		for c := range classes {
			coef[i*classes+c] = float32(x.At(i, c))
		}
	}
	return coef, nil
}

// isCondition recognizes gonum's warning about a large condition number, which
// a ridge of 1e-6 always causes and which leaves the solution usable.
func isCondition(err error) bool {
	var c mat.Condition
	return errors.As(err, &c)
}

// block is how many test rows are predicted at a time.
const block = 1024

// Logits implements train.Classifier: P for every sample, n x Classes.
func (p *Predictor) Logits(ctx context.Context, s *data.Samples) ([]float32, error) {
	if s.Shape != p.Shape || s.Classes != p.Classes {
		return nil, fmt.Errorf("predict ntk:%d: %w: samples of %v with %d classes, support of %v with %d",
			p.Depth, ErrShape, s.Shape, s.Classes, p.Shape, p.Classes)
	}
	d, n := p.Shape.Size(), len(p.Coef)/p.Classes
	support := Rows{p.Support, n, d}
	out := make([]float32, s.Len()*p.Classes)
	for start := 0; start < s.Len(); start += block {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		m := min(block, s.Len()-start)
		k := Matrix(p.Depth, Rows{s.X[start*d : (start+m)*d], m, d}, support)
		parallel.Each(0, m, func(i int) {
			p.combine(k[i*n:(i+1)*n], out[(start+i)*p.Classes:(start+i+1)*p.Classes])
		})
	}
	return out, nil
}

// combine sums coefficients with kernel weights in float64: the coefficients
// are large and of both signs.
func (p *Predictor) combine(k, out []float32) {
	sum := make([]float64, p.Classes)
	for j, w := range k {
		for c, a := range p.Coef[j*p.Classes : (j+1)*p.Classes] {
			sum[c] += float64(w) * float64(a)
		}
	}
	for c, v := range sum {
		out[c] = float32(v)
	}
}

// Tensors is the predictor as tensors: support [n,C,H,W] and coefficients
// [n,Classes].
func (p *Predictor) Tensors() []checkpoint.Tensor {
	n := len(p.Coef) / p.Classes
	return []checkpoint.Tensor{
		checkpoint.F32("support", []int{n, p.Shape.C, p.Shape.H, p.Shape.W}, p.Support),
		checkpoint.F32("coefficients", []int{n, p.Classes}, p.Coef),
	}
}

// CheckTensors fails unless tensors have the names and shapes of a predictor's. It reads no
// values.
func CheckTensors(depth int, shape data.Shape, classes int, tensors []checkpoint.Tensor) error {
	byName := checkpoint.ByName(tensors)
	support, coef := byName["support"], byName["coefficients"]
	if len(tensors) != 2 || len(coef.Shape) != 2 || coef.Shape[0] < 1 || coef.Shape[1] != classes ||
		!slices.Equal(support.Shape, []int{coef.Shape[0], shape.C, shape.H, shape.W}) {
		return fmt.Errorf("load ntk:%d: %w: support %v, coefficients %v", depth, ErrShape, support.Shape, coef.Shape)
	}
	return nil
}

// FromTensors reads what Tensors wrote, for the given depth, shape and classes.
func FromTensors(depth int, shape data.Shape, classes int, tensors []checkpoint.Tensor) (*Predictor, error) {
	if err := CheckTensors(depth, shape, classes, tensors); err != nil {
		return nil, err
	}
	p := &Predictor{Depth: depth, Shape: shape, Classes: classes}
	byName := checkpoint.ByName(tensors)
	var err error
	if p.Support, err = finite(byName["support"]); err == nil {
		p.Coef, err = finite(byName["coefficients"])
	}
	if err != nil {
		return nil, fmt.Errorf("load ntk:%d: %w", depth, err)
	}
	return p, nil
}

func finite(t checkpoint.Tensor) ([]float32, error) {
	v, err := t.Float32s()
	if err == nil {
		err = checkpoint.CheckFinite(t.Name, v)
	}
	return v, err
}
