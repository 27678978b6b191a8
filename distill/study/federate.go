package study

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/distillmesh/distillmesh/distill/trial"
	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/federated"
	"github.com/distillmesh/distillmesh/train/nn"
)

// federatedRun is a federated run as the folder keeps it, whole or under way.
type federatedRun struct {
	trial.Result
	Bytes    federated.Traffic
	Diverged int `json:",omitempty"` // the first round whose model was no longer finite; 0 for none
	Round    int // rounds done, when unfinished: the state of that round is in a file beside it
}

// federate is one federated run; closed-form consumers have no gradients to
// average and are skipped.
func (r *runner) federate(ctx context.Context, e entry, consumer string, seed int) error {
	spec, err := r.plan.spec(consumer)
	if err != nil || !spec.Iterative() {
		return err
	}
	config := *e.fed
	config.Seed = uint64(seed)
	key := trial.Key{Parts: []any{r.identity, r.plan.splitOf(seed), config, consumer, seed},
		Words: []any{e.label, consumer, fmt.Sprintf("s%d", seed)}}
	file, err := key.Name()
	if err != nil {
		return err
	}
	row := Row{Method: e.label, Seed: seed, Clients: len(r.parts)}
	t, done := trial.ReadRecord[federatedRun](r.store.Run(file))
	if done {
		r.addFederated(row, consumer, t)
		return nil
	}
	net, err := nn.Parse(consumer, r.train.Shape, r.train.Classes)
	if err != nil {
		return err
	}
	f := &federation{runner: r, config: config, file: file, run: t}
	if err := f.train(ctx, net, fmt.Sprintf("%s on %s, seed %d", e.label, consumer, seed)); err != nil {
		return fmt.Errorf("%s on %s, seed %d: %w", e.label, consumer, seed, err)
	}
	r.addFederated(row, consumer, f.run)
	return nil
}

// federation is one federated run and its records.
type federation struct {
	*runner
	config federated.Config
	file   string
	run    federatedRun
	began  time.Time
}

// train does the rounds that are left, and keeps the record of the whole.
func (f *federation) train(ctx context.Context, net *nn.Network, label string) error {
	watch := f.memory.Watch()
	defer watch.Stop()
	f.began = time.Now()
	opt := federated.Options{Device: f.on(f.workers), Checkpoint: f.keep}
	if part, underWay := trial.ReadRecord[federatedRun](f.store.part(f.file)); underWay {
		// Without a readable state the run begins again.
		if state, err := f.store.readState(f.file, part.Round); err == nil {
			f.run, opt.Resume = part, state
			f.began = f.began.Add(-time.Duration(part.TrainSeconds * float64(time.Second)))
		}
	}
	opt.Round = func(round federated.Round) error { return f.measure(ctx, round) }
	active := 0
	for _, part := range f.parts {
		if len(part) > 0 {
			active++
		}
	}
	stage := f.stage(label, (f.config.Rounds-f.run.Round)*f.config.Takes(active), "clients")
	opt.Client = func(done, clients int) { stage.step() }
	if _, err := federated.Run(ctx, net, f.clients(), f.config, opt); err != nil {
		return err
	}
	f.run.Finish(time.Since(f.began), watch)
	f.run.Round = 0
	if err := trial.WriteRecord(f.store.Run(f.file), f.run); err != nil {
		return err
	}
	return errors.Join(removeIfThere(f.store.part(f.file)), removeIfThere(f.store.state(f.file, f.config.Rounds-1)))
}

// measure notes how good the model is after a round.
func (f *federation) measure(ctx context.Context, round federated.Round) error {
	a, err := train.Evaluate(ctx, round.Model, f.test)
	t := &f.run
	t.Curve = append(t.Curve, trial.Point{Step: round.Round, Accuracy: a.Fraction()})
	if t.Diverged == 0 && !round.Model.Finite() {
		t.Diverged = round.Round
	}
	t.Bytes, t.Steps, t.TrainSeconds = round.TotalBytes, round.TotalSteps, time.Since(f.began).Seconds()
	return err
}

// keep writes the state of a round and the record that goes with it.
func (f *federation) keep(s federated.State) error {
	if s.Round == f.config.Rounds {
		return nil
	}
	if err := f.store.writeState(f.file, s); err != nil {
		return err
	}
	f.run.Round = s.Round
	if err := trial.WriteRecord(f.store.part(f.file), f.run); err != nil {
		return err
	}
	return removeIfThere(f.store.state(f.file, s.Round-1))
}

// addFederated notes the row of a run.
func (r *runner) addFederated(row Row, consumer string, t federatedRun) {
	row.Bytes = t.Bytes
	if t.Diverged > 0 {
		row.Warnings = append(row.Warnings,
			fmt.Sprintf("the model diverged (NaN or Inf) in round %d; try a smaller lr", t.Diverged))
	}
	r.add(row, consumer, t.Result)
}

// clients are all parts of the present seed.
func (r *runner) clients() []*data.Samples {
	out := make([]*data.Samples, len(r.parts))
	for i, part := range r.parts {
		out[i] = r.train.Subset(part)
	}
	return out
}
