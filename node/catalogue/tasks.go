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
	if t, ok := c.memory.task(task); ok {
		return t, nil
	}
	doc, err := c.held.Blocks.Raw(ctx, task)
	if err != nil {
		return nil, err
	}
	t, err := artifact.DecodeTask(doc)
	if err == nil {
		c.memory.keepTask(task, doc, t)
	}
	return t, err
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

// FindTask finds a task by name, CID or a unique prefix of its CID. Names of strangers
// never hide nor make ambiguous those of this node: the tasks built in come first, then
// those joined, then those whose sets are here, then the announced ones. NAME@SIGNER
// names an announced one by who announces it. Peers are asked only when it is not found
// locally.
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
	return cid.Undef, nil, api.Fail(api.CodeUsage,
		"name it by CID ('distillmesh task ls -q'), or by who announces it: NAME@NODE-ID",
		"%d tasks are called %q", len(found), name)
}

// TasksNamed lists the tasks that a name fits: by whole CID, else by name, else by
// signer, else by prefix, and of tasks that fit equally well only those closest to this
// node. It never waits for the network.
func (c *Catalogue) TasksNamed(ctx context.Context, name string) []cid.Cid {
	groups := c.taskGroups(ctx)
	first, signer, bySigner := cutLast(name, "@")
	fits := []func(group int, task cid.Cid) bool{
		func(_ int, task cid.Cid) bool { return task.String() == name },
		func(group int, task cid.Cid) bool { // a stranger's name may look like NAME@SIGNER
			return (group != announcedTasks || !bySigner) && c.isCalled(ctx, task, name)
		},
		func(_ int, task cid.Cid) bool {
			return bySigner && c.isAnnouncedBy(task, signer) && c.isCalled(ctx, task, first)
		},
		func(_ int, task cid.Cid) bool { return isNamed(task, name) },
	}
	for _, fit := range fits {
		for i, group := range groups {
			var found []cid.Cid
			for _, task := range group {
				if fit(i, task) {
					found = append(found, task)
				}
			}
			if found != nil {
				return found
			}
		}
	}
	return nil
}

// OwnTasksNamed lists the tasks of a name among those built in, joined, or with sets here.
func (c *Catalogue) OwnTasksNamed(ctx context.Context, name string) (found []cid.Cid) {
	groups := c.taskGroups(ctx)
	for _, group := range groups[:announcedTasks] {
		for _, task := range group {
			if c.isCalled(ctx, task, name) {
				found = append(found, task)
			}
		}
	}
	return found
}

// isCalled reports whether the document of a task is here and has this name.
func (c *Catalogue) isCalled(ctx context.Context, task cid.Cid, name string) bool {
	t, err := c.TaskHere(ctx, task)
	return err == nil && t.Name == name
}

// idStart is how the ids of all nodes with keys of our kind begin.
const idStart = "12D3KooW"

// isAnnouncedBy reports whether a node announces a task whose id begins as typed, with or
// without what all ids begin with.
func (c *Catalogue) isAnnouncedBy(task cid.Cid, typed string) bool {
	if len(typed) < 4 {
		return false
	}
	for _, r := range c.held.Book.Live(announce.Query{Task: task, Subject: announce.SubjectTask}) {
		id := r.Signer.String()
		if strings.HasPrefix(id, typed) && len(typed) > len(idStart) ||
			strings.HasPrefix(strings.TrimPrefix(id, idStart), typed) {
			return true
		}
	}
	return false
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// announcedTasks is the group of tasks that are only announced.
const announcedTasks = 3

// taskGroups lists every task that this node knows once, closest first: built in, joined,
// with sets here, announced; each group in order of CID.
func (c *Catalogue) taskGroups(ctx context.Context) (groups [announcedTasks + 1][]cid.Cid) {
	seen := map[cid.Cid]bool{}
	add := func(group int, task cid.Cid) {
		if !seen[task] {
			seen[task] = true
			groups[group] = append(groups[group], task)
		}
	}
	for task := range wellKnown {
		add(0, task)
	}
	for _, task := range c.held.State.Tasks() {
		add(1, task)
	}
	held, err := c.held.List(ctx, announce.SubjectSet, cid.Undef)
	if err != nil {
		c.log.Warn("sets cannot be listed", "error", err)
	}
	for _, h := range held {
		add(2, h.Task)
	}
	for _, r := range c.held.Book.Live(announce.Query{Subject: announce.SubjectTask}) {
		add(announcedTasks, r.Task)
	}
	for _, group := range groups {
		slices.SortFunc(group, func(a, b cid.Cid) int { return strings.Compare(a.KeyString(), b.KeyString()) })
	}
	return groups
}

// knownTasks lists every task that this node knows, in order of CID.
func (c *Catalogue) knownTasks(ctx context.Context) []cid.Cid {
	groups := c.taskGroups(ctx)
	out := slices.Concat(groups[:]...)
	slices.SortFunc(out, func(a, b cid.Cid) int { return strings.Compare(a.KeyString(), b.KeyString()) })
	return out
}

// Tasks lists the tasks this node knows, by name.
func (c *Catalogue) Tasks(ctx context.Context) []operations.TaskInfo {
	var out []operations.TaskInfo
	for _, task := range c.knownTasks(ctx) {
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
