package train

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/distillmesh/distillmesh/train/augment"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/kernel"
	"github.com/distillmesh/distillmesh/train/nn"
)

// Options are what a run of Fit needs beside the recipe. The zero value trains
// with seed 0 on the caller's goroutine, silently.
type Options struct {
	// Seed decides the starting values and the order of the samples.
	Seed uint64
	// Workers is the number of goroutines that compute; 0 and 1 are the
	// caller's alone. It does not change the result.
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
func Fit(ctx context.Context, net *nn.Network, s *data.Samples, r Recipe, opt Options) (*Model, error) {
	l, err := newLoop(net, s, r, opt)
	if err != nil {
		return nil, fmt.Errorf("train %s: %w", net.Name, err)
	}
	defer l.pool.Close()
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
	return &Model{net, l.state.params}, nil
}

// loop is one run of Fit.
type loop struct {
	net      *nn.Network
	samples  *data.Samples
	recipe   Recipe
	opt      Options
	steps    int
	start    time.Time
	pool     *kernel.Pool
	programs map[int]*stepProgram // by batch size
	augment  augment.Strategy     // of the recipe, where it has one
	pcg      rand.PCG             // of a step's augmentation
	rng      *rand.Rand
	epoch    int // whose order is in force
	order    []int
	state    State
}

func newLoop(net *nn.Network, s *data.Samples, r Recipe, opt Options) (*loop, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	if err := suits(net, s); err != nil {
		return nil, err
	}
	if s.Len() == 0 {
		return nil, fmt.Errorf("%w: there are none", ErrSamples)
	}
	for i, y := range s.Y {
		if y < 0 || y >= s.Classes {
			return nil, fmt.Errorf("%w: label %d of sample %d, %d classes", ErrSamples, y, i, s.Classes)
		}
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	strategy, err := r.strategy()
	if err != nil {
		return nil, err
	}
	state := newState(net, s, r, opt.Seed)
	if opt.Resume != nil {
		if err := state.adopt(opt.Resume); err != nil {
			return nil, err
		}
	}
	l := &loop{net: net, samples: s, recipe: r, opt: opt, steps: r.Steps(s.Len()), start: opt.Now(), pool: kernel.NewPool(opt.Workers),
		programs: make(map[int]*stepProgram), augment: strategy, epoch: -1, order: make([]int, s.Len()), state: state}
	l.rng = rand.New(&l.pcg)
	return l, nil
}

// step trains on one batch and returns its loss.
func (l *loop) step() (float64, error) {
	batch := l.batch()
	p, err := l.program(len(batch))
	if err != nil {
		return 0, err
	}
	l.fill(p, batch)
	p.Run()
	l.state.Step++
	l.update(p)
	return float64(p.Output(0)[0]), nil
}

// batch is the samples of the next step.
func (l *loop) batch() []int {
	perEpoch := l.recipe.perEpoch(len(l.order))
	epoch, at := l.state.Step/perEpoch, l.state.Step%perEpoch*l.recipe.Batch
	if epoch != l.epoch {
		l.epoch = epoch
		for i := range l.order {
			l.order[i] = i
		}
		data.Stream(l.opt.Seed, "shuffle", uint64(epoch)).Shuffle(len(l.order), func(i, j int) {
			l.order[i], l.order[j] = l.order[j], l.order[i]
		})
	}
	return l.order[at:min(len(l.order), at+l.recipe.Batch)]
}

// stepProgram is the program of one step with its inputs for the augmentation.
type stepProgram struct {
	*graph.Program
	draws [][]float32
}

// program is the loss and its gradients for batches of n samples, on the
// state's parameters.
func (l *loop) program(n int) (*stepProgram, error) {
	if p := l.programs[n]; p != nil {
		return p, nil
	}
	compiled, err := compileStep(l.pool, l.net, l.augment, n)
	if err != nil {
		return nil, err
	}
	p := &stepProgram{Program: compiled}
	for i := range l.augment.Shapes(n, l.samples.Shape) {
		p.draws = append(p.draws, p.Input(2+len(l.net.Params)+i))
	}
	for i, values := range l.state.params {
		if err := p.Bind(i+2, values); err != nil {
			return nil, err
		}
	}
	l.programs[n] = p
	return p, nil
}

// compileStep is a program from samples, label rows, parameters and draws of
// the augmentation to the loss and the gradient of each parameter.
func compileStep(pool *kernel.Pool, net *nn.Network, a augment.Strategy, n int) (p *graph.Program, err error) {
	defer graph.Catch(&err)
	g, s := graph.New(), net.Shape
	x, t := graph.Input(g, "x", n, s.C, s.H, s.W), graph.Input(g, "target", n, net.Classes)
	params, draws := net.Inputs(g), a.Inputs(g, "augment ", n, s)
	loss := graph.CrossEntropy(net.Logits(g, a.Apply(x, draws), params), t)
	grads, err := graph.Grad(loss, params...)
	if err != nil {
		return nil, err
	}
	inputs := append(append([]*graph.Node{x, t}, params...), draws...)
	return graph.Compile(pool, inputs, append([]*graph.Node{loss}, grads...))
}

// fill copies a batch into a program's inputs and draws its augmentation, from
// a stream of the step's own, so that a resumed run draws the same.
func (l *loop) fill(p *stepProgram, batch []int) {
	x, t, size, classes := p.Input(0), p.Input(1), l.samples.Shape.Size(), l.samples.Classes
	for i, from := range batch {
		copy(x[i*size:(i+1)*size], l.samples.Row(from))
		l.samples.Probabilities(from, t[i*classes:(i+1)*classes])
	}
	if l.recipe.Augment == "" {
		return
	}
	data.Restart(&l.pcg, l.opt.Seed, "augment", uint64(l.state.Step))
	l.augment.Draw(l.rng, len(batch), l.samples.Shape, false, p.draws)
}

// update moves the parameters by the gradients that the program has computed.
func (l *loop) update(p *stepProgram) {
	r := l.recipe
	adam := kernel.NewAdamStep(l.state.Step, r.LR, r.WeightDecay)
	for i, values := range l.state.params {
		grad := p.Output(i + 1)
		if r.Optimizer == SGD {
			kernel.Momentum(values, grad, l.state.first[i], float32(r.LR), float32(r.Momentum), float32(r.WeightDecay))
			continue
		}
		adam.Apply(values, grad, l.state.first[i], l.state.second[i])
	}
}

// report calls the hooks that are due.
func (l *loop) report(loss float64) error {
	step := l.state.Step
	if l.opt.Hook != nil && (step%max(1, l.opt.HookEvery) == 0 || step == l.steps) {
		if err := l.opt.Hook(Progress{step, l.steps, loss, l.opt.Now().Sub(l.start)}); err != nil {
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
