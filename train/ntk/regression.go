package ntk

import (
	"fmt"

	"github.com/distillmesh/distillmesh/train/kernel"
)

// Problem is the size of a Regression.
type Problem struct {
	Depth    int // hidden layers
	Targets  int // samples to predict, m
	Supports int // images to learn, n
	Values   int // of one image, d
	Classes  int // C
	Lambda   float64
}

// Regression is the loss of kernel regression as a function of its support set
// (edge-distillers 1.3),
//
//	L = 1/2 mean (K_ts (K_ss + lambda tr(K_ss)/n I)^-1 Y_s - Y_t)^2
//
// over targets and classes, Y_t being centered one-hot, with its gradients in
// closed form. The caller writes the targets and the supports into its slices,
// calls Step, and reads the gradients from it. All memory is allocated
// once, 5 n (m + n) + (m + n) d values or so, and a Step allocates nothing. The
// same input gives the same bits for any number of workers. One goroutine at a
// time.
type Regression struct {
	Problem
	Targets []float32 // m x d
	Squares []float32 // m: <x,x>/d of the targets, as Square computes it
	Truth   []int     // m: the class of each target
	Images  []float32 // n x d
	Labels  []float32 // n x C: Y_s

	// The gradients of the last step, and how many targets its prediction had
	// right.
	ImagesGrad, LabelsGrad []float32
	Correct                int

	pool     *kernel.Pool
	all      []float32 // (m+n) x d: Targets, then Images
	squares  []float32 // m+n: Squares, then those of the images
	pairs    pairs     // n rows, m+n columns
	chol     *kernel.Cholesky
	coef     []float32 // n x C: A = M Y_s, M = (K_ss + ridge)^-1
	back     []float32 // n x C: K_ts' G
	residual []float32 // C x m: P - Y_t, then G = (P - Y_t) / (m C)
	tallies  []tally   // a block of columns
	weight   []float32 // n x (m+n): dL/dK, then times dK/dc
	own      []float32 // n x n: B A', B = M K_ts' G
	shift    []float32 // n: what multiplies 4/d s
	shifts   []float32 // across x n: what each block of columns adds to it
	now      job
}

// tally is a block of columns' part of the loss and of the correct predictions.
type tally struct {
	squares float64 // sum of (P - Y_t)^2
	correct int
}

// job is a kernel.Task that runs a part of one stage of a step.
type job struct {
	r  *Regression
	do func(r *Regression, s *kernel.Scratch, part int)
}

// Part implements kernel.Task.
func (j *job) Part(s *kernel.Scratch, part int) { j.do(j.r, s, part) }

// NewRegression allocates a regression that computes on the pool.
func NewRegression(pool *kernel.Pool, p Problem) *Regression {
	n, m, d, classes := p.Supports, p.Targets, p.Values, p.Classes
	r := &Regression{Problem: p, pool: pool, Truth: make([]int, m),
		Labels: make([]float32, n*classes), LabelsGrad: make([]float32, n*classes), ImagesGrad: make([]float32, n*d),
		all: make([]float32, (m+n)*d), squares: make([]float32, m+n), pairs: newPairs(p.Depth, n, m+n),
		chol: kernel.NewCholesky(pool, n, classes), coef: make([]float32, n*classes), back: make([]float32, n*classes),
		residual: make([]float32, classes*m), weight: make([]float32, n*(m+n)), own: make([]float32,
			n*n), shift: make([]float32, n)}
	r.tallies, r.shifts = make([]tally, r.pairs.across()), make([]float32, r.pairs.across()*n)
	r.Targets, r.Images, r.Squares = r.all[:m*d:m*d], r.all[m*d:], r.squares[:m:m]
	r.now.r = r
	return r
}

func (r *Regression) run(parts int, do func(r *Regression, s *kernel.Scratch, part int)) {
	r.now.do = do
	r.pool.Run(parts, &r.now)
}

// eachImage calls do for every support; when all of it is done sooner than a
// worker is woken, by itself.
func (r *Regression) eachImage(do func(r *Regression, s *kernel.Scratch, j int)) {
	if r.Supports*r.Values >= imagesSerial {
		r.run(r.Supports, do)
		return
	}
	for j := range r.Supports {
		do(r, nil, j)
	}
}

// imagesSerial is how many values one pass goes through alone.
const imagesSerial = 1 << 17

