package catalogue

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/blocks"
	"github.com/distillmesh/distillmesh/train/data"
)

// wellKnown maps the tasks that come with the program.
var wellKnown = func() map[cid.Cid]*data.Task {
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

// TaskHere finds the document of a task that is built in or stored locally;
// blocks.ErrNotFound when it is neither.
func (c *Catalogue) TaskHere(ctx context.Context, task cid.Cid) (*data.Task, error) {
	if t, ok := wellKnown[task]; ok {
		return t, nil
	}
	doc, err := c.held.Blocks.Raw(ctx, task)
	if err != nil {
		return nil, err
	}
	return artifact.DecodeTask(doc)
}

// taskWait is how long the document of one task may take to arrive: it is a
// single small block, and the announcement may be bogus.
const taskWait = 5 * time.Second

// Task finds the document of a task locally or, when online, on the mesh.
func (c *Catalogue) Task(ctx context.Context, task cid.Cid) (*data.Task, error) {
	t, err := c.TaskHere(ctx, task)
	if !errors.Is(err, blocks.ErrNotFound) || c.remote == nil {
		return t, err
	}
	ctx, cancel := context.WithTimeout(ctx, taskWait)
	defer cancel()
	doc, err := c.remote.FetchRaw(ctx, task, artifact.MaxTaskBytes)
	if err != nil {
		return nil, err
	}
	return artifact.DecodeTask(doc)
}

// FindTask finds a task by name, CID or a unique prefix of its CID, among those
// built in, joined or announced. Peers are asked only when it is not found locally.
func (c *Catalogue) FindTask(ctx context.Context, name string) (cid.Cid, *data.Task, error) {
	found := c.TasksNamed(ctx, name)
	if found == nil {
		if task, err := cid.Decode(name); err == nil {
			found = append(found, task)
		} else if c.remote != nil {
			c.Refresh(ctx, cid.Undef)
			found = c.TasksNamed(ctx, name)
		}
	}
	switch len(found) {
	case 0:
		return cid.Undef, nil, api.Fail(api.CodeNotFound, "list the tasks with 'distillmesh task ls'", "no task %q",
			name)
	case 1:
		t, err := c.Task(ctx, found[0])
		return found[0], t, err
	}
	return cid.Undef, nil, api.Fail(api.CodeUsage, "name it by CID: 'distillmesh task ls -q'",
		"%d tasks are called %q", len(found), name)
}

// TasksNamed lists the tasks that a name fits: by name or whole CID, else by
// prefix. It never waits for the network.
func (c *Catalogue) TasksNamed(ctx context.Context, name string) (found []cid.Cid) {
	known := c.knownTasks()
	for _, task := range known {
		t, err := c.TaskHere(ctx, task)
		if err == nil && t.Name == name || task.String() == name {
			found = append(found, task)
		}
	}
	if found != nil {
		return found
	}
	for _, task := range known {
		if isNamed(task, name) {
			found = append(found, task)
		}
	}
	return found
}

// knownTasks lists every task that this node knows, in order of CID.
func (c *Catalogue) knownTasks() []cid.Cid {
	seen := map[cid.Cid]bool{}
	for task := range wellKnown {
		seen[task] = true
	}
	for _, task := range c.held.State.Tasks() {
		seen[task] = true
	}
	for _, r := range c.held.Book.Live(announce.Query{Subject: announce.SubjectTask}) {
		seen[r.Task] = true
	}
	var out []cid.Cid
	for task := range seen {
		out = append(out, task)
	}
	slices.SortFunc(out, func(a, b cid.Cid) int { return strings.Compare(a.KeyString(), b.KeyString()) })
	return out
}

// Tasks lists the tasks this node knows, by name.
func (c *Catalogue) Tasks(ctx context.Context) []operations.TaskInfo {
	var out []operations.TaskInfo
	for _, task := range c.knownTasks() {
		t, err := c.TaskHere(ctx, task)
		if err != nil {
			c.log.Debug("task document not at hand", "task", task, "error", err)
			continue
		}
		out = append(out, c.TaskInfo(ctx, task, t))
	}
	slices.SortStableFunc(out, func(a, b operations.TaskInfo) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// TaskInfo describes a task and counts what is known of it.
func (c *Catalogue) TaskInfo(ctx context.Context, task cid.Cid, t *data.Task) operations.TaskInfo {
	_, builtIn := wellKnown[task]
	info := operations.NewTaskInfo(task.String(), t, builtIn)
	info.Joined = slices.ContainsFunc(c.held.State.Tasks(), task.Equals)
	info.Sets = len(c.Announced(ctx, task, announce.SubjectSet))
	info.Trainers = len(c.held.Book.Live(announce.Query{Task: task, Subject: announce.SubjectTrainer}))
	return info
}

// isNamed reports whether typed names c: its first characters, at least
// four, or the form of lists, bafy..r6udqjpq.
func isNamed(c cid.Cid, typed string) bool {
	first, last, _ := strings.Cut(typed, "..")
	return len(first) >= 4 && strings.HasPrefix(c.String(), first) && strings.HasSuffix(c.String(), last)
}
