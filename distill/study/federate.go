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
	Round    int // done, when it is under way: the state of that round lies beside it
}

// federate is one federated run; closed-form consumers have no gradients to
// average and are passed over.
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
	watch := r.memory.Watch()
	defer watch.Stop()
	began := time.Now()
	opt := federated.Options{Device: r.on(r.workers)}
	if part, underWay := trial.ReadRecord[federatedRun](r.store.part(file)); underWay {
		// A state that is damaged or gone means to begin again.
		if state, err := r.store.readState(file, part.Round); err == nil {
			t, opt.Resume = part, state
			began = began.Add(-time.Duration(t.TrainSeconds * float64(time.Second)))
		}
	}
	opt.Round = func(round federated.Round) error {
		a, err := train.Evaluate(ctx, round.Model, r.test)
		t.Curve = append(t.Curve, trial.Point{Step: round.Round, Accuracy: a.Fraction()})
		if t.Diverged == 0 && !round.Model.Finite() {
			t.Diverged = round.Round
		}
		t.Bytes, t.Steps, t.TrainSeconds = round.TotalBytes, round.TotalSteps, time.Since(began).Seconds()
		return err
	}
	opt.Checkpoint = func(s federated.State) error {
		if s.Round == config.Rounds {
			return nil
		}
		if err := r.store.writeState(file, s); err != nil {
			return err
		}
		t.Round = s.Round
		if err := trial.WriteRecord(r.store.part(file), t); err != nil {
			return err
		}
		return removeIfThere(r.store.state(file, s.Round-1))
	}
	active := 0
	for _, part := range r.parts {
		if len(part) > 0 {
			active++
		}
	}
	stage := r.stage(fmt.Sprintf("%s on %s, seed %d", e.label, consumer, seed),
		(config.Rounds-t.Round)*config.Takes(active), "clients")
	opt.Client = func(done, clients int) { stage.step() }
	if _, err := federated.Run(ctx, net, r.clients(), config, opt); err != nil {
		return fmt.Errorf("%s on %s, seed %d: %w", e.label, consumer, seed, err)
	}
	t.Finish(time.Since(began), watch)
	t.Round = 0
	if err := trial.WriteRecord(r.store.Run(file), t); err != nil {
		return err
	}
	err = errors.Join(removeIfThere(r.store.part(file)), removeIfThere(r.store.state(file, config.Rounds-1)))
	if err != nil {
		return err
	}
	r.addFederated(row, consumer, t)
	return nil
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