// Step computes the loss and its gradients. It fails with ErrSingular when the
// kernel of the images is not positive definite, even with a thousandfold
// ridge, which NaN makes of it too. Cost: two products of 2 n (m + n) d
// operations each, n (m + n) pairs through the recursion, n^3/3 for the solve.
func (r *Regression) Step() (loss float64, err error) {
	n, m, classes, stride := r.Supports, r.Problem.Targets, r.Classes, r.pairs.m
	r.kernels()
	if err := r.factor(); err != nil {
		return 0, err
	}
	r.solve(r.Labels, r.coef)
	r.pool.Gemm(true, false, classes, m, n, 1, r.coef, classes, r.pairs.k, stride, 0, r.residual, m)
	r.run(r.pairs.across(), (*Regression).residualPart)
	r.Correct = 0
	for _, t := range r.tallies {
		loss += t.squares
		r.Correct += t.correct
	}
	r.pool.Gemm(false, true, n, classes, m, 1, r.pairs.k, stride, r.residual, m, 0, r.back, classes)
	r.solve(r.back, r.LabelsGrad)
	r.imageGradient()
	return loss / float64(2*m*classes), nil
}

// kernels computes K and its derivatives, of the supports with the targets and
// among themselves. Here and below each stage goes through the columns block by
// block, so that a worker finds in its cache what it wrote in the stage before.
func (r *Regression) kernels() {
	n, m, d := r.Supports, r.pairs.m, r.Values
	r.eachImage(func(r *Regression, _ *kernel.Scratch, j int) {
		r.squares[r.Problem.Targets+j] = Square(r.Images[j*r.Values : (j+1)*r.Values])
	})
	r.run(r.pairs.across(), func(r *Regression, _ *kernel.Scratch, at int) { r.pairs.columns(at, r.squares) })
	r.pool.Gemm(false, true, n, m, d, float32(weightVariance/float64(d)), r.Images, d, r.all, d, 0, r.pairs.product, m)
	r.run(n*r.pairs.across(), func(r *Regression, s *kernel.Scratch, part int) {
		j := part % r.Supports
		r.pairs.block(s, j, part/r.Supports, r.squares[r.Problem.Targets+j])
	})
}

// diagonal is K(s,s) of support j: exact, where the recursion would round cos
// away from 1.
func (r *Regression) diagonal(j int) float64 {
	s := float64(r.squares[r.Problem.Targets+j])
	return Pair(r.Depth, s, s, s)
}

// factor factors K_ss with its ridge. Coinciding images can make a float32
// kernel indefinite by rounding: the ridge then grows tenfold, at most three
// times.
func (r *Regression) factor() error {
	n, trace := r.Supports, 0.
	for j := range n {
		trace += r.diagonal(j)
	}
	ridge := r.Lambda * trace / float64(n)
	for range 4 {
		for i := range n {
			from := i*r.pairs.m + r.Problem.Targets
			for j, v := range r.pairs.k[from : from+i] {
				r.chol.L[i*n+j] = float64(v)
			}
			r.chol.L[i*n+i] = r.diagonal(i) + ridge
		}
		if r.chol.Factor() {
			return nil
		}
		ridge *= 10
	}
	return fmt.Errorf("ntk step: %w", ErrSingular)
}

// solve writes M right, both n x C.
func (r *Regression) solve(right, out []float32) {
	n, classes := r.Supports, r.Classes
	for i, v := range right {
		r.chol.X[i%classes*n+i/classes] = float64(v)
	}
	r.chol.Solve()
	for i := range out {
		out[i] = float32(r.chol.X[i%classes*n+i/classes])
	}
}

// residualPart turns the prediction of a block of targets into
// G = (P - Y_t) / (m C), and tallies it.
func (r *Regression) residualPart(_ *kernel.Scratch, at int) {
	m := r.Problem.Targets
	lo, hi := r.pairs.span(at)
	hi = min(hi, m)
	sum := tally{}
	rest, hit := float32(-1/float64(r.Classes)), float32(1-1/float64(r.Classes))
	inv := float32(1 / float64(m*r.Classes))
	for i := lo; i < hi; i++ {
		best := 0
		for c := 1; c < r.Classes; c++ {
			if r.residual[c*m+i] > r.residual[best*m+i] {
				best = c
			}
		}
		if best == r.Truth[i] {
			sum.correct++
		}
	}
	for c := range r.Classes {
		for i := lo; i < hi; i++ {
			want := rest
			if r.Truth[i] == c {
				want = hit
			}
			e := r.residual[c*m+i] - want
			sum.squares += float64(e) * float64(e)
			r.residual[c*m+i] = e * inv
		}
	}
	r.tallies[at] = sum
}
