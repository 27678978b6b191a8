package train

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/kernel"
	"github.com/distillmesh/distillmesh/train/nn"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// Options are what a run of Fit needs beside the recipe. The zero value trains
// with seed 0 on all cores, silently.
type Options struct {
	// Seed decides the starting values and the order of the samples.
	Seed uint64
	// Workers is the number of cores that compute; 0 for all. It does not change
	// the result.
	Workers int
	// Hook is called after every HookEvery-th step (default 1) and after the
	// last. An error ends the run with that error.
	Hook      func(Progress) error
	HookEvery int
	// Checkpoint is called after every CheckpointEvery-th step (default: never)
	// with a state that Resume continues from.
	Checkpoint      func(State) error
	CheckpointEvery int
	// Resume continues a run of the same network, recipe, seed and samples.
	Resume *State
	// Now is the clock behind Progress.Elapsed; nil is time.Now.
	Now func() time.Time
}

// Progress is where a run stands.
type Progress struct {
	Step, Steps int           // done, and in all
	Loss        float64       // mean cross-entropy of the step's batch, before its update
	Elapsed     time.Duration // since Fit was called
	Model       *Model        // as it stands: later steps go on changing its values
}

// Interrupted is the error of a run that its context ended. The state resumes it.
type Interrupted struct {
	State State
	Cause error
}

// Error implements error.
func (e *Interrupted) Error() string {
	return fmt.Sprintf("training stopped at step %d: %v", e.State.Step, e.Cause)
}

// Unwrap is the context's error.
func (e *Interrupted) Unwrap() error { return e.Cause }

// Fit trains a fresh network on samples by a recipe and returns the last
// iterate. Each epoch walks the samples in an order of its own, cut into
// batches; the last batch of an epoch may be smaller. The loss is the mean
// cross-entropy with the soft labels where there are any (learned rows that are
// no distribution count as their class). The same network,
// samples, recipe and seed give the same bits, whatever the workers, and
// whether or not the run was interrupted. It fails with *Interrupted when ctx
// ends, and with ErrSamples or ErrState on input that does not fit.
func Fit(ctx context.Context, net *nn.Network, s *data.Samples, r recipe.Recipe, opt Options) (*Model, error) {
	l, err := newLoop(net, s, r, opt)
	if err != nil {
		return nil, fmt.Errorf("train %s: %w", net.Name, err)
	}
	defer l.stepper.Close()
	for l.state.Step < l.steps {
		if err := ctx.Err(); err != nil {
			return nil, &Interrupted{l.state.clone(), err}
		}
		loss, err := l.step()
		if err == nil {
			err = l.report(loss)
		}
		if err != nil {
			return nil, fmt.Errorf("train %s: step %d: %w", net.Name, l.state.Step, err)
		}
	}
	if !l.model().Finite() {
		return nil, fmt.Errorf("train %s: %w after %d steps", net.Name, ErrDiverged, l.state.Step)
	}
	return l.model(), nil
}

// loop is one run of Fit.
type loop struct {
	samples *data.Samples
	recipe  recipe.Recipe
	opt     Options
	steps   int
	start   time.Time
	stepper *Stepper
	order   *Order
	pcg     rand.PCG // of a step's augmentation
	rng     *rand.Rand
	elastic *elastic // nil: samples keep their form
	state   State
}

func newLoop(net *nn.Network, s *data.Samples, r recipe.Recipe, opt Options) (*loop, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	if err := CheckSamples(net, s); err != nil {
		return nil, err
	}
	if s.Len() == 0 {
		return nil, fmt.Errorf("%w: there are none", ErrSamples)
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	strategy, err := r.Strategy()
	if err != nil {
		return nil, err
	}
	if err := r.CheckShape(s.Shape); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSamples, err)
	}
	state := newState(net, s, r, opt.Seed)
	if opt.Resume != nil {
		if err := state.adopt(opt.Resume); err != nil {
			return nil, err
		}
	}
	l := &loop{samples: s, recipe: r, opt: opt, steps: r.Steps(s.Len()), start: opt.Now(),
		stepper: NewStepper(net, state.params, opt.Workers), order: NewOrder(opt.Seed, s.Len(), r.Batch), state: state}
	l.stepper.augment = strategy
	if r.Elastic > 0 {
		l.elastic = newElastic(r.Elastic, s.Shape)
	}
	l.rng = rand.New(&l.pcg)
	return l, nil
}

func (l *loop) model() *Model {
	return &Model{Network: l.stepper.net, Params: l.state.params, Coarse: l.recipe.Coarse}
}

// step trains on one batch and returns its loss.
func (l *loop) step() (float64, error) {
	batch := l.order.Batch(l.state.Step)
	p, err := l.stepper.load(l.samples, batch)
	if err != nil {
		return 0, err
	}
	// Streams of the step's own, so that a resumed run draws the same.
	if l.elastic != nil {
		data.Restart(&l.pcg, l.opt.Seed, "elastic", uint64(l.state.Step))
		l.elastic.apply(l.rng, p.Input(0), len(batch))
	}
	if l.recipe.CutMix > 0 {
		data.Restart(&l.pcg, l.opt.Seed, "cutmix", uint64(l.state.Step))
		if l.rng.Float64() < l.recipe.CutMix {
			cutMix(l.rng, p.Input(0), p.Input(1), l.samples.Shape, len(batch))
		}
	}
	if l.recipe.Augment != "" {
		data.Restart(&l.pcg, l.opt.Seed, "augment", uint64(l.state.Step))
		l.stepper.augment.Draw(l.rng, len(batch), l.samples.Shape, false, p.draws)
	}
	if l.recipe.Smooth > 0 {
		smooth(p.Input(1), l.samples.Classes, l.recipe.Smooth)
	}
	loss := l.stepper.compute(p)
	l.state.Step++
	l.update()
	return loss, nil
}

// update moves the parameters by the gradients that the step has computed.
func (l *loop) update() {
	r, rate := l.recipe, l.recipe.Rate(l.state.Step-1, l.steps)
	adam := kernel.NewAdamStep(l.state.Step, rate, r.WeightDecay)
	for i, values := range l.state.params {
		grad := l.stepper.Gradient(i)
		if r.Optimizer == recipe.SGD {
			kernel.Momentum(values, grad, l.state.first[i], float32(rate), float32(r.Momentum), float32(r.WeightDecay))
			continue
		}
		adam.Apply(values, grad, l.state.first[i], l.state.second[i])
	}
}

// report calls the hooks that are due.
func (l *loop) report(loss float64) error {
	step := l.state.Step
	if l.opt.Hook != nil && (step%max(1, l.opt.HookEvery) == 0 || step == l.steps) {
		if err := l.opt.Hook(Progress{step, l.steps, loss, l.opt.Now().Sub(l.start), l.model()}); err != nil {
			return err
		}
	}
	if l.opt.Checkpoint != nil && l.opt.CheckpointEvery > 0 && step%l.opt.CheckpointEvery == 0 {
		if err := l.opt.Checkpoint(l.state.clone()); err != nil {
			return fmt.Errorf("checkpoint: %w", err)
		}
	}
	return nil
}
