package train

import (
	"github.com/distillmesh/distillmesh/train/augment"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/kernel"
	"github.com/distillmesh/distillmesh/train/nn"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// Stepper computes a network's loss and gradients on mini-batches, at
// parameters that the caller owns and moves in place. It compiles one program a
// batch size when it first meets the size; after that a batch allocates
// nothing. It belongs to one goroutine.
type Stepper struct {
	net      *nn.Network
	params   [][]float32
	augment  recipe.Strategy // no family: samples stay as they are
	pool     *kernel.Pool
	programs map[int]*stepProgram // by batch size
	bytes    int                  // held by the programs
	most     int                  // bytes beyond which programs are dropped
	last     *stepProgram
}

// stepProgram is the program of one step with its inputs for the augmentation.
type stepProgram struct {
	*graph.Program
	draws [][]float32
}

// NewStepper is a stepper at params, one slice a parameter of the network, on
// the given number of workers, the caller included. The number does not change
// any result. Close ends the workers.
func NewStepper(net *nn.Network, params [][]float32, workers int) *Stepper {
	return &Stepper{net: net, params: params, pool: kernel.NewPool(workers), programs: make(map[int]*stepProgram), most: programBytes}
}

// Close ends the stepper's workers.
func (s *Stepper) Close() { s.pool.Close() }

// Run computes the mean cross-entropy of the samples at the given indices, with
// their soft labels where there are any, and its gradients, and returns the
// first. The samples must have passed CheckSamples.
func (s *Stepper) Run(samples *data.Samples, batch []int) (loss float64, err error) {
	p, err := s.load(samples, batch)
	if err != nil {
		return 0, err
	}
	return s.compute(p), nil
}

// Gradient is the derivative of the last loss with respect to parameter i,
// valid until the next run. It must not be written to.
func (s *Stepper) Gradient(i int) []float32 { return s.last.Output(i + 1) }

// load copies a batch into the program of its size.
func (s *Stepper) load(samples *data.Samples, batch []int) (*stepProgram, error) {
	p, err := s.program(len(batch))
	if err != nil {
		return nil, err
	}
	x, t, size, classes := p.Input(0), p.Input(1), samples.Shape.Size(), samples.Classes
	for i, from := range batch {
		copy(x[i*size:(i+1)*size], samples.Row(from))
		samples.Probabilities(from, t[i*classes:(i+1)*classes])
	}
	return p, nil
}

// compute runs a loaded program and returns its loss.
func (s *Stepper) compute(p *stepProgram) float64 {
	p.Run()
	s.last = p
	return float64(p.Output(0)[0])
}

// Programs are dropped when they hold more memory than this, but not while
// there are so few that one client's steps could need them all: many clients
// bring many sizes of last batches.
const (
	programBytes = 512 << 20
	fewPrograms  = 4
)

// program is the loss and its gradients for batches of n samples, on the
// stepper's parameters.
func (s *Stepper) program(n int) (*stepProgram, error) {
	if p := s.programs[n]; p != nil {
		return p, nil
	}
	if len(s.programs) >= fewPrograms && s.bytes > s.most {
		clear(s.programs)
		s.bytes = 0
	}
	compiled, err := compileStep(s.pool, s.net, s.augment, n)
	if err != nil {
		return nil, err
	}
	p := &stepProgram{Program: compiled}
	for i := range s.augment.Shapes(n, s.net.Shape) {
		p.draws = append(p.draws, p.Input(2+len(s.net.Params)+i))
	}
	for i, values := range s.params {
		if err := p.Bind(i+2, values); err != nil {
			return nil, err
		}
	}
	s.programs[n] = p
	s.bytes += p.Bytes()
	return p, nil
}

// compileStep is a program from samples, label rows, parameters and draws of
// the augmentation to the loss and the gradient of each parameter.
func compileStep(pool *kernel.Pool, net *nn.Network, a recipe.Strategy, n int) (p *graph.Program, err error) {
	defer graph.Catch(&err)
	g, s := graph.New(), net.Shape
	x, t := graph.Input(g, "x", n, s.C, s.H, s.W), graph.Input(g, "target", n, net.Classes)
	params, draws := net.Inputs(g), augment.Inputs(a, g, "augment ", n, s)
	loss := graph.CrossEntropy(net.Logits(g, augment.Apply(a, x, draws), params), t)
	grads, err := graph.Grad(loss, params...)
	if err != nil {
		return nil, err
	}
	inputs := append(append([]*graph.Node{x, t}, params...), draws...)
	return graph.Compile(pool, inputs, append([]*graph.Node{loss}, grads...))
}
