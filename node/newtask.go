package node

import (
	"context"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/train/data"
)

// AddTaskRequest is the document of a task to take part in.
type AddTaskRequest struct {
	Document []byte `json:"document"`
	Publish  bool   `json:"publish"` // announce it to the mesh
}

// AddTask writes down a task and takes part in it.
var AddTask = newOp("task-add", func(n *Node, ctx context.Context, req AddTaskRequest, _ Report) (TaskInfo, error) {
	t, err := artifact.DecodeTask(req.Document)
	if err != nil {
		return TaskInfo{}, err
	}
	c, err := artifact.RawCID(req.Document)
	if err != nil {
		return TaskInfo{}, err
	}
	for _, other := range n.findTasks(ctx, t.Name) {
		if !other.Equals(c) {
			return TaskInfo{}, Fail(CodeUsage, "choose another name; 'distillmesh task show "+t.Name+"' shows that one", "another task is called %q", t.Name)
		}
	}
	if _, err := n.takePart(ctx, t); err != nil {
		return TaskInfo{}, err
	}
	if req.Publish {
		if err := n.announceTask(ctx, c); err != nil {
			return TaskInfo{}, err
		}
	}
	return n.taskInfo(c, t), nil
})

// NewTaskOptions say what a new task holds.
type NewTaskOptions struct {
	Draft   data.Task    // what it leaves open comes from the data; one mean or deviation stands for all
	From    string       // path of local data; empty for none
	Reading data.Reading // what their files leave open
	Publish bool
}

// NewTask makes a task, of local data where the draft leaves something open,
// and takes part in it. What was read from the data is reported.
func NewTask(ctx context.Context, c Conn, opt NewTaskOptions, report Report) (TaskInfo, error) {
	task := opt.Draft.Filled()
	if opt.From != "" {
		path, err := absolute(opt.From)
		if err != nil {
			return TaskInfo{}, err
		}
		ds, measured, err := opt.Reading.Derive(path, opt.Draft)
		if err != nil {
			return TaskInfo{}, err
		}
		task = ds.Task
		reportDerived(ds, measured, report)
	} else if err := task.Validate(); err != nil {
		return TaskInfo{}, Fail(CodeUsage, "give --from PATH, or all of --classes, --shape, --mean and --std", "%w", err)
	}
	doc, err := artifact.EncodeTask(task)
	if err != nil {
		return TaskInfo{}, err
	}
	return AddTask.Do(ctx, c, AddTaskRequest{doc, opt.Publish}, report)
}

// reportDerived says what a task has from data, and what that gives away.
func reportDerived(ds *data.Dataset, measured bool, report Report) {
	reportNotes(ds, report)
	if measured {
		report.say(Progress{Note: "mean and std were measured on these data and are part of the task: whoever gets the task or a set of it learns them. To use public values instead, give --mean and --std"})
	}
}
