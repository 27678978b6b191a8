package federated

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/nn"
	"github.com/distillmesh/distillmesh/train/parallel"
)

// Options are what a run needs besides its configuration. None changes the
// result. The zero value uses all cores and reports nothing.
type Options struct {
	// Device is where clients train, as many at once as it has workers, one core
	// each.
	Device device.Choice
	// Client is called after each client of a round, in their order, with the
	// number done and the number in the round. It must not call back.
	Client func(done, clients int)
	// Round is called after each round. An error ends the run with that error.
	Round func(Round) error
	// Checkpoint is called after each round, with a state that Resume continues
	// from. With SCAFFOLD it holds a vector of the model's size per client.
	Checkpoint func(State) error
	// Resume continues a run of the same network, clients and configuration;
	// only Rounds may differ.
	Resume *State
	// Now is the clock behind Round.Elapsed; nil is time.Now.
	Now func() time.Time
}

// Round is a run after one of its rounds. This counts the round itself, Total
// all rounds since the start.
type Round struct {
	Round, Rounds int // done, and in all
	Clients       int // that trained
	Model         *train.Model
	Bytes         Traffic
	TotalBytes    Traffic
	Steps         int64 // local steps of all clients together
	TotalSteps    int64
	Loss          float64       // of each client's last batch, before its update, weighted by samples
	Elapsed       time.Duration // since Run was called
}

// Result is what a run gives.
type Result struct {
	Model *train.Model
	Bytes Traffic
	Steps int64 // local steps of all clients together
}

// Interrupted is the error of a run whose context ended. The state, that after
// the last complete round, resumes it; the work of the unfinished round is
// lost.
type Interrupted struct {
	State State
	Cause error
}

// Error implements error.
func (e *Interrupted) Error() string {
	return fmt.Sprintf("federated training stopped after round %d: %v", e.State.Round, e.Cause)
}

// Unwrap is the context's error.
func (e *Interrupted) Unwrap() error { return e.Cause }

// Run trains the network on the clients' samples and returns the model after
// the last round. A client is weighted by its number of samples; one without
// samples (nil or empty) takes no part. The same network, clients and configuration give the
// same bits, whatever the workers and whether or not the run was interrupted.
// It fails with *Interrupted when ctx ends, and with train.ErrSamples,
// checkpoint.ErrState or ErrUnknown on input that does not fit. Memory: beside the
// samples, a few models per worker; with SCAFFOLD one model per client.
func Run(ctx context.Context, net *nn.Network, clients []*data.Samples, c Config, opt Options) (*Result, error) {
	r, err := newRun(net, clients, c, opt)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", net.Name, err)
	}
	defer r.close()
	for r.state.Round < c.Rounds {
		if err := r.round(ctx); err != nil {
			if cause := ctx.Err(); cause != nil && errors.Is(err, cause) {
				return nil, &Interrupted{r.state, cause}
			}
			return nil, fmt.Errorf("%s on %s: round %d: %w", c.Strategy, net.Name, r.state.Round, err)
		}
	}
	return &Result{r.model(), r.bytes, r.steps}, nil
}

// run is one call of Run. Vectors of its state are never changed after they are
// set, so that states can share them.
type run struct {
	net      *nn.Network
	clients  []*data.Samples
	config   Config
	strategy Strategy
	opt      Options
	start    time.Time
	active   []int // the clients that have samples
	samples  int   // of all of them
	workers  []*worker
	state    State
	bytes    Traffic
	steps    int64
}

