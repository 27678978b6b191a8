package trajectory

import (
	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/kernel"
)

// The step size stays between these.
const (
	leastStepSize = 1e-6
	mostStepSize  = 10
)

// learned is an array that is updated by SGD with momentum, with the
// exponential average of its values.
type learned struct{ values, velocity, average []float32 }

func newLearned(n int) learned {
	return learned{make([]float32, n), make([]float32, n), make([]float32, n)}
}

// step updates the values against a gradient.
func (l learned) step(grad []float32, rate, momentum float64) {
	kernel.Momentum(l.values, grad, l.velocity, float32(rate), float32(momentum), 0)
}

// follow updates the average; a decay of 0 sets it to the values.
func (l learned) follow(decay float64) {
	for i, v := range l.values {
		l.average[i] = float32(decay*float64(l.average[i]) + (1-decay)*float64(v))
	}
}

// state is a run after some iteration.
type state struct {
	step          int
	tiles, labels learned
	stepSize      float64
	stepVelocity  float64
	// Counts of iterations: left out, with the step size at its bound, with the
	// nearest step the last, and the first.
	skipped, clamped, capped, first float64
}

func newState(r *run) state {
	s := state{tiles: newLearned(len(r.y) * r.tile.Size()), labels: newLearned(len(r.y) * r.net.Classes),
		stepSize: r.StepSize}
	for i, class := range r.y {
		s.labels.values[i*r.net.Classes+class] = 1
	}
	return s
}

// numbers are the state's numbers by name.
func (s *state) numbers() map[string]*float64 {
	return map[string]*float64{"step size": &s.stepSize, "step velocity": &s.stepVelocity,
		"skipped": &s.skipped, "clamped": &s.clamped, "capped": &s.capped, "first": &s.first}
}

// file is the state as it is written; it shares the arrays.
func (r *run) file() checkpoint.State {
	s := &r.state
	f := checkpoint.State{Identity: r.identity(), Step: s.step, Numbers: map[string]float64{},
		Arrays: map[string][]float32{
			"tiles": s.tiles.values, "tile velocity": s.tiles.velocity, "tile average": s.tiles.average,
			"labels": s.labels.values, "label velocity": s.labels.velocity, "label average": s.labels.average}}
	for name, at := range s.numbers() {
		f.Numbers[name] = *at
	}
	return f
}

// restore reads a state that save wrote.
func (r *run) restore(file []byte) error {
	f := r.file()
	if err := f.Restore(file, r.Iterations); err != nil {
		return err
	}
	r.state.step = f.Step
	for name, at := range r.state.numbers() {
		*at = f.Numbers[name]
	}
	return nil
}

// save gives the state to the request's checkpoint function, if there is one.
func (r *run) save() error {
	return r.req.Save(r.file)
}

// identity is that of the request, found once.
func (r *run) identity() string {
	if r.id == "" {
		r.id = r.req.ID(r.Method, r.formation)
	}
	return r.id
}

// pick is the expert of an iteration and the start of its student: every expert
// is used once, in random order, before one is used again.
func (r *run) pick(iteration int) (expert, int) {
	n := len(r.experts)
	data.Restart(&r.pcg, r.req.Seed, "trajectory-order", uint64(iteration/n))
	order := r.rng.Perm(n)
	data.Restart(&r.pcg, r.req.Seed, "trajectory-epoch", uint64(iteration))
	return r.experts[order[iteration%n]], r.rng.IntN(r.MaxStart)
}

// iterate updates tiles, labels and step size once.
func (r *run) iterate() (Record, error) {
	trajectory, at := r.pick(r.state.step)
	start, target := trajectory[at], trajectory[at+r.Span]
	if err := r.student.renew(r, r.state.step); err != nil {
		return Record{}, err
	}
	out, err := r.student.train(r, start, target)
	if err != nil {
		return Record{}, err
	}
	record := Record{Iteration: r.state.step, Start: at, Steps: out.n, Distances: out.distances, Loss: out.loss,
		StepSize: r.state.stepSize}
	slope, dAlpha := out.n > 0 && finite(r.student.direction), 0.0
	if slope {
		if dAlpha, err = r.student.differentiate(r, start, out.n); err != nil {
			return record, err
		}
	}
	r.state.step++
	if !slope || dAlpha-dAlpha != 0 || !finite(r.student.tileGrad, r.student.labelGrad) {
		r.state.skipped++
		record.Skipped = true
		return record, nil
	}
	r.update(dAlpha)
	if out.n == r.Cap {
		r.state.capped++
	}
	if out.n == 1 {
		r.state.first++
	}
	return record, nil
}

// update steps all optimizers.
func (r *run) update(dAlpha float64) {
	s := &r.state
	s.tiles.step(r.student.tileGrad, r.Rate, r.Momentum)
	s.tiles.follow(r.Decay)
	if r.Labels == Learned {
		s.labels.step(r.student.labelGrad, r.LabelRate, r.Momentum)
		s.labels.follow(r.Decay)
	}
	s.stepVelocity = r.Momentum*s.stepVelocity + dAlpha
	s.stepSize -= r.StepRate * s.stepVelocity
	if bounded := min(max(s.stepSize, leastStepSize), mostStepSize); bounded != s.stepSize {
		s.stepSize = bounded
		s.clamped++
	}
}
