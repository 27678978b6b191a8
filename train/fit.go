package train

import (
	"context"
	"errors"
	"fmt"
	"github.com/distillmesh/distillmesh/train/view"
	"math/rand/v2"
	"time"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/engine"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/nn"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// Options are what a run of Fit needs beside the recipe. The zero value trains
// with seed 0 on all cores and reports nothing.
type Options struct {
	// Seed decides the starting values and the order of the samples.
	Seed uint64
	// Device is where the run computes. The number of its workers does not change
	// the result.
	Device device.Choice
	// Teacher labels the batches; nil for the labels of the samples.
	Teacher *Teacher
	// Hook is called after every HookEvery-th step (default 1) and after the
	// last. An error ends the run with that error.
	Hook      func(Progress) error
	HookEvery int
	// Checkpoint is called after every CheckpointEvery-th step (default: never)
	// with a state that Resume continues from.
	Checkpoint      func(state []byte) error
	CheckpointEvery int
	// Resume continues a run of the same network, recipe, seed and samples.
	Resume []byte
	// Now is the clock behind Progress.Elapsed; nil is time.Now.
	Now func() time.Time
}

// Progress is the progress of a run.
type Progress struct {
	Step, Steps int           // done, and in all
	Loss        float64       // mean cross-entropy of the step's batch, before its update
	Elapsed     time.Duration // since Fit was called
	fetch       func() (*Model, error)
}

// Model is the current network, in memory that the next call reuses.
func (p Progress) Model() (*Model, error) { return p.fetch() }

// Interrupted is the error of a run whose context ended. The state resumes it.
type Interrupted struct {
	State []byte
	Step  int // done
	Cause error
}

// Error implements error.
func (e *Interrupted) Error() string {
	return fmt.Sprintf("training stopped at step %d: %v", e.Step, e.Cause)
}

// Unwrap is the context's error.
func (e *Interrupted) Unwrap() error { return e.Cause }

// Fit trains a fresh network on samples by a recipe and returns the last
// iterate. Each epoch goes through the samples in a new random order, cut into
// batches; the last batch of an epoch may be smaller. The loss is the mean
// cross-entropy with the soft labels where there are any (learned rows that are
// not distributions count as their class). The same network,
// samples, recipe and seed give the same bits, whatever the workers, and
// whether or not the run was interrupted. It fails with *Interrupted when ctx
// ends, and with ErrSamples or checkpoint.ErrState on input that does not fit.
func Fit(ctx context.Context, net *nn.Network, s *data.Samples, r recipe.Recipe, opt Options) (*Model, error) {
	l, err := newLoop(net, s, r, opt)
	if err != nil {
		return nil, fmt.Errorf("train %s: %w", net.Name, err)
	}
	defer l.engine.Close()
	for l.state.step < l.steps {
		if err := ctx.Err(); err != nil {
			return nil, l.interrupted(err)
		}
		err := l.step()
		if err == nil {
			err = l.report()
		}
		if err != nil {
			return nil, fmt.Errorf("train %s: step %d: %w", net.Name, l.state.step, err)
		}
	}
	m, err := l.fetchModel()
	if err == nil && !m.Finite() {
		err = fmt.Errorf("%w after %d steps", ErrDiverged, l.state.step)
	}
	if err != nil {
		return nil, fmt.Errorf("train %s: %w", net.Name, err)
	}
	return m, nil
}

// interrupted is the error of a run that ends before its last step.
func (l *loop) interrupted(cause error) error {
	file, err := l.snapshot()
	if err != nil {
		return fmt.Errorf("train %s: step %d: %w", l.stepper.net.Name, l.state.step, errors.Join(cause, err))
	}
	return &Interrupted{file, l.state.step, cause}
}

// snapshot is the current state.
func (l *loop) snapshot() ([]byte, error) {
	if err := l.fetch(); err != nil {
		return nil, err
	}
	return l.state.encode()
}

// loop is one run of Fit.
type loop struct {
	samples *data.Samples
	recipe  recipe.Recipe
	opt     Options
	steps   int
	start   time.Time
	engine  graph.Engine
	stepper *Stepper
	rule    optimizer
	order   *Order
	pcg     rand.PCG // of a step's augmentation
	rng     *rand.Rand
	elastic *elastic // nil: no elastic deformation
	state   state    // its values are on the engine until fetched
	model   func() (*Model, error)
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
	if err := view.CheckRecipe(r, s.Shape); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSamples, err)
	}
	if opt.Teacher != nil {
		if err := opt.Teacher.check(net); err != nil {
			return nil, err
		}
	}
	state := newState(net, s, r, opt.Seed, opt.Device)
	state.run += opt.Teacher.Identity()
	if opt.Resume != nil {
		if err := state.restore(opt.Resume, r.Steps(s.Len())); err != nil {
			return nil, err
		}
	}
	l := &loop{samples: s, recipe: r, opt: opt, steps: r.Steps(s.Len()), start: opt.Now(), rule: optimizerOf(r),
		order: NewOrder(opt.Seed, s.Len(), r.Batch), state: state}
	l.model = l.fetchModel
	if r.Elastic > 0 {
		l.elastic = newElastic(r.Elastic, s.Shape)
	}
	l.rng = rand.New(&l.pcg)
	if l.engine, err = engine.Open(opt.Device); err != nil {
		return nil, err
	}
	if err := l.upload(net, strategy); err != nil {
		l.engine.Close()
		return nil, err
	}
	return l, nil
}

