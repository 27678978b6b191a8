package train

import (
	"errors"
	"slices"

	"github.com/distillmesh/distillmesh/train/augment"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/nn"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// Rule is how a step updates a network's parameters from their gradients.
type Rule interface {
	// States is the number of resident arrays that each parameter has besides its values.
	States() int
	// Rates is how many numbers every step reads, such as the learning rate.
	Rates() int
	// Updates are those of one parameter.
	Updates(values, gradient *graph.Node, states []*graph.Node, rates *graph.Node) []graph.Update
}

// Stepper trains a network on mini-batches. Parameters and the states of the rule
// are resident on the engine; a step uploads its batch and downloads nothing unless
// asked. One program per batch size is compiled when the size is
// first met; after that a step allocates nothing. It belongs to one goroutine.
type Stepper struct {
	engine   graph.Engine
	net      *nn.Network
	rule     Rule
	augment  recipe.Strategy // no family: no augmentation
	teacher  *Teacher        // nil: labels of the samples
	taught   []graph.Variable
	params   []graph.Variable
	states   [][]graph.Variable   // each one array per parameter
	programs map[int]*stepProgram // by batch size
	bytes    int                  // held by the programs
	most     int                  // bytes beyond which programs are dropped
	last     *stepProgram
	resides  *residence // nil: samples are copied step by step
}

// stepProgram is the program of one step with the host's side of its inputs.
type stepProgram struct {
	graph.Program
	x, target []float32
	draws     [][]float32
	loss      [1]float32
}

// The indices of a step's inputs; draws, the teacher's parameters, parameters and states follow. Where samples reside
// on the device, the first holds the numbers of those to take, the second all labels, and one more at the end all
// samples.
const (
	inputX = iota
	inputTarget
	inputRates
	inputDraws
)

// NewStepper is a stepper on an engine, which it does not close. Parameters and
// states are zero.
func NewStepper(e graph.Engine, net *nn.Network, rule Rule) (*Stepper, error) {
	s := &Stepper{engine: e, net: net, rule: rule, programs: make(map[int]*stepProgram), most: programBytes}
	sizes := make([]int, len(net.Params))
	for i, p := range net.Params {
		sizes[i] = p.Len()
	}
	var err error
	if s.params, err = graph.Variables(e, sizes...); err != nil {
		return nil, err
	}
	for range rule.States() {
		of, err := graph.Variables(e, sizes...)
		if err != nil {
			return nil, err
		}
		s.states = append(s.states, of)
	}
	return s, nil
}

// teach has a teacher label all batches from now on; none for nil.
func (s *Stepper) teach(t *Teacher) (err error) {
	if t == nil {
		return nil
	}
	params := t.params()
	sizes := make([]int, len(params))
	for i, p := range params {
		sizes[i] = len(p)
	}
	if s.taught, err = graph.Variables(s.engine, sizes...); err != nil {
		return err
	}
	s.teacher = t
	return graph.SetAll(s.taught, params)
}

// Params are the parameters' values.
func (s *Stepper) Params() []graph.Variable { return s.params }

// State is array k of every parameter.
func (s *Stepper) State(k int) []graph.Variable { return s.states[k] }

// Step updates the parameters by the gradient of the mean cross-entropy of the
// samples at the given indices, with their soft labels where there are any. The
// samples must have passed CheckSamples. Where they reside on the device, the step may wait until Flush or Loss.
func (s *Stepper) Step(samples *data.Samples, batch []int, rates []float32) error {
	p, err := s.load(samples, batch)
	if err != nil {
		return err
	}
	return s.do(p, batch, rates)
}

// do does a step with what was loaded, or queues it.
func (s *Stepper) do(p *stepProgram, batch []int, rates []float32) error {
	if s.resides != nil {
		return s.add(p, batch, rates)
	}
	return s.run(p, rates)
}

// Loss is the mean cross-entropy of the last step's batch, before its update.
func (s *Stepper) Loss() (float64, error) {
	if err := s.Flush(); err != nil {
		return 0, err
	}
	err := s.last.Get(0, s.last.loss[:])
	return float64(s.last.loss[0]), err
}

// load copies a batch to the host's side of the program of its size.
func (s *Stepper) load(samples *data.Samples, batch []int) (*stepProgram, error) {
	p, err := s.program(len(batch))
	if err != nil {
		return nil, err
	}
	if s.resides != nil {
		return p, nil
	}
	size, classes := samples.Shape.Size(), samples.Classes
	for i, from := range batch {
		copy(p.x[i*size:(i+1)*size], samples.Row(from))
		samples.Probabilities(from, p.target[i*classes:(i+1)*classes])
	}
	return p, nil
}

// run uploads what was loaded and does the step.
func (s *Stepper) run(p *stepProgram, rates []float32) error {
	s.last = p
	if err := p.Set(inputX, p.x); err != nil {
		return err
	}
	if err := p.Set(inputTarget, p.target); err != nil {
		return err
	}
	if err := p.Set(inputRates, rates); err != nil {
		return err
	}
	for i, d := range p.draws {
		if err := p.Set(inputDraws+i, d); err != nil {
			return err
		}
	}
	return p.Run()
}

// Programs are dropped when they hold more memory than this, but not while
// there are so few that one client's steps could need them all: many clients
// have many sizes of last batches.
const (
	programBytes = 512 << 20
	fewPrograms  = 4
)

// program is a step on batches of n samples.
func (s *Stepper) program(n int) (*stepProgram, error) {
	if p := s.programs[n]; p != nil {
		return p, nil
	}
	if len(s.programs) >= fewPrograms && s.bytes > s.most {
		for _, p := range s.programs {
			p.Close()
		}
		clear(s.programs)
		s.bytes = 0
	}
	spec, err := s.spec(n)
	if err != nil {
		return nil, err
	}
	compiled, err := s.engine.Compile(spec)
	if err != nil {
		return nil, err
	}
	p := &stepProgram{Program: compiled}
	if s.resides == nil {
		p.x, p.target = make([]float32, n*s.net.Shape.Size()), make([]float32, n*s.net.Classes)
	} else if err := errors.Join(p.Bind(inputTarget, s.resides.target), p.Bind(len(spec.Inputs)-1,
		s.resides.x)); err != nil {
		return nil, err
	}
	for _, shape := range s.augment.Shapes(n, s.net.Shape.H, s.net.Shape.W) {
		size := 1
		for _, d := range shape {
			size *= d
		}
		p.draws = append(p.draws, make([]float32, size))
	}
	at := inputDraws + len(p.draws)
	for _, variables := range append([][]graph.Variable{s.taught, s.params}, s.states...) {
		if err := graph.BindAll(p, at, variables); err != nil {
			return nil, err
		}
		at += len(variables)
	}
	s.programs[n] = p
	s.bytes += p.Bytes()
	return p, nil
}

// spec is a step as expressions: the loss of samples, and the rule's updates.
func (s *Stepper) spec(n int) (out graph.Spec, err error) {
	defer graph.Catch(&err)
	g, shape := graph.New(), s.net.Shape
	var first, second, whole, x, t *graph.Node
	if s.resides != nil {
		first, whole, second = s.resides.inputs(g, n)
		x, t = graph.Gather(whole, first), graph.Gather(second, first)
	} else {
		x, t = graph.Input(g, "x", n, shape.C, shape.H, shape.W), graph.Input(g, "target", n, s.net.Classes)
		first, second = x, t
	}
	rates := graph.Input(g, "rates", s.rule.Rates())
	draws, params := augment.Inputs(s.augment, g, "augment ", n, shape), s.net.Inputs(g)
	taught, seen := s.teacher.inputs(g), augment.Apply(s.augment, x, draws)
	loss := s.teacher.loss(g, seen, s.net.Logits(g, seen, params), t, taught)
	grads, err := graph.Grad(loss, params...)
	if err != nil {
		return out, err
	}
	out.Inputs = slices.Concat([]*graph.Node{first, second, rates}, draws, taught, params)
	out.Outputs = []*graph.Node{loss}
	states := make([][]*graph.Node, len(params))
	for k := range s.rule.States() {
		for i, p := range params {
			state := graph.Input(g, p.Name()+stateSuffix(k), s.net.Params[i].Shape...)
			out.Inputs = append(out.Inputs, state)
			states[i] = append(states[i], state)
		}
	}
	if whole != nil {
		out.Inputs = append(out.Inputs, whole)
	}
	for i, p := range params {
		out.Updates = append(out.Updates, s.rule.Updates(p, grads[i], states[i], rates)...)
	}
	return out, nil
}

func stateSuffix(k int) string { return " state " + string(rune('0'+k)) }
