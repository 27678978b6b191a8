// Package nodetest is a node in memory for tests of code that uses a connection:
// it keeps tasks, registered data, sets and models in maps, verifies added content
// as a node does, and has no home, store or mesh.
package nodetest

import (
	"context"
	"io/fs"
	"slices"
	"sync"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/node/state"
	"github.com/distillmesh/distillmesh/p2p/blocks"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/model"
)

// Node is an api.Conn.
type Node struct {
	*api.Table
	mu     sync.Mutex
	tasks  []operations.TaskInfo
	data   []state.DataEntry
	kept   map[string]*Kept  // by CID
	Judged operations.Judged // the last
	Calls  []string          // names of operations that changed something, in order
	Fail   map[string]error  // name of an operation -> why it fails
}

// Kept is a set or model that was added.
type Kept struct {
	operations.Content
	Files   artifact.Files
	Publish bool
}

// New is a node that knows the built-in tasks.
func New() (*Node, error) {
	n := &Node{kept: map[string]*Kept{}, Fail: map[string]error{}}
	for _, t := range data.WellKnownTasks() {
		if _, err := n.task(t, true); err != nil {
			return nil, err
		}
	}
	n.Table = api.NewTable(
		api.Handle(operations.ShowTask, n.showTask),
		api.Handle(operations.AddTask, n.addTask),
		api.Handle(operations.ListData, n.listData),
		api.Handle(operations.RegisterData, n.registerData),
		api.Handle(operations.HeldSets, n.heldSets),
		api.Handle(operations.Judge, n.judged),
		api.HandleUpload(operations.AddSet, n.addSet),
		api.HandleUpload(operations.AddModel, n.addModel),
		api.HandleDownload(operations.Read, n.read),
	)
	return n, nil
}

// Online implements api.Conn.
func (n *Node) Online() bool { return false }

// Close implements api.Conn.
func (n *Node) Close() error { return nil }

// Kept is the set or model under a CID; nil when it was not added.
func (n *Node) Kept(cid string) *Kept {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.kept[cid]
}

// called records an operation that changes something, and fails it if a test says so.
func (n *Node) called(op string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.Calls = append(n.Calls, op)
	return n.Fail[op]
}

func (n *Node) task(t *data.Task, builtIn bool) (operations.TaskInfo, error) {
	c, err := artifact.TaskCID(t)
	if err != nil {
		return operations.TaskInfo{}, err
	}
	info := operations.NewTaskInfo(c.String(), t, builtIn)
	n.mu.Lock()
	defer n.mu.Unlock()
	if !slices.ContainsFunc(n.tasks, func(i operations.TaskInfo) bool { return i.CID == info.CID }) {
		n.tasks = append(n.tasks, info)
	}
	return info, nil
}

func (n *Node) showTask(_ context.Context, req operations.TaskRequest, _ api.Report) (operations.TaskInfo, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, i := range n.tasks {
		if i.Name == req.Name || i.CID == req.Name {
			return i, nil
		}
	}
	return operations.TaskInfo{}, api.Fail(api.CodeNotFound, "", "no task %q", req.Name)
}

func (n *Node) addTask(_ context.Context, req operations.AddTaskRequest, _ api.Report) (operations.TaskInfo, error) {
	if err := n.called(string(operations.AddTask)); err != nil {
		return operations.TaskInfo{}, err
	}
	t, err := artifact.DecodeTask(req.Document)
	if err != nil {
		return operations.TaskInfo{}, err
	}
	return n.task(t, false)
}

func (n *Node) listData(context.Context, api.None, api.Report) ([]state.DataEntry, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.data), nil
}

func (n *Node) registerData(_ context.Context, req []operations.DataRegistration, _ api.Report) (api.None, error) {
	if err := n.called(string(operations.RegisterData)); err != nil {
		return api.None{}, err
	}
	for _, r := range req {
		t, err := artifact.DecodeTask(r.TaskDocument)
		if err != nil {
			return api.None{}, err
		}
		if _, err := n.task(t, false); err != nil {
			return api.None{}, err
		}
		n.Register(r.DataEntry)
	}
	return api.None{}, nil
}

func (n *Node) judged(_ context.Context, req operations.Judged, _ api.Report) (api.None, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.Judged = req
	return api.None{}, nil
}

// Register stores an entry without checks.
func (n *Node) Register(e state.DataEntry) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.data = slices.DeleteFunc(n.data, func(other state.DataEntry) bool { return other.Name == e.Name })
	n.data = append(n.data, e)
}

func (n *Node) heldSets(_ context.Context, req operations.TaskRequest, _ api.Report) ([]string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out []string
	for cid, k := range n.kept {
		if k.Subject == "set" && k.Task == req.Name {
			out = append(out, cid)
		}
	}
	slices.Sort(out)
	return out, nil
}

func (n *Node) addSet(ctx context.Context, req operations.AddSetRequest, files fs.FS, _ api.Report) (
	operations.SetInfo, error) {
	if err := n.called(string(operations.AddSet)); err != nil {
		return operations.SetInfo{}, err
	}
	info, err := n.showTask(ctx, operations.TaskRequest{Name: req.Task}, nil)
	if err != nil {
		return operations.SetInfo{}, err
	}
	set, err := artifact.ReadSet(files, info.Task(), artifact.Limits{})
	if err != nil {
		return operations.SetInfo{}, err
	}
	content := operations.Content{Task: info.CID, Subject: "set", Origin: req.Origin}
	cid, size, err := n.keep(content, files, false)
	m := set.Manifest
	return operations.SetInfo{CID: cid, Task: info.CID, TaskName: info.Name, Bytes: size, Method: m.Method.Name,
		Images: m.Images.Count, Counts: m.Counts, Consumer: m.Consumer, Origin: req.Origin, Here: true}, err
}

func (n *Node) addModel(ctx context.Context, req operations.AddModelRequest, files fs.FS, _ api.Report) (
	operations.ModelInfo, error) {
	if err := n.called(string(operations.AddModel)); err != nil {
		return operations.ModelInfo{}, err
	}
	info, err := n.showTask(ctx, operations.TaskRequest{Name: req.Task}, nil)
	if err != nil {
		return operations.ModelInfo{}, err
	}
	got, err := artifact.ReadModel(files, info.Task(), artifact.Limits{}, model.Load)
	if err != nil {
		return operations.ModelInfo{}, err
	}
	cid, size, err := n.keep(operations.Content{Task: info.CID, Subject: "model"}, files, req.Publish)
	m := got.Manifest
	return operations.ModelInfo{CID: cid, Task: info.CID, TaskName: info.Name, Model: m.Model, Bytes: size,
		Sets: len(m.Sets), Samples: m.Samples, Accuracy: m.Accuracy, Here: true}, err
}

// keep stores files under the root that a node would give them.
func (n *Node) keep(content operations.Content, files fs.FS, publish bool) (cid string, bytes int64, err error) {
	root, stat, err := blocks.RootOf(files)
	if err != nil {
		return "", 0, err
	}
	content.CID = root.String()
	all, err := artifact.ReadFiles(files)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.kept[content.CID] = &Kept{Content: content, Files: all, Publish: publish}
	return content.CID, stat.Bytes, err
}

func (n *Node) read(_ context.Context, req operations.RootRequest, _ api.Report) (operations.Content, fs.FS, error) {
	if k := n.Kept(req.CID); k != nil {
		return k.Content, k.Files, nil
	}
	return operations.Content{}, nil, api.Fail(api.CodeNotFound, "", "%s is not here", req.CID)
}
