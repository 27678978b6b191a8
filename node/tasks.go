package node

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/blocks"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files"
)

// pinTask is the name under which task documents are pinned.
const pinTask = "task"

// TaskInfo is a task as lists show it.
type TaskInfo struct {
	CID     string    `json:"cid"`
	Name    string    `json:"name"`
	Classes []string  `json:"classes"`
	Shape   [3]int    `json:"shape"`
	Mean    []float64 `json:"mean"`
	Std     []float64 `json:"std"`
	Augment string    `json:"augment,omitempty"` // how images may change
	// Features describe the columns of a table that names them.
	Features []files.Feature `json:"features,omitempty"`
	BuiltIn  bool            `json:"built_in"`
	Joined   bool            `json:"joined"`
	Sets     int             `json:"sets"`     // announced sets known
	Trainers int             `json:"trainers"` // trainers that volunteer for it
}

// wellKnownCIDs maps the tasks that come with the program.
var wellKnownCIDs = func() map[cid.Cid]*data.Task {
	out := map[cid.Cid]*data.Task{}
	for _, t := range data.WellKnownTasks() {
		c, err := artifact.TaskCID(t)
		if err != nil {
			panic(err) // compiled in: cannot fail at run time
		}
		out[c] = t
	}
	return out
}()

// taskHere finds the document of a task that is built in or stored here.
func (n *Node) taskHere(ctx context.Context, c cid.Cid) (*data.Task, error) {
	if t, ok := wellKnownCIDs[c]; ok {
		return t, nil
	}
	doc, err := n.store.Raw(ctx, c)
	if err != nil {
		return nil, err
	}
	return artifact.DecodeTask(doc)
}

// taskWait is how long the document of one task may take to arrive: it is a
// single small block, and whoever announced it may have made it up.
const taskWait = 5 * time.Second

// task finds the document of a task here or, when online, on the mesh.
func (n *Node) task(ctx context.Context, c cid.Cid) (*data.Task, error) {
	t, err := n.taskHere(ctx, c)
	if !errors.Is(err, blocks.ErrNotFound) || n.mesh == nil {
		return t, err
	}
	ctx, cancel := context.WithTimeout(ctx, taskWait)
	defer cancel()
	doc, err := n.mesh.FetchRaw(ctx, c, artifact.MaxTaskBytes)
	if err != nil {
		return nil, err
	}
	return artifact.DecodeTask(doc)
}

// resolveTask finds a task by name, CID or a unique prefix of its CID, among
// those built in, joined or announced. Peers are asked only for what is not
// known here.
func (n *Node) resolveTask(ctx context.Context, name string) (cid.Cid, *data.Task, error) {
	found := n.findTasks(ctx, name)
	if found == nil {
		if c, err := cid.Decode(name); err == nil {
			found = append(found, c)
		} else if n.mesh != nil {
			n.ask(ctx, cid.Undef)
			found = n.findTasks(ctx, name)
		}
	}
	switch len(found) {
	case 0:
		return cid.Undef, nil, Fail(CodeNotFound, "list the tasks with 'distillmesh task ls'", "no task %q", name)
	case 1:
		t, err := n.task(ctx, found[0])
		return found[0], t, err
	}
	return cid.Undef, nil, Fail(CodeUsage, "name it by CID: 'distillmesh task ls -q'", "%d tasks are called %q", len(found), name)
}

// findTasks lists the tasks that a name fits: by name or whole CID, else by
// prefix. It never waits for the mesh.
func (n *Node) findTasks(ctx context.Context, name string) (found []cid.Cid) {
	known := n.knownTasks()
	for _, c := range known {
		t, err := n.taskHere(ctx, c)
		if err == nil && t.Name == name || c.String() == name {
			found = append(found, c)
		}
	}
	if found != nil {
		return found
	}
	for _, c := range known {
		if isNamed(c, name) {
			found = append(found, c)
		}
	}
	return found
}

// knownTasks lists every task this node has heard of, in order of CID.
func (n *Node) knownTasks() []cid.Cid {
	seen := map[cid.Cid]bool{}
	for c := range wellKnownCIDs {
		seen[c] = true
	}
	for _, c := range n.notes.taskCIDs() {
		seen[c] = true
	}
	for _, r := range n.book.Live(announce.Query{Subject: announce.SubjectTask}) {
		seen[r.Task] = true
	}
	var out []cid.Cid
	for c := range seen {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b cid.Cid) int { return strings.Compare(a.KeyString(), b.KeyString()) })
	return out
}

// takePart stores and pins a task's document, remembers the task, joins its
// topic when online.
func (n *Node) takePart(ctx context.Context, t *data.Task) (cid.Cid, error) {
	doc, err := artifact.EncodeTask(t)
	if err != nil {
		return cid.Undef, err
	}
	c, err := n.store.AddRaw(ctx, doc, pinTask)
	if err != nil {
		return cid.Undef, err
	}
	if err := n.notes.addTask(c); err != nil {
		return cid.Undef, err
	}
	if n.mesh != nil {
		err = n.mesh.Join(ctx, c)
	}
	return c, err
}

// Tasks lists the tasks this node knows.
var Tasks = newOp("tasks", func(n *Node, ctx context.Context, _ None, _ Report) ([]TaskInfo, error) {
	var out []TaskInfo
	for _, c := range n.knownTasks() {
		t, err := n.taskHere(ctx, c)
		if err != nil {
			n.log.Debug("task document not at hand", "task", c, "error", err)
			continue
		}
		out = append(out, n.taskInfo(c, t))
	}
	slices.SortStableFunc(out, func(a, b TaskInfo) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
})

// TaskRequest names a task.
type TaskRequest struct {
	Name string `json:"name"`
}

// ShowTask finds one task by name, CID or prefix.
var ShowTask = newOp("task", func(n *Node, ctx context.Context, req TaskRequest, _ Report) (TaskInfo, error) {
	c, t, err := n.resolveTask(ctx, req.Name)
	if err != nil {
		return TaskInfo{}, err
	}
	return n.taskInfo(c, t), nil
})

func (n *Node) taskInfo(c cid.Cid, t *data.Task) TaskInfo {
	_, builtIn := wellKnownCIDs[c]
	return TaskInfo{
		CID: c.String(), Name: t.Name, Classes: t.Classes, Shape: [3]int{t.Shape.C, t.Shape.H, t.Shape.W},
		Mean: t.Mean, Std: t.Std, Augment: t.Augmentation(), Features: t.Features, BuiltIn: builtIn,
		Joined:   slices.ContainsFunc(n.notes.taskCIDs(), c.Equals),
		Sets:     len(n.announcedRoots(c, announce.SubjectSet)),
		Trainers: len(n.book.Live(announce.Query{Task: c, Subject: announce.SubjectTrainer})),
	}
}

// Task is the document that the info was made from.
func (i TaskInfo) Task() *data.Task {
	t := &data.Task{Version: data.TaskVersion, Name: i.Name, Classes: i.Classes,
		Shape: data.Shape{C: i.Shape[0], H: i.Shape[1], W: i.Shape[2]}, Mean: i.Mean, Std: i.Std, Features: i.Features}
	if !i.BuiltIn { // documents of built-in tasks do not hold it
		t.Augment = i.Augment
	}
	return t
}

// isNamed reports whether what was typed names c: its first characters, at least
// four, or the form of lists, bafy..r6udqjpq.
func isNamed(c cid.Cid, typed string) bool {
	first, last, _ := strings.Cut(typed, "..")
	return len(first) >= 4 && strings.HasPrefix(c.String(), first) && strings.HasSuffix(c.String(), last)
}
