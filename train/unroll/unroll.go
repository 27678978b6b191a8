// Package unroll is the gradient through many steps of inner training, without
// an expression of all of them: trajectory matching needs how the last
// parameters depend on the images of every step. The parameters after each
// step are kept, and one program of one step is walked backwards over them
// (att.md 1.6), so memory is one vector a step and the activations of one step.
package unroll

import (
	"errors"
	"fmt"

	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/kernel"
)

// ErrSize means that values do not have the sizes that a Walk was made for.
var ErrSize = errors.New("values of another size")

// Problem is inner training: the shapes of what a step reads, and its loss.
type Problem struct {
	Params [][]int // of each parameter array
	X      []int   // of a step's images
	Labels []int
	Draws  [][]int // of further inputs of a step without derivatives, such as augmentation draws
	// LearnLabels asks for the derivatives with respect to labels too.
	LearnLabels bool
	// Loss builds the loss of a step, one value, on inputs of these shapes.
	Loss func(params []*graph.Node, x, labels *graph.Node, draws []*graph.Node) *graph.Node
}

// Step is what one step reads. Steps may share memory.
type Step struct {
	X, Labels []float32
	Draws     [][]float32
	// Grad and LabelGrad, when not nil, get the derivatives with respect to X
	// and Labels added. LabelGrad needs Problem.LearnLabels.
	Grad, LabelGrad []float32
	// Load, when not nil, is called before each use of the step, forward and
	// back, and fills what the step reads, the same each time: steps that share
	// memory and draw again from a seed keep memory flat.
	Load func()
	// Store, when not nil, is called after Grad and LabelGrad were added to.
	Store func()
}

// finish hands the derivatives on: given ones are added, times -alpha.
func (s *Step) finish(dX, dLabels []float32, alpha float32) {
	if s.Grad != nil {
		kernel.ScaleAdd(s.Grad, dX, s.Grad, -alpha)
	}
	if s.LabelGrad != nil {
		kernel.ScaleAdd(s.LabelGrad, dLabels, s.LabelGrad, -alpha)
	}
	if s.Store != nil {
		s.Store()
	}
}

// Walk computes theta_t = theta_(t-1) - alpha dl(theta_(t-1), step t) and the
// gradient of any function of theta_n through these steps. It belongs to one
// goroutine.
type Walk struct {
	problem  Problem
	sizes    []int
	forward  *graph.Program // params, x, labels, draws -> loss, gradients
	backward *graph.Program // the same and u -> <u, g>, d<u, g>/dx, d<u, g>/dlabels if learned, H u
	hessian  int            // the output of backward at which H u begins
	thetas   [][]float32    // theta_0 .. theta_n
	steps    []Step
	alpha    float32
	u        []float32
}

// New compiles the step and its second derivatives for the pool's workers.
func New(pool *kernel.Pool, p Problem) (w *Walk, err error) {
	defer graph.Catch(&err)
	w = &Walk{problem: p}
	total := 0
	for _, s := range p.Params {
		w.sizes = append(w.sizes, size(s))
		total += size(s)
	}
	w.u = make([]float32, total)
	g := graph.New()
	inputs := func(prefix string, shapes [][]int) (nodes []*graph.Node) {
		for i, s := range shapes {
			nodes = append(nodes, graph.Input(g, fmt.Sprint(prefix, i), s...))
		}
		return nodes
	}
	params, draws, u := inputs("param", p.Params), inputs("draw", p.Draws), inputs("u", p.Params)
	x, labels := graph.Input(g, "x", p.X...), graph.Input(g, "labels", p.Labels...)
	loss := p.Loss(params, x, labels, draws)
	grads, err := graph.Grad(loss, params...)
	if err != nil {
		return nil, fmt.Errorf("unroll: %w", err)
	}
	read := append(append(params[:len(params):len(params)], x, labels), draws...)
	if w.forward, err = graph.Compile(pool, read, append([]*graph.Node{loss}, grads...)); err != nil {
		return nil, fmt.Errorf("unroll: %w", err)
	}
	dot, learned := dotProduct(grads, u), []*graph.Node{x}
	if p.LearnLabels {
		learned = append(learned, labels)
	}
	w.hessian = 1 + len(learned)
	second, err := graph.Grad(dot, append(learned, params...)...)
	if err != nil {
		return nil, fmt.Errorf("unroll: %w", err)
	}
	if w.backward, err = graph.Compile(pool, append(read[:len(read):len(read)], u...), append([]*graph.Node{dot}, second...)); err != nil {
		return nil, fmt.Errorf("unroll: %w", err)
	}
	return w, w.bindDirection()
}

