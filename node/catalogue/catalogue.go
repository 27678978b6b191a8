// Package catalogue lists the tasks, sets and models that a node knows, local
// and announced ones merged, and finds them by the names that users type.
package catalogue

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/holdings"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/train/data"
)

// Remote is what a catalogue needs of the mesh.
type Remote interface {
	// Learn asks connected peers for the announcements of topics and adds them to the book.
	Learn(ctx context.Context, topics ...cid.Cid)
	// FetchRaw fetches one block of at most limit bytes.
	FetchRaw(ctx context.Context, c cid.Cid, most int64) ([]byte, error)
}

// Catalogue is safe for concurrent use.
type Catalogue struct {
	held     *holdings.Holdings
	self     peer.ID
	maxTasks int
	log      *slog.Logger
	remote   Remote // nil when offline
}

// New makes the catalogue of a node that is offline. Refresh learns of at most
// maxTasks tasks.
func New(held *holdings.Holdings, self peer.ID, maxTasks int, log *slog.Logger) *Catalogue {
	return &Catalogue{held: held, self: self, maxTasks: maxTasks, log: log}
}

// GoOnline lets the catalogue query the mesh. It must be called before other
// goroutines use the catalogue.
func (c *Catalogue) GoOnline(mesh Remote) { c.remote = mesh }

// refreshWait is how long peers may take to answer a refresh.
const refreshWait = 5 * time.Second

// Refresh asks connected peers for the announcements of a task, or of every
// announced task when it is undefined: a node receives no gossip of tasks that
// it has not joined. Offline it does nothing.
func (c *Catalogue) Refresh(ctx context.Context, task cid.Cid) {
	if c.remote == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, refreshWait)
	defer cancel()
	if task.Defined() {
		c.remote.Learn(ctx, task)
		return
	}
	c.remote.Learn(ctx, cid.Undef)
	tasks := c.held.Announced(cid.Undef, announce.SubjectTask)
	tasks = tasks[:min(len(tasks), c.maxTasks)]
	if len(tasks) == 0 {
		return
	}
	c.remote.Learn(ctx, tasks...)
	for _, task := range tasks {
		if _, err := c.Task(ctx, task); err != nil {
			c.log.Debug("task document not at hand", "task", task, "error", err)
		}
	}
}

// Sets merges the local sets with the announced ones, one entry per
// root, ordered by task name and CID. task may be undefined for all.
func (c *Catalogue) Sets(ctx context.Context, task cid.Cid) ([]operations.SetInfo, error) {
	infos := map[cid.Cid]*operations.SetInfo{}
	held, err := c.held.List(ctx, announce.SubjectSet, task)
	if err != nil {
		return nil, err
	}
	for _, h := range held {
		info, err := c.localSet(ctx, h)
		if err != nil {
			c.log.Warn("pinned set cannot be read", "set", h.Root, "error", err)
			continue
		}
		infos[h.Root] = &info
	}
	for _, r := range c.held.Book.Live(announce.Query{Task: task, Subject: announce.SubjectSet}) {
		c.mergeSet(ctx, infos, r)
	}
	out := make([]operations.SetInfo, 0, len(infos))
	for _, info := range infos {
		out = append(out, *info)
	}
	slices.SortFunc(out, func(a, b operations.SetInfo) int {
		return cmp.Or(strings.Compare(a.TaskName, b.TaskName), strings.Compare(a.CID, b.CID))
	})
	return out, nil
}

// localSet describes a set that is here from its manifest, which alone is read.
func (c *Catalogue) localSet(ctx context.Context, h holdings.Holding) (operations.SetInfo, error) {
	fsys, err := c.held.Files(ctx, h.Root)
	if err != nil {
		return operations.SetInfo{}, err
	}
	m, err := artifact.ReadManifest(fsys, artifact.Limits{})
	if err != nil {
		return operations.SetInfo{}, err
	}
	if m.TaskName == "" {
		t, err := c.TaskHere(ctx, h.Task)
		if err == nil {
			err = m.Complete(t)
		}
		if err != nil {
			return operations.SetInfo{}, err
		}
	}
	return c.DescribeSet(h, m), nil
}

// DescribeSet describes a set that is here by its manifest.
func (c *Catalogue) DescribeSet(h holdings.Holding, m artifact.Manifest) operations.SetInfo {
	return operations.SetInfo{
		CID: h.Root.String(), Task: m.Task, TaskName: m.TaskName, Bytes: h.Bytes, Blocks: h.Blocks,
		Method: m.Method.Name, Images: m.Images.Count, Counts: m.Counts, Consumer: m.Consumer,
		ContainsReal: m.ContainsReal, Origin: c.held.State.Origin(h.Root), Here: true,
		Signers: []string{}, Holders: []string{},
	}
}

