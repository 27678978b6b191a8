// Package unroll is the gradient through many steps of inner training without
// one expression of all steps: trajectory matching needs the derivative of the
// last parameters with respect to the images of every step. The parameters
// after each step are kept, and the program of one step is run backwards over
// them (att.md 1.6), so memory is one vector per step and the activations of
// one step.
// Parameters, images and gradients are resident on the engine: a step uploads its
// draws, and nothing is downloaded before the last.
package unroll

import (
	"errors"
	"fmt"

	"github.com/distillmesh/distillmesh/train/graph"
)

// ErrSize means that the number of values does not match the Walk.
var ErrSize = errors.New("wrong number of values")

// Problem is inner training: the shapes of what is learned and drawn, and the loss
// of a step.
type Problem struct {
	Params [][]int // of each parameter array
	X      []int   // of all images
	Labels []int   // of their labels, a row per image
	// Batch is how many images each step takes, by an index that is drawn; 0 for all.
	Batch int
	Draws [][]int // of further inputs of a step without derivatives, such as augmentation draws
	// LearnLabels asks for the derivatives with respect to labels too.
	LearnLabels bool
	// Squared selects the distance to the target that is measured after each step:
	// the sum of squares, or of absolute differences.
	Squared bool
	// Loss builds the loss of a step, one value, on a batch of images and labels.
	Loss func(params []*graph.Node, x, labels *graph.Node, draws []*graph.Node) *graph.Node
	// Draw fills what step t draws, on the host: the index of its batch, and Draws.
	// It is called before each use of the step, forward and backward, and must give
	// the same values each time. Nil when there is nothing to draw.
	Draw func(t int, index []float32, draws [][]float32)
}

// batched reports whether a step uses only some of the images.
func (p *Problem) batched() bool { return p.Batch > 0 && p.Batch < p.X[0] }

// Walk computes theta_t = theta_(t-1) - alpha dl(theta_(t-1), step t) and the
// gradient of any function of theta_n through these steps. It belongs to one
// goroutine.
type Walk struct {
	problem  Problem
	engine   graph.Engine
	most     int
	sizes    []int
	total    int
	forward  *program
	backward *program

	// X and Labels are learned; the derivatives with respect to them are added to
	// Grad and LabelGrad. LabelGrad is nil unless labels are learned.
	X, Labels, Grad, LabelGrad graph.Variable

	thetas  []vector // theta_0 .. theta_n, as many as are kept
	kept    int      // of the last forward run
	n       int      // its steps
	theta0  []float32
	u, rest vector // the direction, and memory for an H u that is not needed
	target  graph.Variable
	sums    graph.Variable // three numbers per step
	dots    graph.Variable // <u, g> of each step
	numbers []float32      // of sums and dots, on the host
	rate    [1]float32
}

// New compiles the step and its second derivatives for at most so many steps.
func New(e graph.Engine, p Problem, most int) (w *Walk, err error) {
	defer graph.Catch(&err)
	w = &Walk{problem: p, engine: e, most: most, numbers: make([]float32, 3*most)}
	for _, s := range p.Params {
		w.sizes = append(w.sizes, size(s))
		w.total += size(s)
	}
	x := size(p.X)
	all, err := graph.Variables(e, x, size(p.Labels), x, w.total, 3*most, most)
	if err != nil {
		return nil, fmt.Errorf("unroll: %w", err)
	}
	w.X, w.Labels, w.Grad, w.target, w.sums, w.dots = all[0], all[1], all[2], all[3], all[4], all[5]
	if p.LearnLabels {
		if w.LabelGrad, err = e.Variable(size(p.Labels)); err != nil {
			return nil, fmt.Errorf("unroll: %w", err)
		}
	}
	if w.u, err = w.vector(); err != nil {
		return nil, fmt.Errorf("unroll: %w", err)
	}
	if err := w.compile(); err != nil {
		return nil, fmt.Errorf("unroll: %w", err)
	}
	return w, nil
}

// vector is one value per parameter, in one piece and cut by arrays.
type vector struct {
	flat  graph.Variable
	parts []graph.Variable
}

