package node

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/train/data"
)

// SetInfo is a set as lists show it: what is known here, announced, or both.
type SetInfo struct {
	CID          string   `json:"cid"`
	Task         string   `json:"task"` // CID
	TaskName     string   `json:"task_name"`
	Bytes        int64    `json:"bytes"` // of the whole DAG
	Blocks       int64    `json:"blocks"`
	Method       string   `json:"method"`
	Images       int      `json:"images"`
	Counts       []int    `json:"counts"`
	Consumer     string   `json:"consumer,omitempty"`
	ContainsReal bool     `json:"contains_real"`
	Origin       string   `json:"origin,omitempty"` // local data it was made from
	Here         bool     `json:"here"`             // complete in the local store
	Published    bool     `json:"published"`        // announced by this node
	Signers      []string `json:"signers"`          // who offer it, by id
	Holders      []string `json:"holders"`          // all that announced that they have it
}

// pinSet is the name under which the sets of a task are pinned.
func pinSet(task cid.Cid) string { return "set/" + task.String() }

// announcedRoots lists the distinct announced roots of a subject in a task.
func (n *Node) announcedRoots(task cid.Cid, subject announce.Subject) []cid.Cid {
	var out []cid.Cid
	for _, r := range n.book.Live(announce.Query{Task: task, Subject: subject}) {
		if !slices.ContainsFunc(out, r.Root.Equals) {
			out = append(out, r.Root)
		}
	}
	return out
}

// SetQuery selects sets.
type SetQuery struct {
	Task   string `json:"task,omitempty"`   // name, CID or prefix; empty for all
	Remote bool   `json:"remote,omitempty"` // announced on the mesh, instead of here
}

// Sets lists the sets that are here, or that the mesh announces.
var Sets = newOp("sets", func(n *Node, ctx context.Context, q SetQuery, _ Report) ([]SetInfo, error) {
	only := cid.Undef
	if q.Task != "" {
		c, _, err := n.resolveTask(ctx, q.Task)
		if err != nil {
			return nil, err
		}
		only = c
	}
	if q.Remote && n.mesh == nil {
		return nil, NeedsMesh("listing what others announce")
	}
	if q.Remote {
		n.ask(ctx, only)
	}
	all, err := n.catalogue(ctx, only)
	return slices.DeleteFunc(all, func(s SetInfo) bool {
		if q.Remote {
			return len(s.Holders) == 0
		}
		return !s.Here
	}), err
})

// askWait is how long a verb waits for peers to tell what they know.
const askWait = 5 * time.Second

// ask learns from connected peers what a task has, or, when it is undefined,
// every announced task: one that nobody here takes part in is not followed by
// gossip.
func (n *Node) ask(ctx context.Context, task cid.Cid) {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	if task.Defined() {
		n.mesh.Learn(ctx, task)
		return
	}
	n.mesh.Learn(ctx, cid.Undef)
	var tasks []cid.Cid
	for _, r := range n.book.Live(announce.Query{Subject: announce.SubjectTask}) {
		if !slices.ContainsFunc(tasks, r.Task.Equals) && len(tasks) < n.config.Trainer.MaxTasks {
			tasks = append(tasks, r.Task)
		}
	}
	if len(tasks) == 0 {
		return
	}
	n.mesh.Learn(ctx, tasks...)
	for _, c := range tasks {
		if _, err := n.task(ctx, c); err != nil {
			n.log.Debug("task document not at hand", "task", c, "error", err)
		}
	}
}