func newRun(net *nn.Network, clients []*data.Samples, c Config, opt Options) (*run, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	strategy, err := Lookup(c.Strategy)
	if err != nil {
		return nil, err
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	r := &run{net: net, clients: clients, config: c, strategy: strategy, opt: opt, start: opt.Now()}
	sets := make([]*data.Samples, len(clients))
	for i, s := range clients {
		if s == nil || s.Len() == 0 {
			sets[i] = &data.Samples{}
			continue
		}
		if err := train.CheckSamples(net, s); err != nil {
			return nil, fmt.Errorf("client %d: %w", i, err)
		}
		sets[i], r.active, r.samples = s, append(r.active, i), r.samples+s.Len()
	}
	if len(r.active) == 0 {
		return nil, fmt.Errorf("%w: no client has any", train.ErrSamples)
	}
	c.Rounds, c.SharedStart = 0, false // these may change when a run is resumed
	if err := r.begin(opt.Device.Identity(train.RunID(net, c, c.Seed, sets...))); err != nil {
		return nil, err
	}
	for range min(parallel.Workers(opt.Device.Workers), len(r.active)) {
		w, err := newWorker(net, r.config, r.config.Strategy == SCAFFOLD, opt.Device)
		if err != nil {
			r.close()
			return nil, err
		}
		r.workers = append(r.workers, w)
	}
	return r, nil
}

// begin makes the state before the first round, or restores the one to resume.
func (r *run) begin(id string) error {
	if from := r.opt.Resume; from != nil {
		if err := from.check(id, r.config.Rounds, r.net.NumParams(), r.active); err != nil {
			return fmt.Errorf("resume: %w", err)
		}
		r.state = from.clone()
		for round := range from.Round {
			r.count(round, r.config.choose(r.active, round))
		}
		return nil
	}
	r.state = State{Run: id, model: initial(r.net, r.config.Seed), controls: make(map[int][]float32)}
	if r.config.RandomControls {
		for _, i := range r.active {
			r.state.controls[i] = initial(r.net, r.config.controlSeed(i))
		}
	}
	return nil
}

func (r *run) close() {
	for _, w := range r.workers {
		w.engine.Close()
	}
}

// model is the present model. It shares the state's memory.
func (r *run) model() *train.Model {
	return &train.Model{Network: r.net, Params: cut(r.net, r.state.model).parts}
}

// count adds a round's bytes and steps, and returns them.
func (r *run) count(round int, chosen []int) (bytes Traffic, steps int64) {
	one, n := r.strategy.PerClient(r.net.NumParams()), int64(len(chosen))
	bytes = Traffic{Up: n * one.Up, Down: n * one.Down}
	if round == 0 && r.config.SharedStart {
		bytes.Down = 0
	}
	for _, i := range chosen {
		steps += int64(r.config.LocalSteps(r.clients[i].Len()))
	}
	r.bytes, r.steps = r.bytes.plus(bytes), r.steps+steps
	return bytes, steps
}

// round trains one round and reports it. The state changes only when the whole
// round is done.
func (r *run) round(ctx context.Context) error {
	chosen := r.config.choose(r.active, r.state.Round)
	next, loss, err := r.together(ctx, chosen)
	if err != nil {
		return err
	}
	bytes, steps := r.count(r.state.Round, chosen)
	r.state = next
	if r.opt.Round != nil {
		err := r.opt.Round(Round{Round: next.Round, Rounds: r.config.Rounds, Clients: len(chosen), Model: r.model(),
			Bytes:      bytes,
			TotalBytes: r.bytes, Steps: steps, TotalSteps: r.steps, Loss: loss, Elapsed: r.opt.Now().Sub(r.start)})
		if err != nil {
			return err
		}
	}
	if r.opt.Checkpoint != nil {
		if err := r.opt.Checkpoint(r.state.clone()); err != nil {
			return fmt.Errorf("checkpoint: %w", err)
		}
	}
	return nil
}

// together trains the chosen clients on the workers, and sums the updates in
// the clients' order.
func (r *run) together(ctx context.Context, chosen []int) (next State, loss float64, err error) {
	total := 0
	for _, i := range chosen {
		total += r.clients[i].Len()
	}
	next = State{Round: r.state.Round + 1, Run: r.state.Run, controls: maps.Clone(r.state.controls)}
	sum := newAverage(r.config, r.state.model)
	l := newSequencer(len(chosen), 4*len(r.workers), func(i int, u *update) {
		sum.add(u, float64(r.clients[u.client].Len())/float64(total))
		if u.control != nil {
			next.controls[u.client], u.control = u.control, nil
		}
		if r.opt.Client != nil {
			r.opt.Client(i+1, len(chosen))
		}
	})
	control, model := r.control(), cut(r.net, r.state.model)
	var wait sync.WaitGroup
	for _, w := range r.workers {
		wait.Go(func() {
			for i, u, ok := l.next(); ok; i, u, ok = l.next() {
				u.client = chosen[i]
				t := task{r.config, r.state.Round, r.clients[u.client], r.config.clientSeed(u.client), model, control,
					r.state.controls[u.client]}
				l.done(i, u, w.run(ctx, &t, u))
			}
		})
	}
	wait.Wait()
	next.model = sum.result()
	return next, sum.loss, l.err
}

// control is SCAFFOLD's c, the mean of all clients' c_i weighted by samples, or
// nil for the others. It is computed anew each round and equals c <- c + sum
// p_i (c_i+ - c_i) over the round's clients (Karimireddy et al. 2020, equation
// 5 with weights), without the accumulated rounding.
func (r *run) control() []float32 {
	if r.config.Strategy != SCAFFOLD {
		return nil
	}
	if r.config.RandomControls && r.state.Round == 0 {
		return initial(r.net, r.config.controlSeed(-1))
	}
	sum := make([]float64, len(r.state.model))
	for _, i := range r.active {
		share := float64(r.clients[i].Len()) / float64(r.samples)
		for j, v := range r.state.controls[i] {
			sum[j] += share * float64(v)
		}
	}
	c := make([]float32, len(sum))
	for j, v := range sum {
		c[j] = float32(v)
	}
	return c
}