func (w *Walk) vector() (v vector, err error) {
	if v.flat, err = w.engine.Variable(w.total); err != nil {
		return v, err
	}
	at := 0
	for _, n := range w.sizes {
		v.parts = append(v.parts, v.flat.Part(at, n))
		at += n
	}
	return v, nil
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// Size is the number of parameters.
func (w *Walk) Size() int { return w.total }

// SetTarget sets the target of Distances.
func (w *Walk) SetTarget(target []float32) error { return w.target.Set(target) }

// Forward trains from theta0, all parameters as one vector, by n steps of rate
// alpha, and keeps what Backward needs.
func (w *Walk) Forward(theta0 []float32, n int, alpha float32) error {
	return w.forwards(theta0, n, alpha, n+1)
}

// forwards is Forward that keeps the last few vectors.
func (w *Walk) forwards(theta0 []float32, n int, alpha float32, keep int) error {
	if len(theta0) != w.total || n > w.most {
		return fmt.Errorf("unroll: %w: %d parameters, want %d; %d steps, at most %d", ErrSize, len(theta0), w.total, n,
			w.most)
	}
	for len(w.thetas) < keep {
		v, err := w.vector()
		if err != nil {
			return fmt.Errorf("unroll: %w", err)
		}
		w.thetas = append(w.thetas, v)
	}
	w.kept, w.n, w.rate[0] = keep, n, alpha
	if err := w.thetas[0].flat.Set(theta0); err != nil {
		return fmt.Errorf("unroll: %w", err)
	}
	for t := range n {
		if err := w.advance(t, w.thetas[t%keep], w.thetas[(t+1)%keep]); err != nil {
			return fmt.Errorf("unroll: step %d: %w", t, err)
		}
	}
	return nil
}

// advance takes step t from one vector into another.
func (w *Walk) advance(t int, before, after vector) error {
	p := w.forward
	if err := p.feed(w, t, before); err != nil {
		return err
	}
	if err := graph.BindAll(p, p.next, after.parts); err != nil {
		return err
	}
	if err := p.Bind(p.after, after.flat); err != nil {
		return err
	}
	if err := p.Bind(p.result, p.results[t]); err != nil {
		return err
	}
	return p.Run()
}

// Theta copies the parameters after n steps of the last Forward; after Reach only
// the last two are available.
func (w *Walk) Theta(n int, into []float32) error {
	if n > w.n || n <= w.n-w.kept {
		return fmt.Errorf("unroll: %w: parameters after %d of %d steps, of which %d are kept", ErrSize, n, w.n, w.kept)
	}
	return w.thetas[n%w.kept].flat.Get(into)
}

// Distances are those to the target after each step of the last Forward or Reach.
func (w *Walk) Distances(into []float64) ([]float64, error) {
	if err := w.sums.Get(w.numbers); err != nil {
		return nil, fmt.Errorf("unroll: %w", err)
	}
	for t := range w.n {
		into = append(into, graph.Joined([3]float32(w.numbers[3*t:])))
	}
	return into, nil
}

// Backward takes u, the derivative of some L with respect to theta_n, through
// the first n steps of the last Forward. It adds dL/dx to Grad, and returns
// dL/dalpha; Direction then is dL/dtheta_0:
//
//	dL/dalpha -= <u, g_t>;  dL/dx -= alpha d<u, g_t>/dx;  u -= alpha H_t u
func (w *Walk) Backward(u []float32, n int) (dAlpha float64, err error) {
	if len(u) != w.total || n > w.n || w.kept <= n {
		return 0, fmt.Errorf("unroll: %w: direction of %d for %d parameters, %d steps of %d", ErrSize, len(u), w.total, n,
			w.n)
	}
	if err := w.u.flat.Set(u); err != nil {
		return 0, fmt.Errorf("unroll: %w", err)
	}
	for t := n - 1; t >= 0; t-- {
		if err := w.differentiate(t, w.thetas[t], w.u); err != nil {
			return 0, fmt.Errorf("unroll: step %d: %w", t, err)
		}
	}
	if err := w.dots.Get(w.numbers[:w.most]); err != nil {
		return 0, fmt.Errorf("unroll: %w", err)
	}
	for t := n - 1; t >= 0; t-- {
		dAlpha -= float64(w.numbers[t])
	}
	return dAlpha, nil
}

// differentiate runs the backward program at step t: it adds to the gradients,
// notes <u, g> and writes u - alpha H u.
func (w *Walk) differentiate(t int, theta, next vector) error {
	p := w.backward
	if err := p.feed(w, t, theta); err != nil {
		return err
	}
	if err := graph.BindAll(p, p.next, next.parts); err != nil {
		return err
	}
	if err := p.Bind(p.result, p.results[t]); err != nil {
		return err
	}
	return p.Run()
}

// Bytes is the memory of the walk, without what is learned.
func (w *Walk) Bytes() int {
	vectors := 2 + len(w.thetas)
	if w.rest.flat != nil {
		vectors++
	}
	return w.forward.Bytes() + w.backward.Bytes() + 4*w.total*vectors
}
