package train

import (
	"errors"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
)

// On a device with memory of its own the samples of a training stay there: a step is told which of them to take, and
// several steps are told at once.

// stepsAtOnce is how many steps are told at once: enough to hide the cost of a call.
const stepsAtOnce = 16

// residence is the samples of a training on the engine's device.
type residence struct {
	samples   *data.Samples
	x, target graph.Variable
	queue     queue
}

// queue is steps that are to be told, all of one program.
type queue struct {
	program      *stepProgram
	count        int
	index, rates []float32
	draws        [][]float32
}

// Reside puts all samples on the engine's device, from where steps take them from now on. It reports whether it did:
// not where the engine has no memory of its own, or too little. Samples must not change afterwards.
func (s *Stepper) Reside(samples *data.Samples) (bool, error) {
	if _, remote := s.engine.(graph.Remote); !remote {
		return false, nil
	}
	r := &residence{samples: samples}
	target := make([]float32, samples.Len()*samples.Classes)
	for i := range samples.Len() {
		samples.Probabilities(i, target[i*samples.Classes:(i+1)*samples.Classes])
	}
	var err error
	if r.x, err = s.engine.Variable(samples.Len() * samples.Shape.Size()); err != nil {
		return false, nil // they are copied step by step instead, which says so if that fails too
	}
	if r.target, err = s.engine.Variable(len(target)); err != nil {
		r.x.Close()
		return false, nil
	}
	s.resides = r
	return true, errors.Join(r.x.Set(samples.X), r.target.Set(target))
}

// inputs are the samples to take as expressions: their numbers, and all samples and labels.
func (r *residence) inputs(g *graph.Graph, n int) (index, x, target *graph.Node) {
	shape := r.samples.Shape
	return graph.Input(g, "index", n), graph.Input(g, "samples", r.samples.Len(), shape.C, shape.H, shape.W),
		graph.Input(g, "labels", r.samples.Len(), r.samples.Classes)
}

// add queues a step, and tells the engine when there are enough.
func (s *Stepper) add(p *stepProgram, batch []int, rates []float32) error {
	q := &s.resides.queue
	if q.program != p {
		if err := s.Flush(); err != nil {
			return err
		}
		q.program, q.draws = p, make([][]float32, len(p.draws))
	}
	for _, i := range batch {
		q.index = append(q.index, float32(i))
	}
	q.rates = append(q.rates, rates...)
	for i, d := range p.draws {
		q.draws[i] = append(q.draws[i], d...)
	}
	s.last = p
	if q.count++; q.count < stepsAtOnce {
		return nil
	}
	return s.Flush()
}

// Flush tells the engine the steps that wait. What a step left behind can be read afterwards.
func (s *Stepper) Flush() error {
	if s.resides == nil || s.resides.queue.count == 0 {
		return nil
	}
	q := &s.resides.queue
	p := q.program.Program
	var err error
	if several, ok := p.(graph.Sequence); ok && q.count > 1 {
		err = errors.Join(several.SetSteps(inputX, q.index), several.SetSteps(inputRates, q.rates))
		for i, d := range q.draws {
			err = errors.Join(err, several.SetSteps(inputDraws+i, d))
		}
		if err == nil {
			err = several.RunSteps(q.count)
		}
	} else {
		err = q.oneByOne(p)
	}
	q.count, q.index, q.rates = 0, q.index[:0], q.rates[:0]
	for i := range q.draws {
		q.draws[i] = q.draws[i][:0]
	}
	return err
}

// oneByOne runs the steps one after the other.
func (q *queue) oneByOne(p graph.Program) error {
	of := func(all []float32, step int) []float32 {
		n := len(all) / q.count
		return all[step*n : (step+1)*n]
	}
	for step := range q.count {
		err := errors.Join(p.Set(inputX, of(q.index, step)), p.Set(inputRates, of(q.rates, step)))
		for i, d := range q.draws {
			err = errors.Join(err, p.Set(inputDraws+i, of(d, step)))
		}
		if err == nil {
			err = p.Run()
		}
		if err != nil {
			return err
		}
	}
	return nil
}
