package jobs

import (
	"context"
	"errors"
	"fmt"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/registry"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/work"
	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
)

// distillation is one distillation with a method that has been chosen.
type distillation struct {
	task    *data.Task
	method  distill.Method
	opt     DistillOptions
	samples *data.Samples
}

// place is where its state is kept, found by task, data, method, settings, size
// and seed. Without a home there is none.
func (d distillation) place() work.Place {
	task, err := artifact.TaskCID(d.task)
	if err != nil {
		return work.Place{}
	}
	m, opt := d.method, d.opt
	what := []any{task.String(), opt.Data, m.Name(), m.Version(), m.Settings(), opt.IPC, opt.Formation, opt.single,
		opt.Seed}
	if opt.Pixels.IsDCT() {
		what = append(what, opt.Pixels, opt.payload)
	}
	place, err := work.At(opt.Home.Path, work.Distillation, onEngine(opt.Device, what...)...)
	if err != nil {
		return work.Place{}
	}
	return place
}

// make makes the set, resuming from a kept state if there is one, and keeps states while it runs.
func (d distillation) make(ctx context.Context, kept *work.Work, report api.Report) (*artifact.Made, error) {
	req := artifact.Request{Request: d.opt.request(d.task, d.samples), Task: d.task, Method: d.method,
		Settings: registry.Changed(d.method), Pixels: d.opt.Pixels, Payload: d.opt.payload, Licence: d.opt.Licence,
		Bare: d.opt.bare}
	req.Progress = func(p distill.Progress) {
		unit := "steps"
		if p.Loss == p.Loss { // not NaN
			unit = fmt.Sprintf("steps, loss %.5f", p.Loss)
		}
		report.Say(api.Progress{Stage: "distill", Done: int64(p.Done), Total: int64(p.Total), Unit: unit})
	}
	req.Distilled = func(r *distill.Result) {
		for _, w := range r.Warnings {
			report.Note("%s: %s", d.method.Name(), w)
		}
		report.Stage("compare with real samples")
	}
	if kept.Keeps() {
		state, err := kept.Load()
		if err != nil {
			return nil, err
		}
		if state != nil {
			report.Stage("resume an interrupted distillation")
		}
		req.Resume, req.Checkpoint = state, work.BestEffort(ctx, report, kept.Save)
	}
	made, err := artifact.Make(ctx, req)
	if errors.Is(err, checkpoint.ErrState) {
		return nil, api.Fail(api.CodeFailed,
			"the data have changed, or the file is damaged: delete it to start from the beginning",
			"resume from %s: %w", kept.Path(), err)
	}
	return made, err
}
