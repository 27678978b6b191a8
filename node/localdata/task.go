package localdata

import (
	"context"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/open"
)

// TaskOptions say what a new task holds.
type TaskOptions struct {
	Draft   data.Task    // missing fields come from the data; one mean or deviation is used for all
	From    string       // path of local data; empty for none
	Reading open.Reading // what their files leave open
	Publish bool
}

// NewTask makes a task, taking missing fields of the draft from local data, and
// joins it. What was read from the data is reported.
func NewTask(ctx context.Context, c api.Conn, opt TaskOptions, report api.Report) (operations.TaskInfo, error) {
	task := opt.Draft.Filled()
	if opt.From != "" {
		path, err := absolute(opt.From)
		if err != nil {
			return operations.TaskInfo{}, err
		}
		ds, measured, err := opt.Reading.Derive(path, opt.Draft)
		if err != nil {
			return operations.TaskInfo{}, err
		}
		task = ds.Task
		reportDerived(ds, measured, report)
	} else if err := task.Validate(); err != nil {
		return operations.TaskInfo{}, api.Fail(api.CodeUsage,
			"give --from PATH, or all of --classes, --shape, --mean and --std", "%w", err)
	}
	doc, err := artifact.EncodeTask(task)
	if err != nil {
		return operations.TaskInfo{}, err
	}
	return operations.AddTask.Do(ctx, c, operations.AddTaskRequest{Document: doc, Publish: opt.Publish}, report)
}

// reportDerived reports which fields of a task come from data, and what that discloses.
func reportDerived(ds *data.Dataset, measured bool, report api.Report) {
	reportNotes(ds, report)
	if measured {
		report.Note("%s", "mean and std were measured on these data and are part of the task: whoever gets the task "+
			"or a set of it learns them. To use public values instead, give --mean and --std")
	}
}