// upload makes the stepper and gives it the state's values.
func (l *loop) upload(net *nn.Network, strategy recipe.Strategy) (err error) {
	if l.stepper, err = NewStepper(l.engine, net, l.rule); err != nil {
		return err
	}
	l.stepper.augment = strategy
	if err := l.stepper.teach(l.opt.Teacher); err != nil {
		return err
	}
	// Where the host changes no sample.
	if l.elastic == nil && l.recipe.CutMix == 0 && l.recipe.Mix == "" && l.recipe.Smooth == 0 {
		if _, err := l.stepper.Reside(l.samples); err != nil {
			return err
		}
	}
	return l.eachArray(graph.SetAll)
}

// fetch copies the engine's values to the state's.
func (l *loop) fetch() error { return errors.Join(l.stepper.Flush(), l.eachArray(graph.GetAll)) }

func (l *loop) eachArray(f func([]graph.Variable, [][]float32) error) error {
	if err := f(l.stepper.Params(), l.state.params); err != nil {
		return err
	}
	for k, values := range [][][]float32{l.state.first, l.state.second}[:l.rule.States()] {
		if err := f(l.stepper.State(k), values); err != nil {
			return err
		}
	}
	return nil
}

// fetchModel is the network with the engine's values.
func (l *loop) fetchModel() (*Model, error) {
	m := &Model{Network: l.stepper.net, Params: l.state.params, View: view.Of(l.recipe), Device: l.opt.Device}
	return m, errors.Join(l.stepper.Flush(), graph.GetAll(l.stepper.Params(), m.Params))
}

// step trains on one batch.
func (l *loop) step() error {
	batch := l.order.Batch(l.state.step)
	p, err := l.stepper.load(l.samples, batch)
	if err != nil {
		return err
	}
	// Streams of this step, so that a resumed run draws the same.
	if l.elastic != nil {
		data.Restart(&l.pcg, l.opt.Seed, "elastic", uint64(l.state.step))
		l.elastic.apply(l.rng, p.x, len(batch))
	}
	if l.recipe.CutMix > 0 {
		data.Restart(&l.pcg, l.opt.Seed, "cutmix", uint64(l.state.step))
		if l.rng.Float64() < l.recipe.CutMix {
			cutMix(l.rng, p.x, p.target, l.samples.Shape, len(batch))
		}
	}
	if l.recipe.Mix != "" {
		data.Restart(&l.pcg, l.opt.Seed, "mix", uint64(l.state.step))
		mix(l.rng, l.recipe, p.x, l.samples.Shape, len(batch))
	}
	if l.recipe.Augment != "" {
		data.Restart(&l.pcg, l.opt.Seed, "augment", uint64(l.state.step))
		l.stepper.augment.Draw(l.rng, len(batch), l.samples.Shape.H, l.samples.Shape.W, false, p.draws)
	}
	if l.recipe.Smooth > 0 {
		smooth(p.target, l.samples.Classes, l.recipe.Smooth)
	}
	rate := l.recipe.Rate(l.state.step, l.steps)
	l.state.step++
	return l.stepper.do(p, batch, l.rule.rates(&l.recipe, l.state.step, rate))
}

// report calls the hooks that are due.
func (l *loop) report() error {
	step := l.state.step
	if l.opt.Hook != nil && (step%max(1, l.opt.HookEvery) == 0 || step == l.steps) {
		loss, err := l.stepper.Loss()
		if err != nil {
			return err
		}
		if err := l.opt.Hook(Progress{step, l.steps, loss, l.opt.Now().Sub(l.start), l.model}); err != nil {
			return err
		}
	}
	if l.opt.Checkpoint != nil && l.opt.CheckpointEvery > 0 && step%l.opt.CheckpointEvery == 0 {
		file, err := l.snapshot()
		if err == nil {
			err = l.opt.Checkpoint(file)
		}
		if err != nil {
			return fmt.Errorf("checkpoint: %w", err)
		}
	}
	return nil
}
