package jobs

import (
	"context"
	"errors"

	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/home"
	"github.com/distillmesh/distillmesh/node/work"
	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/model"
	"github.com/distillmesh/distillmesh/train/plan"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// checkpointEvery is how many steps lie between two checkpoints.
const checkpointEvery = 500

// training is one training with model, sets and recipe chosen.
type training struct {
	plan   plan.Train
	home   home.Home // where an interrupted training is kept
	recipe recipe.Recipe
	spec   *model.Spec
}

// place is where its state is kept, found by task, model, sets, seed and recipe.
// Without a home, or for a model in closed form, there is none.
func (t training) place(task string) work.Place {
	if !t.spec.Iterative() {
		return work.Place{}
	}
	p := t.plan
	place, err := work.At(t.home.Path, work.Training, onEngine(p.Device, task, p.Model, p.Sets, p.Seed, t.recipe)...)
	if err != nil {
		return work.Place{}
	}
	return place
}

// onEngine is an identity of work with the engine that computes it, where that is not
// the processor's: two engines do not resume each other's states.
func onEngine(on device.Choice, identity ...any) []any {
	if e := on.Engine(); e != "" {
		return append(identity, e)
	}
	return identity
}

// fit trains, resuming from a kept state if there is one, and keeps states while it runs.
func (t training) fit(ctx context.Context, samples *data.Samples, kept *work.Work, report api.Report) (
	_ model.Trained, resumed bool, _ error) {
	stage := "train " + t.plan.Model
	options := train.Options{Seed: t.plan.Seed, Device: t.plan.Device, HookEvery: 10,
		Hook: func(p train.Progress) error {
			report.Say(api.Progress{Stage: stage, Done: int64(p.Step), Total: int64(p.Steps), Unit: "steps"})
			return nil
		}}
	if kept.Keeps() {
		state, err := kept.Load()
		if err != nil {
			return nil, false, err
		}
		options.Resume = state
		options.CheckpointEvery = checkpointEvery
		options.Checkpoint = work.BestEffort(ctx, report, kept.Save)
	}
	trained, err := t.spec.Fit(ctx, samples, t.recipe, options)
	var stopped *train.Interrupted
	if errors.As(err, &stopped) && kept.Keeps() {
		err = errors.Join(err, kept.Save(stopped.State))
	}
	if errors.Is(err, checkpoint.ErrState) {
		err = api.Fail(api.CodeFailed, "delete the file to start from the beginning", "resume from %s: %w", kept.Path(),
			err)
	}
	if errors.Is(err, train.ErrDiverged) {
		kept.Done() // every state leads to the same result
	}
	return trained, options.Resume != nil, err
}
