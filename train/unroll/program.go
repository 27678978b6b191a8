package unroll

import (
	"errors"
	"fmt"

	"github.com/distillmesh/distillmesh/train/graph"
)

// program is the program of a step, forward or backward, with the indices of its inputs.
type program struct {
	graph.Program
	index, draws int // first indices of what is drawn
	rate, next   int // next: the vector that is written, by arrays
	after        int // forward: the same in one piece
	result       int // a step's own place in sums or dots
	results      []graph.Variable
	drawn        [][]float32 // the host's side of the draws
	picked       []float32   // and of the index
}

// builder collects a program's inputs.
type builder struct {
	g    *graph.Graph
	spec graph.Spec
}

func (b *builder) input(name string, shape ...int) *graph.Node {
	n := graph.Input(b.g, name, shape...)
	b.spec.Inputs = append(b.spec.Inputs, n)
	return n
}

func (b *builder) inputs(name string, shapes [][]int) (nodes []*graph.Node) {
	for i, s := range shapes {
		nodes = append(nodes, b.input(fmt.Sprint(name, i), s...))
	}
	return nodes
}

// step is the loss of a step as expressions, and what it reads.
type step struct {
	builder
	at          *program
	params      []*graph.Node
	x, labels   *graph.Node // of the batch
	index, rate *graph.Node // index is nil for steps on all images
	loss        *graph.Node
	first       []*graph.Node // gradients
}

// step begins a program: parameters, images, labels, index, draws, rate.
func (w *Walk) step() (*step, error) {
	p := w.problem
	s := &step{builder: builder{g: graph.New()}, at: &program{}}
	s.params = s.inputs("param", p.Params)
	s.x, s.labels = s.input("x", p.X...), s.input("labels", p.Labels...)
	if p.batched() {
		s.at.index, s.at.picked = len(s.spec.Inputs), make([]float32, p.Batch)
		s.index = s.input("index", p.Batch)
		s.x, s.labels = graph.Gather(s.x, s.index), graph.Gather(s.labels, s.index)
	}
	s.at.draws = len(s.spec.Inputs)
	draws := s.inputs("draw", p.Draws)
	for _, d := range p.Draws {
		s.at.drawn = append(s.at.drawn, make([]float32, size(d)))
	}
	s.at.rate = len(s.spec.Inputs)
	s.rate = s.input("rate", 1)
	s.loss = p.Loss(s.params, s.x, s.labels, draws)
	var err error
	s.first, err = graph.Grad(s.loss, s.params...)
	return s, err
}

// compile makes both programs.
func (w *Walk) compile() (err error) {
	if w.forward, err = w.compileForward(); err != nil {
		return err
	}
	w.backward, err = w.compileBackward()
	return err
}

// compileForward: params -> params - rate gradient, and their distance to the target.
func (w *Walk) compileForward() (*program, error) {
	s, err := w.step()
	if err != nil {
		return nil, err
	}
	s.spec.Outputs = []*graph.Node{s.loss}
	s.at.next = len(s.spec.Inputs)
	for i, next := range s.inputs("next", w.problem.Params) {
		s.spec.Updates = append(s.spec.Updates, graph.Descend(next, s.params[i], s.first[i], s.rate))
	}
	s.at.after = len(s.spec.Inputs)
	after, target := s.input("after", w.total), s.input("target", w.total)
	s.at.result = len(s.spec.Inputs)
	s.spec.Updates = append(s.spec.Updates, graph.Distance(s.input("sum", 3), after, target, w.problem.Squared))
	p, err := s.compile(w)
	if err != nil {
		return nil, err
	}
	p.results = cut(w.sums, 3)
	return p, p.Bind(p.after+1, w.target)
}

// compileBackward: params and u -> <u, g>, what is added to the gradients, and u -
// rate H u.
func (w *Walk) compileBackward() (*program, error) {
	s, err := w.step()
	if err != nil {
		return nil, err
	}
	direction := len(s.spec.Inputs)
	u := s.inputs("u", w.problem.Params)
	dot, learned := dotProduct(s.first, u), []*graph.Node{s.x}
	if w.problem.LearnLabels {
		learned = append(learned, s.labels)
	}
	second, err := graph.Grad(dot, append(learned, s.params...)...)
	if err != nil {
		return nil, err
	}
	s.at.result = len(s.spec.Inputs)
	s.spec.Updates = append(s.spec.Updates, graph.Assign(s.input("dot", 1), dot))
	grads := len(s.spec.Inputs)
	s.add("grad", w.problem.X, second[0])
	if w.problem.LearnLabels {
		s.add("label grad", w.problem.Labels, second[1])
	}
	s.at.next = len(s.spec.Inputs)
	for i, next := range s.inputs("next", w.problem.Params) {
		s.spec.Updates = append(s.spec.Updates, graph.Descend(next, u[i], second[len(learned)+i], s.rate))
	}
	p, err := s.compile(w)
	if err != nil {
		return nil, err
	}
	p.results = cut(w.dots, 1)
	err = errors.Join(graph.BindAll(p, direction, w.u.parts), p.Bind(grads, w.Grad))
	if w.problem.LearnLabels {
		err = errors.Join(err, p.Bind(grads+1, w.LabelGrad))
	}
	return p, err
}

// add makes an update that takes rate times a derivative from a gradient. That of
// some rows is scaled before it is put to its rows.
func (s *step) add(name string, shape []int, derivative *graph.Node) {
	grad := s.input(name, shape...)
	if s.index == nil {
		s.spec.Updates = append(s.spec.Updates, graph.Descend(grad, grad, derivative, s.rate))
		return
	}
	ones := make([]int, len(shape))
	for i := range ones {
		ones[i] = 1
	}
	scaled := graph.Mul(derivative, graph.Reshape(s.rate, ones...))
	s.spec.Updates = append(s.spec.Updates, graph.Assign(grad, graph.Sub(grad, graph.Spread(scaled, s.index, shape...))))
}

// compile finishes a program and binds what every step shares.
func (s *step) compile(w *Walk) (*program, error) {
	compiled, err := w.engine.Compile(s.spec)
	if err != nil {
		return nil, err
	}
	p := s.at
	p.Program = compiled
	return p, errors.Join(p.Bind(len(s.params), w.X), p.Bind(len(s.params)+1, w.Labels))
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

// cut is a variable in pieces of n values.
func cut(v graph.Variable, n int) (parts []graph.Variable) {
	for at := 0; at < v.Len(); at += n {
		parts = append(parts, v.Part(at, n))
	}
	return parts
}

// feed gives a program the parameters and what step t draws.
func (p *program) feed(w *Walk, t int, theta vector) error {
	if err := graph.BindAll(p, 0, theta.parts); err != nil {
		return err
	}
	if w.problem.Draw != nil {
		w.problem.Draw(t, p.picked, p.drawn)
	}
	if p.picked != nil {
		if err := p.Set(p.index, p.picked); err != nil {
			return err
		}
	}
	for i, d := range p.drawn {
		if err := p.Set(p.draws+i, d); err != nil {
			return err
		}
	}
	return p.Set(p.rate, w.rate[:])
}
