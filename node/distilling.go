package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
)

// maxStateBytes bounds the state of a distillation that is read back.
const maxStateBytes = 4 << 30

// distilling is one distillation with the file in the home that an interrupted
// one resumes from, for methods that keep a state.
type distilling struct {
	task   *data.Task
	method distill.Method
	opt    DistillOptions
	path   string // empty: keep none
}

// newDistilling finds the file of the same request: same task, data, method,
// settings, size and seed.
func newDistilling(task *data.Task, method distill.Method, opt DistillOptions) *distilling {
	d := &distilling{task: task, method: method, opt: opt}
	taskCID, err := artifact.TaskCID(task)
	if opt.Home.Path == "" || err != nil {
		return d
	}
	key, err := json.Marshal([]any{taskCID.String(), opt.Data, method.Name(), method.Version(), method.Settings(), opt.IPC, opt.Formation, opt.single, opt.Seed})
	if err != nil {
		return d
	}
	if id, err := artifact.RawCID(key); err == nil {
		d.path = filepath.Join(opt.Home.Path, "distilling", id.String()+".state")
	}
	return d
}

// run distils, from the state that is there, and keeps one while it goes.
func (d *distilling) run(ctx context.Context, samples *data.Samples, report Report) (*distill.Result, error) {
	req := d.opt.request(d.task, samples)
	req.Progress = func(p distill.Progress) {
		unit := "steps"
		if p.Loss == p.Loss { // not NaN
			unit = fmt.Sprintf("steps, loss %.5f", p.Loss)
		}
		report.say(Progress{Stage: "distil", Done: int64(p.Done), Total: int64(p.Total), Unit: unit})
	}
	if d.path != "" {
		state, err := readBounded(d.path)
		if err != nil {
			return nil, err
		}
		if state != nil {
			report.say(Progress{Stage: "resume an interrupted distillation"})
		}
		req.Resume, req.Checkpoint = state, patient(ctx, report, d.keep)
	}
	result, err := d.method.Distill(ctx, req)
	if errors.Is(err, checkpoint.ErrState) {
		return nil, Fail(CodeFailed, "the data have changed, or the file is damaged: delete it to start from the beginning", "resume from %s: %w", d.path, err)
	}
	if err != nil {
		return nil, err
	}
	for _, w := range result.Warnings {
		report.say(Progress{Note: d.method.Name() + ": " + w})
	}
	return result, nil
}

// keep writes a state; a crash leaves the last one or this one.
func (d *distilling) keep(state []byte) error {
	if err := os.MkdirAll(filepath.Dir(d.path), 0o700); err != nil {
		return err
	}
	return checkpoint.WriteFile(d.path, state)
}

// patient is keep, but work goes on when a state cannot be kept, on a full disk
// say, and that is said once. Of work that is interrupted the state matters.
func patient[State any](ctx context.Context, report Report, keep func(State) error) func(State) error {
	told := false
	return func(s State) error {
		err := keep(s)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if !told {
			report.say(Progress{Note: fmt.Sprintf("no state can be kept to resume from, the work goes on: %v", err)})
		}
		told = true
		return nil
	}
}

// begun tells whether there is a state to go on from.
func (d *distilling) begun() bool {
	if d.path == "" {
		return false
	}
	_, err := os.Stat(d.path)
	return err == nil
}

// forget removes the state of a finished distillation.
func (d *distilling) forget() {
	if d.path != "" {
		os.Remove(d.path) // a leftover only costs space
	}
}

// readBounded reads a state file; nil when there is none.
func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if info.Size() > maxStateBytes {
		return nil, Fail(CodeFailed, "delete the file to start from the beginning", "%s has %d bytes", path, info.Size())
	}
	return os.ReadFile(path)
}