// dotProduct is the sum over arrays of <a, b>, one value.
func dotProduct(a, b []*graph.Node) *graph.Node {
	var sum *graph.Node
	for i := range a {
		term := graph.Reshape(graph.Sum(graph.Mul(a[i], b[i])), 1)
		if sum == nil {
			sum = term
			continue
		}
		sum = graph.Add(sum, term)
	}
	return sum
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// bindDirection makes the walk's own vector the u of the backward program.
func (w *Walk) bindDirection() error {
	first := len(w.sizes) + 2 + len(w.problem.Draws)
	return eachPart(w.u, w.sizes, func(i int, part []float32) error { return w.backward.Bind(first+i, part) })
}

// eachPart calls f with the part of a flat vector that belongs to each
// parameter array.
func eachPart(flat []float32, sizes []int, f func(i int, part []float32) error) error {
	for i, n := range sizes {
		if err := f(i, flat[:n:n]); err != nil {
			return err
		}
		flat = flat[n:]
	}
	return nil
}

// Size is the number of parameters.
func (w *Walk) Size() int { return len(w.u) }

// Forward trains from theta0, all parameters as one vector, by one step of rate
// alpha for each of steps, and keeps what Backward needs. It holds on to steps
// until the next call. visit, when not nil, is told each step's loss, before
// its update, and the parameters after it, which it must not change.
func (w *Walk) Forward(theta0 []float32, steps []Step, alpha float32, visit func(step int, loss float32, theta []float32)) error {
	return w.forwards(theta0, steps, alpha, len(steps)+1, visit)
}

// forwards is Forward that keeps the last few vectors.
func (w *Walk) forwards(theta0 []float32, steps []Step, alpha float32, keep int, visit func(step int, loss float32, theta []float32)) error {
	if len(theta0) != len(w.u) {
		return fmt.Errorf("unroll: %w: %d parameters, want %d", ErrSize, len(theta0), len(w.u))
	}
	for len(w.thetas) < keep {
		w.thetas = append(w.thetas, make([]float32, len(w.u)))
	}
	w.steps, w.alpha = steps, alpha
	copy(w.thetas[0], theta0)
	for t := range steps {
		before, after := w.thetas[t%keep], w.thetas[(t+1)%keep]
		loss, err := w.advance(t, before, after)
		if err != nil {
			w.steps = nil
			return fmt.Errorf("unroll: step %d: %w", t, err)
		}
		if visit != nil {
			visit(t, loss, after)
		}
	}
	return nil
}

// advance does step t from one vector into another and returns its loss.
func (w *Walk) advance(t int, before, after []float32) (loss float32, err error) {
	if err := w.feed(w.forward, before, t); err != nil {
		return 0, err
	}
	w.forward.Run()
	for i, n := range w.sizes {
		kernel.ScaleAdd(after[:n], w.forward.Output(1+i), before, -w.alpha)
		before, after = before[n:], after[n:]
	}
	return w.forward.Output(0)[0], nil
}

// feed gives a program the parameters and what step t reads.
func (w *Walk) feed(p *graph.Program, flat []float32, t int) error {
	s := &w.steps[t]
	if s.Load != nil {
		s.Load()
	}
	for i, n := range w.sizes {
		if err := p.Bind(i, flat[:n:n]); err != nil {
			return fmt.Errorf("%w: %w", ErrSize, err)
		}
		flat = flat[n:]
	}
	if len(s.Draws) != len(w.problem.Draws) || s.Grad != nil && len(s.Grad) != len(s.X) {
		return fmt.Errorf("%w: %d draws, gradient of %d for %d values", ErrSize, len(s.Draws), len(s.Grad), len(s.X))
	}
	if s.LabelGrad != nil && (!w.problem.LearnLabels || len(s.LabelGrad) != len(s.Labels)) {
		return fmt.Errorf("%w: gradient of %d for %d labels, learned: %t", ErrSize, len(s.LabelGrad), len(s.Labels), w.problem.LearnLabels)
	}
	at := len(w.sizes)
	if err := errors.Join(p.Bind(at, s.X), p.Bind(at+1, s.Labels)); err != nil {
		return fmt.Errorf("%w: %w", ErrSize, err)
	}
	for i, d := range s.Draws {
		if err := p.Bind(at+2+i, d); err != nil {
			return fmt.Errorf("%w: %w", ErrSize, err)
		}
	}
	return nil
}

// Theta is the parameters after n steps of the last Forward.
func (w *Walk) Theta(n int) []float32 { return w.thetas[n] }

// Backward takes u, the derivative of some L with respect to theta_n, through
// the first n steps of the last Forward. It adds dL/dx to each step's Grad, and
// returns dL/dalpha and dL/dtheta_0 (valid until the next call):
//
//	dL/dalpha -= <u, g_t>;  dL/dx_t -= alpha d<u, g_t>/dx;  u -= alpha H_t u
func (w *Walk) Backward(u []float32, n int) (dAlpha float64, dTheta []float32, err error) {
	if len(u) != len(w.u) || n > len(w.steps) {
		return 0, nil, fmt.Errorf("unroll: %w: direction of %d for %d parameters, %d steps of %d", ErrSize, len(u), len(w.u), n, len(w.steps))
	}
	copy(w.u, u)
	for t := n - 1; t >= 0; t-- {
		dot, err := w.differentiate(w.thetas[t], t)
		if err != nil {
			return 0, nil, err
		}
		dAlpha -= dot
		rest := w.u
		for i, n := range w.sizes {
			kernel.ScaleAdd(rest[:n], w.backward.Output(w.hessian+i), rest, -w.alpha)
			rest = rest[n:]
		}
	}
	return dAlpha, w.u, nil
}

// differentiate runs the backward program at step t, adds to its gradients and
// returns <u, g>.
func (w *Walk) differentiate(theta []float32, t int) (dot float64, err error) {
	if err := w.feed(w.backward, theta, t); err != nil {
		return 0, fmt.Errorf("unroll: step %d: %w", t, err)
	}
	w.backward.Run()
	var dLabels []float32
	if w.problem.LearnLabels {
		dLabels = w.backward.Output(2)
	}
	w.steps[t].finish(w.backward.Output(1), dLabels, w.alpha)
	return float64(w.backward.Output(0)[0]), nil
}

// Bytes is the memory that the walk holds, the steps' own aside.
func (w *Walk) Bytes() int {
	return w.forward.Bytes() + w.backward.Bytes() + 4*len(w.u)*(1+len(w.thetas))
}