// catalogue merges what is pinned here with what is announced, one entry a
// root, ordered by task name and CID. task may be undefined for all.
func (n *Node) catalogue(ctx context.Context, task cid.Cid) ([]SetInfo, error) {
	infos := map[cid.Cid]*SetInfo{}
	pins, err := n.store.Pins(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range pins {
		name, ok := strings.CutPrefix(p.Name, "set/")
		if !ok || task.Defined() && name != task.String() {
			continue
		}
		info, err := n.localSet(ctx, p.Root)
		if err != nil {
			n.log.Warn("pinned set cannot be read", "set", p.Root, "error", err)
			continue
		}
		info.Bytes, info.Blocks = p.Bytes, p.Blocks
		infos[p.Root] = info
	}
	for _, r := range n.book.Live(announce.Query{Task: task, Subject: announce.SubjectSet}) {
		n.mergeRecord(ctx, infos, r)
	}
	out := make([]SetInfo, 0, len(infos))
	for _, info := range infos {
		out = append(out, *info)
	}
	slices.SortFunc(out, func(a, b SetInfo) int {
		return cmp.Or(strings.Compare(a.TaskName, b.TaskName), strings.Compare(a.CID, b.CID))
	})
	return out, nil
}

// localSet describes a set in the store from its manifest.
func (n *Node) localSet(ctx context.Context, root cid.Cid) (*SetInfo, error) {
	fsys, err := n.store.FS(ctx, root)
	if err != nil {
		return nil, err
	}
	m, err := artifact.ReadManifest(fsys, artifact.Limits{})
	if err != nil {
		return nil, err
	}
	return &SetInfo{
		CID: root.String(), Task: m.Task, TaskName: m.TaskName, Method: m.Method.Name, Images: m.Images.Count,
		Counts: m.Counts, Consumer: m.Consumer, ContainsReal: m.ContainsReal, Origin: n.notes.origin(root), Here: true,
		Signers: []string{}, Holders: []string{},
	}, nil
}

// mergeRecord adds what an announcement says. What is here is believed first.
func (n *Node) mergeRecord(ctx context.Context, infos map[cid.Cid]*SetInfo, r announce.Record) {
	info, ok := infos[r.Root]
	if !ok {
		t, err := n.taskHere(ctx, r.Task)
		if err != nil {
			return
		}
		body, err := decodeSetBody(r.Schema, r.Body, len(t.Classes), r.Bytes)
		if err != nil {
			n.log.Debug("announcement left out", "set", r.Root, "signer", r.Signer, "error", err)
			return
		}
		info = describe(r, t, body)
		infos[r.Root] = info
	}
	id := r.Signer.String()
	info.Published = info.Published || r.Signer == n.id
	info.Holders = append(info.Holders, id)
	if r.Kind == announce.Offer {
		info.Signers = append(info.Signers, id)
	}
}

func describe(r announce.Record, t *data.Task, b SetBody) *SetInfo {
	return &SetInfo{
		CID: r.Root.String(), Task: r.Task.String(), TaskName: t.Name, Bytes: r.Bytes, Blocks: r.Blocks,
		Method: b.Method, Images: b.Images, Counts: b.Counts, Consumer: b.Consumer, ContainsReal: b.ContainsReal,
		Signers: []string{}, Holders: []string{},
	}
}

// resolveRoot finds a set or model by CID or unique prefix, among what is here
// and what is announced.
func (n *Node) resolveRoot(ctx context.Context, name string) (cid.Cid, error) {
	if c, err := cid.Decode(name); err == nil {
		return c, nil
	}
	var found []cid.Cid
	note := func(c cid.Cid) {
		if isNamed(c, name) && !slices.ContainsFunc(found, c.Equals) {
			found = append(found, c)
		}
	}
	pins, err := n.store.Pins(ctx)
	if err != nil {
		return cid.Undef, err
	}
	for _, p := range pins {
		note(p.Root)
	}
	for _, r := range n.book.Live(announce.Query{}) {
		note(r.Root)
	}
	switch len(found) {
	case 0:
		return cid.Undef, Fail(CodeNotFound, "list with 'distillmesh ls', 'distillmesh ls --remote' or 'distillmesh models ls'", "nothing known is called %q", name)
	case 1:
		return found[0], nil
	}
	return cid.Undef, Fail(CodeUsage, "type more of it", "%d CIDs are called %q", len(found), name)
}

// taskOfRoot is the task under which a root is pinned or announced.
func (n *Node) taskOfRoot(ctx context.Context, root cid.Cid) (task cid.Cid, subject announce.Subject) {
	pins, err := n.store.Pins(ctx)
	if err != nil {
		return cid.Undef, ""
	}
	for _, p := range pins {
		if kind, name, ok := strings.Cut(p.Name, "/"); ok && p.Root.Equals(root) {
			if c, err := cid.Decode(name); err == nil {
				return c, announce.Subject(kind)
			}
		}
	}
	for _, r := range n.book.Live(announce.Query{Root: root}) {
		return r.Task, r.Subject
	}
	return cid.Undef, ""
}
