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
// over targets and classes, Y_t being centred one-hot, with its gradients in
// closed form. All memory is allocated once: a Step allocates nothing. It keeps
// 3 n m values for the pairs beside what the caller holds. The same input gives
// the same bits for any number of workers. One goroutine at a time.
type Regression struct {
	Problem
	// Images and Labels are the gradients of the last step, n x d and n x C.
	Images, Labels []float32
	// Correct is how many targets the last step's prediction had right, before
	// any update.
	Correct int

	pool       *kernel.Pool
	ts, ss     pairs
	squares    []float32 // n: <s,s>/d
	chol       *cholesky
	coef, back []float32 // n x C: A = M Y_s and B = M K_ts' G
	kg         []float32 // n x C: K_ts' G
	residual   []float32 // C x m: P - Y_t, then G = (P - Y_t) / (m C)
	losses     []float64 // a class: sum of squares
	weight     []float32 // n x m: dL/dK_ts, then times dK/dc
	own        []float32 // n x n: B A'
	shift      []float32 // n: what multiplies 4/d s
	now        job
	targets    Targets // of the running step
	images     []float32
}

// Targets are the samples that a step predicts.
type Targets struct {
	X       []float32 // m x d
	Squares []float32 // m: <x,x>/d, as Squares computes it
	Y       []int     // class of each
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
	n, m := p.Supports, p.Targets
	r := &Regression{Problem: p, pool: pool, squares: make([]float32, n), chol: newCholesky(pool, n, p.Classes),
		Images: make([]float32, n*p.Values), Labels: make([]float32, n*p.Classes),
		coef: make([]float32, n*p.Classes), back: make([]float32, n*p.Classes), kg: make([]float32, n*p.Classes),
		residual: make([]float32, p.Classes*m), losses: make([]float64, p.Classes),
		weight: make([]float32, n*m), own: make([]float32, n*n), shift: make([]float32, n)}
	r.ts, r.ss = newPairs(p.Depth, n, m, r.squares), newPairs(p.Depth, n, n, r.squares)
	r.now.r = r
	return r
}

func (r *Regression) run(parts int, do func(r *Regression, s *kernel.Scratch, part int)) {
	r.now.do = do
	r.pool.Run(parts, &r.now)
}

// Step computes the loss for images (n x d) and labels (n x C) and leaves its
// gradients in Images and Labels. It fails with ErrSingular when the kernel of
// the images is not positive definite, even with a thousandfold ridge, which
// NaN makes of it too. Cost: two products of 2 n m d operations each, n m pairs
// through the recursion, n^3/3 for the solve.
func (r *Regression) Step(t Targets, images, labels []float32) (loss float64, err error) {
	n, m, d, classes := r.Supports, r.Targets, r.Values, r.Classes
	if len(t.X) != m*d || len(t.Squares) != m || len(t.Y) != m || len(images) != n*d || len(labels) != n*classes {
		return 0, fmt.Errorf("ntk step: %w: %d values for %d targets, %d for %d supports of %d", ErrShape, len(t.X), m, len(images), n, d)
	}
	r.targets, r.images = t, images
	defer func() { r.targets, r.images = Targets{}, nil }()
	r.kernels()
	if err := r.factor(); err != nil {
		return 0, err
	}
	r.solve(labels, r.coef)
	r.pool.Gemm(true, false, classes, m, n, 1, r.coef, classes, r.ts.k, m, 0, r.residual, m)
	r.countCorrect()
	r.run(classes, (*Regression).residualPart)
	for _, l := range r.losses {
		loss += l
	}
	r.pool.Gemm(false, true, n, classes, m, 1, r.ts.k, m, r.residual, m, 0, r.kg, classes)
	r.solve(r.kg, r.back)
	copy(r.Labels, r.back)
	r.imageGradient()
	return loss / float64(2*m*classes), nil
}

// kernels computes K and its derivatives for both pairs of sets.
func (r *Regression) kernels() {
	n, m, d := r.Supports, r.Targets, r.Values
	scale := float32(weightVariance / float64(d))
	r.run(n, func(r *Regression, _ *kernel.Scratch, j int) {
		r.squares[j] = Square(r.images[j*r.Values : (j+1)*r.Values])
	})
	r.run(r.ts.across(), func(r *Regression, _ *kernel.Scratch, i int) {
		r.ts.fill(r.Depth, i*pairBlock, min(r.Targets, (i+1)*pairBlock), r.targets.Squares)
	})
	r.ss.fill(r.Depth, 0, n, r.squares)
	r.pool.Gemm(false, true, m, n, d, scale, r.targets.X, d, r.images, d, 0, r.ts.product, n)
	r.pool.Gemm(false, true, n, n, d, scale, r.images, d, r.images, d, 0, r.ss.product, n)
	r.run(r.ts.blocks()+r.ss.blocks(), func(r *Regression, s *kernel.Scratch, i int) {
		if i < r.ts.blocks() {
			r.ts.part(r.Depth, s, i)
		} else {
			r.ss.part(r.Depth, s, i-r.ts.blocks())
		}
	})
}

// diagonal is K(s,s) for every support in turn: exact, where the recursion
// would round cos away from 1.
func (r *Regression) diagonal(j int) float64 {
	s := float64(r.squares[j])
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
			for j, v := range r.ss.k[i*n : i*n+i] {
				r.chol.l[i*n+j] = float64(v)
			}
			r.chol.l[i*n+i] = r.diagonal(i) + ridge
		}
		if r.chol.factor() {
			return nil
		}
		ridge *= 10
	}
	return fmt.Errorf("ntk step: %w", ErrSingular)
}

// solve writes (K_ss + ridge)^-1 right, both n x C.
func (r *Regression) solve(right, out []float32) {
	n, classes := r.Supports, r.Classes
	for i, v := range right {
		r.chol.x[i%classes*n+i/classes] = float64(v)
	}
	r.chol.solve()
	for i := range out {
		out[i] = float32(r.chol.x[i%classes*n+i/classes])
	}
}

// countCorrect counts the targets whose largest prediction is their class.
func (r *Regression) countCorrect() {
	m := r.Targets
	r.Correct = 0
	for i, y := range r.targets.Y {
		best := 0
		for c := 1; c < r.Classes; c++ {
			if r.residual[c*m+i] > r.residual[best*m+i] {
				best = c
			}
		}
		if best == y {
			r.Correct++
		}
	}
}

// residualPart turns the prediction of one class into G = (P - Y_t) / (m C).
func (r *Regression) residualPart(_ *kernel.Scratch, class int) {
	m := r.Targets
	row, sum := r.residual[class*m:(class+1)*m], 0.
	rest, hit := float32(-1/float64(r.Classes)), float32(1-1/float64(r.Classes))
	inv := float32(1 / float64(m*r.Classes))
	for i, p := range row {
		want := rest
		if r.targets.Y[i] == class {
			want = hit
		}
		e := p - want
		sum += float64(e) * float64(e)
		row[i] = e * inv
	}
	r.losses[class] = sum
}
