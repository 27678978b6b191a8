package jobs

import (
	"context"
	"errors"

	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/work"
	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/model"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// checkpointEvery is how many steps lie between two checkpoints.
const checkpointEvery = 500

// training is one training whose model, sets and recipe are settled.
type training struct {
	opt    TrainOptions
	recipe recipe.Recipe
	spec   *model.Spec
}

// place is where its state is kept: that of the same task, model, sets, seed and
// recipe. Without a home, or for a model in closed form, there is none.
func (t training) place(task string) work.Place {
	if !t.spec.Iterative() {
		return work.Place{}
	}
	opt := t.opt
	place, err := work.At(opt.Home.Path, work.Training, task, opt.Model, opt.Sets, opt.Seed, t.recipe)
	if err != nil {
		return work.Place{}
	}
	return place
}

// fit trains, from the state that is there, and keeps one while it goes.
func (t training) fit(ctx context.Context, samples *data.Samples, kept *work.Work, report api.Report) (
	_ model.Trained, resumed bool, _ error) {
	stage := "train " + t.opt.Model
	options := train.Options{Seed: t.opt.Seed, Device: device.Choice{Workers: t.opt.Workers}, HookEvery: 10,
		Hook: func(p train.Progress) error {
			report.Say(api.Progress{Stage: stage, Done: int64(p.Step), Total: int64(p.Steps), Unit: "steps"})
			return nil
		}}
	save := func(s train.State) error { return saveState(kept, s) }
	if kept.Keeps() {
		state, err := loadState(kept)
		if err != nil {
			return nil, false, api.Fail(api.CodeFailed, "delete the file to start from the beginning",
				"resume from %s: %w", kept.Path(), err)
		}
		options.Resume = state
		options.CheckpointEvery = checkpointEvery
		options.Checkpoint = work.BestEffort(ctx, report, save)
	}
	trained, err := t.spec.Fit(ctx, samples, t.recipe, options)
	var stopped *train.Interrupted
	if errors.As(err, &stopped) {
		err = errors.Join(err, save(stopped.State))
	}
	if errors.Is(err, train.ErrDiverged) {
		kept.Done() // no state of it leads anywhere else
	}
	return trained, options.Resume != nil, err
}

func loadState(kept *work.Work) (*train.State, error) {
	file, err := kept.Load()
	if file == nil || err != nil {
		return nil, err
	}
	s, err := train.DecodeState(file)
	if err != nil {
		return nil, err
	}
	return &s, nil
}

func saveState(kept *work.Work, s train.State) error {
	if !kept.Keeps() {
		return nil
	}
	file, err := s.Encode()
	if err != nil {
		return err
	}
	return kept.Save(file)
}
