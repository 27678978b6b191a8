package node

import (
	"context"
	"slices"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/node/state"
	"github.com/distillmesh/distillmesh/train/data"
)

func (n *Node) listTasks(ctx context.Context, _ api.None, _ api.Report) ([]operations.TaskInfo, error) {
	return n.known.Tasks(ctx), nil
}

func (n *Node) showTask(ctx context.Context, req operations.TaskRequest, _ api.Report) (operations.TaskInfo, error) {
	task, t, err := n.known.FindTask(ctx, req.Name)
	if err != nil {
		return operations.TaskInfo{}, err
	}
	return n.known.TaskInfo(ctx, task, t), nil
}

func (n *Node) addTask(ctx context.Context, req operations.AddTaskRequest, _ api.Report) (operations.TaskInfo, error) {
	t, err := artifact.DecodeTask(req.Document)
	if err != nil {
		return operations.TaskInfo{}, err
	}
	task, err := artifact.RawCID(req.Document)
	if err != nil {
		return operations.TaskInfo{}, err
	}
	for _, other := range n.known.OwnTasksNamed(ctx, t.Name) {
		if !other.Equals(task) {
			return operations.TaskInfo{}, api.Fail(api.CodeUsage,
				"choose another name; 'distillmesh task show "+t.Name+"' shows that one",
				"another task is called %q", t.Name)
		}
	}
	if err := n.takePart(ctx, t); err != nil {
		return operations.TaskInfo{}, err
	}
	if err := n.held.State.MarkJoined(task, false); err != nil {
		return operations.TaskInfo{}, err
	}
	if req.Publish {
		if err := n.announceTask(ctx, task); err != nil {
			return operations.TaskInfo{}, err
		}
	}
	return n.known.TaskInfo(ctx, task, t), nil
}

// takePart stores and pins a task's document, remembers the task, and joins its
// topic when online.
func (n *Node) takePart(ctx context.Context, t *data.Task) error {
	doc, err := artifact.EncodeTask(t)
	if err != nil {
		return err
	}
	task, err := n.held.AddTask(ctx, doc)
	if err != nil || n.mesh == nil || slices.ContainsFunc(n.mesh.Tasks(), task.Equals) {
		return err // joining again would ask every peer for what it knows of the task
	}
	return n.mesh.Join(ctx, task)
}

// takePartIn joins a task whose document may have to be fetched.
func (n *Node) takePartIn(ctx context.Context, task cid.Cid) error {
	t, err := n.known.Task(ctx, task)
	if err != nil {
		return err
	}
	return n.takePart(ctx, t)
}

func (n *Node) listData(context.Context, api.None, api.Report) ([]state.DataEntry, error) {
	return n.held.State.Data(), nil
}

func (n *Node) registerData(ctx context.Context, req []operations.DataRegistration, _ api.Report) (api.None, error) {
	var entries []state.DataEntry
	for _, r := range req {
		t, err := artifact.DecodeTask(r.TaskDocument)
		if err != nil {
			return api.None{}, err
		}
		if err := n.takePart(ctx, t); err != nil {
			return api.None{}, err
		}
		task, err := artifact.RawCID(r.TaskDocument)
		if err == nil {
			err = n.held.State.MarkJoined(task, false)
		}
		if err != nil {
			return api.None{}, err
		}
		entries = append(entries, r.DataEntry)
	}
	return api.None{}, n.held.State.Register(entries...)
}

func (n *Node) forgetData(_ context.Context, name string, _ api.Report) ([]string, error) {
	gone, err := n.held.State.Forget(name)
	for _, name := range gone {
		n.home.RemoveReport(name)
	}
	return gone, err
}