// mergeSet adds what an announcement says. Local information takes precedence.
func (c *Catalogue) mergeSet(ctx context.Context, infos map[cid.Cid]*operations.SetInfo, r announce.Record) {
	info, ok := infos[r.Root]
	if !ok {
		t, err := c.TaskHere(ctx, r.Task)
		if err != nil {
			return
		}
		body, err := decodeSetBody(r.Schema, r.Body, len(t.Classes), r.Bytes)
		if err != nil {
			c.log.Debug("announcement left out", "set", r.Root, "signer", r.Signer, "error", err)
			return
		}
		info = describe(r, t, body)
		infos[r.Root] = info
	}
	id := r.Signer.String()
	info.Published = info.Published || r.Signer == c.self
	info.Holders = append(info.Holders, id)
	if r.Kind == announce.Offer {
		info.Signers = append(info.Signers, id)
	}
}

func describe(r announce.Record, t *data.Task, b SetBody) *operations.SetInfo {
	return &operations.SetInfo{
		CID: r.Root.String(), Task: r.Task.String(), TaskName: t.Name, Bytes: r.Bytes, Blocks: r.Blocks,
		Method: b.Method, Images: b.Images, Counts: b.Counts, Consumer: b.Consumer, ContainsReal: b.ContainsReal,
		Signers: []string{}, Holders: []string{},
	}
}

// Models merges the local models with the announced ones, ordered by
// task name and CID.
func (c *Catalogue) Models(ctx context.Context) ([]operations.ModelInfo, error) {
	infos := map[cid.Cid]operations.ModelInfo{}
	held, err := c.held.List(ctx, announce.SubjectModel, cid.Undef)
	if err != nil {
		return nil, err
	}
	for _, h := range held {
		info, err := c.localModel(ctx, h)
		if err != nil {
			c.log.Warn("pinned model cannot be read", "model", h.Root, "error", err)
			continue
		}
		infos[h.Root] = info
	}
	for _, r := range c.held.Book.Live(announce.Query{Subject: announce.SubjectModel}) {
		c.mergeModel(ctx, infos, r)
	}
	out := make([]operations.ModelInfo, 0, len(infos))
	for _, i := range infos {
		out = append(out, i)
	}
	slices.SortFunc(out, func(a, b operations.ModelInfo) int {
		return cmp.Or(strings.Compare(a.TaskName, b.TaskName), strings.Compare(a.CID, b.CID))
	})
	return out, nil
}

// localModel describes a model that is here from its manifest, which alone is read.
func (c *Catalogue) localModel(ctx context.Context, h holdings.Holding) (operations.ModelInfo, error) {
	fsys, err := c.held.Files(ctx, h.Root)
	if err != nil {
		return operations.ModelInfo{}, err
	}
	m, err := artifact.ReadModelManifest(fsys, artifact.Limits{})
	if err != nil {
		return operations.ModelInfo{}, err
	}
	return DescribeModel(h, m), nil
}

// DescribeModel describes a model that is here by its manifest.
func DescribeModel(h holdings.Holding, m artifact.ModelManifest) operations.ModelInfo {
	return operations.ModelInfo{CID: h.Root.String(), Task: m.Task, TaskName: m.TaskName, Model: m.Model,
		Bytes: h.Bytes, Sets: len(m.Sets), Samples: m.Samples, Accuracy: m.Accuracy, Here: true}
}

func (c *Catalogue) mergeModel(ctx context.Context, infos map[cid.Cid]operations.ModelInfo, r announce.Record) {
	info, ok := infos[r.Root]
	if !ok {
		t, err := c.TaskHere(ctx, r.Task)
		var body ModelBody
		if err != nil || r.Schema != SchemaModel || decodeBody(r.Body, &body) != nil {
			return
		}
		info = operations.ModelInfo{CID: r.Root.String(), Task: r.Task.String(), TaskName: t.Name, Model: body.Model,
			Bytes: r.Bytes, Sets: body.Sets}
	}
	if r.Kind == announce.Offer {
		info.Signer = r.Signer.String()
	}
	infos[r.Root] = info
}

// FindRoot finds a local or announced set or model by CID or unique prefix.
func (c *Catalogue) FindRoot(ctx context.Context, name string) (cid.Cid, error) {
	if root, err := cid.Decode(name); err == nil {
		return root, nil
	}
	known, err := c.held.Roots(ctx)
	if err != nil {
		return cid.Undef, err
	}
	for _, r := range c.held.Book.Live(announce.Query{}) {
		known = append(known, r.Root)
	}
	var found []cid.Cid
	for _, root := range known {
		if isNamed(root, name) && !slices.ContainsFunc(found, root.Equals) {
			found = append(found, root)
		}
	}
	switch len(found) {
	case 0:
		return cid.Undef, api.Fail(api.CodeNotFound,
			"list with 'distillmesh ls', 'distillmesh ls --remote' or 'distillmesh models ls'",
			"nothing known is called %q", name)
	case 1:
		return found[0], nil
	}
	return cid.Undef, api.Fail(api.CodeUsage, "type more of it", "%d CIDs are called %q", len(found), name)
}

// SubjectOf is the task and subject under which a root is stored here or else
// announced; undefined when it is neither.
func (c *Catalogue) SubjectOf(ctx context.Context, root cid.Cid) (task cid.Cid, subject announce.Subject) {
	if h, err := c.held.Find(ctx, root); err == nil {
		return h.Task, h.Subject
	}
	for _, r := range c.held.Book.Live(announce.Query{Root: root}) {
		return r.Task, r.Subject
	}
	return cid.Undef, ""
}
