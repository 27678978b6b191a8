package localdata

import (
	"context"

	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/node/state"
	"github.com/distillmesh/distillmesh/train/data"
)

// openEntry opens the files of an entry with its task.
func openEntry(ctx context.Context, c api.Conn, e state.DataEntry) (*data.Dataset, error) {
	info, err := operations.ShowTask.Do(ctx, c, operations.TaskRequest{Name: e.Task}, nil)
	if err != nil {
		return nil, err
	}
	return openFiles(&e, info.Task())
}

// Opened is a registered data set, ready to load. For a part, Train is the
// samples of the part.
type Opened struct {
	Entry state.DataEntry
	*data.Dataset
}

// Open opens a registered data set by name. A part without samples is
// refused.
func Open(ctx context.Context, c api.Conn, name string) (*Opened, error) {
	e, err := findData(ctx, c, name)
	if err != nil {
		return nil, err
	}
	ds, err := openEntry(ctx, c, e)
	if err != nil {
		return nil, err
	}
	if e.Split == nil {
		return &Opened{Entry: e, Dataset: ds}, nil
	}
	parts, err := e.Split.Parts(ds.Train.Labels(), len(ds.Task.Classes))
	if err != nil {
		return nil, err
	}
	if e.Part < 0 || e.Part >= len(parts) || len(parts[e.Part]) == 0 {
		return nil, refuseEmpty(e)
	}
	part := *ds
	part.Train = data.Pick(ds.Train, parts[e.Part])
	return &Opened{Entry: e, Dataset: &part}, nil
}

// Samples loads the training samples.
func (d *Opened) Samples() (*data.Samples, error) { return data.LoadAll(d.Task, d.Train) }

// TestSamples loads the test samples.
func (d *Opened) TestSamples() (*data.Samples, error) {
	if d.Test == nil {
		return nil, api.Fail(api.CodeUsage, "", "data set %s has no test part", d.Entry.Name)
	}
	return data.LoadAll(d.Task, d.Test)
}

// TestDataFor finds a registered data set of a task that has a test part and can
// be opened; nil when there is none. What cannot be opened is reported.
func TestDataFor(ctx context.Context, c api.Conn, task string, report api.Report) (*Opened, error) {
	all, err := operations.ListData.Do(ctx, c, api.None{}, nil)
	if err != nil {
		return nil, err
	}
	gone := map[string]bool{} // parts of one data set share a path
	for _, e := range all {
		if e.Task != task || e.Test == 0 || gone[e.Path] || e.Split != nil && e.Samples() == 0 {
			continue
		}
		d, err := Open(ctx, c, e.Name)
		if err == nil || ctx.Err() != nil {
			return d, err
		}
		gone[e.Path] = true
		report.Note("%s cannot test the model: %v ('distillmesh data rm %s' forgets it)", e.Name, err, e.Name)
	}
	return nil, nil
}

// TrainingDataFor finds a registered data set of a task with training samples that can be opened, a
// whole one first; nil when there is none. What cannot be opened is passed over.
func TrainingDataFor(ctx context.Context, c api.Conn, task string, report api.Report) (*Opened, error) {
	all, err := operations.ListData.Do(ctx, c, api.None{}, nil)
	if err != nil {
		return nil, err
	}
	for _, whole := range []bool{true, false} {
		for _, e := range all {
			if e.Task != task || e.Samples() == 0 || (e.Split == nil) != whole {
				continue
			}
			d, err := Open(ctx, c, e.Name)
			if err == nil || ctx.Err() != nil {
				return d, err
			}
			report.Note("%s cannot be compared with the sets: %v", e.Name, err)
		}
	}
	return nil, nil
}

// openFiles opens the files of an entry. Nothing is held out of data that have a
// test part.
func openFiles(e *state.DataEntry, task *data.Task) (*data.Dataset, error) {
	ds, err := e.Reading.Open(e.Path, task)
	if err != nil {
		return nil, err
	}
	if ds.Test != nil {
		e.Holdout = 0
	}
	if ds, err = ds.Holdout(e.Holdout, 0); err != nil {
		return nil, api.Fail(api.CodeUsage, "choose a fraction such as 0.2 with --holdout, or 0 to test on other data",
			"%w", err)
	}
	return ds, nil
}
