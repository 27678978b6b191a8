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
	"golang.org/x/sync/errgroup"

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
	facts    facts
	memory   memory
	rules    ScoreRules
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
	tasks := c.tasksInTurns(ctx)
	tasks = tasks[:min(len(tasks), c.maxTasks)]
	if len(tasks) == 0 {
		return
	}
	c.remote.Learn(ctx, tasks...)
	var fetches errgroup.Group // side by side: documents of tasks that strangers made up never come
	fetches.SetLimit(maxDocuments)
	for _, task := range tasks {
		fetches.Go(func() error {
			if _, err := c.Task(ctx, task); err != nil {
				c.log.Debug("task document not at hand", "task", task, "error", err)
			}
			return nil
		})
	}
	_ = fetches.Wait()
}

// maxDocuments is how many documents of tasks are fetched at once.
const maxDocuments = 16

// tasksInTurns lists the announced tasks: those whose documents are here first, then one
// of every signer before any has a second.
func (c *Catalogue) tasksInTurns(ctx context.Context) []cid.Cid {
	type announced struct {
		task cid.Cid
		turn int // -1 when its document is here
	}
	var all []announced
	turns, seen := map[peer.ID]int{}, map[cid.Cid]bool{}
	for _, r := range c.held.Book.Live(announce.Query{Subject: announce.SubjectTask}) {
		if seen[r.Task] {
			continue
		}
		seen[r.Task] = true
		turn := -1
		if _, err := c.TaskHere(ctx, r.Task); err != nil {
			turn = turns[r.Signer]
			turns[r.Signer]++
		}
		all = append(all, announced{r.Task, turn})
	}
	slices.SortStableFunc(all, func(x, y announced) int { return cmp.Compare(x.turn, y.turn) })
	out := make([]cid.Cid, len(all))
	for i, a := range all {
		out[i] = a.task
	}
	return out
}

// listed is an entry of a list: claims about one root under two tasks are two entries,
// until content decides.
type listed struct{ root, task cid.Cid }

// Sets merges the local sets with the announced ones, ordered by task name and CID: one
// entry per root that is here, and one per root and task that is announced. task may
// be undefined for all.
func (c *Catalogue) Sets(ctx context.Context, task cid.Cid) ([]operations.SetInfo, error) {
	infos := map[listed]*operations.SetInfo{}
	here, err := c.here(ctx, announce.SubjectSet)
	if err != nil {
		return nil, err
	}
	for _, h := range here {
		if task.Defined() && !h.Task.Equals(task) {
			continue
		}
		info, err := c.localSet(ctx, h)
		if err != nil {
			c.log.Warn("pinned set cannot be read", "set", h.Root, "error", err)
			continue
		}
		infos[listed{h.Root, h.Task}] = &info
	}
	claims := c.Claims(ctx, announce.Query{Task: task, Subject: announce.SubjectSet})
	for _, claim := range claims {
		if h, ok := here[claim.Root]; !ok || h.Task.Equals(claim.Task) { // what is here has its task
			c.mergeSet(ctx, infos, claim)
		}
	}
	c.addScores(infos, task, claims)
	out := make([]operations.SetInfo, 0, len(infos))
	for _, info := range infos {
		out = append(out, *info)
	}
	slices.SortFunc(out, func(a, b operations.SetInfo) int {
		return cmp.Or(strings.Compare(a.TaskName, b.TaskName), strings.Compare(a.CID, b.CID),
			strings.Compare(a.Task, b.Task))
	})
	return out, nil
}

// here returns the sets or models of all tasks that are here, by root.
func (c *Catalogue) here(ctx context.Context, subject announce.Subject) (map[cid.Cid]holdings.Holding, error) {
	held, err := c.held.List(ctx, subject, cid.Undef)
	out := make(map[cid.Cid]holdings.Holding, len(held))
	for _, h := range held {
		out[h.Root] = h
	}
	return out, err
}

// localSet describes a set that is here from its manifest, which alone is read, once.
func (c *Catalogue) localSet(ctx context.Context, h holdings.Holding) (operations.SetInfo, error) {
	if info, ok := c.memory.set(h.Root); ok {
		info.Origin = c.held.State.Origin(h.Root)
		return info, nil
	}
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
	info := c.DescribeSet(h, m)
	c.memory.keepSet(h.Root, info)
	return info, nil
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

// mergeSet adds what a claim says. Local information takes precedence, then the first claim.
func (c *Catalogue) mergeSet(ctx context.Context, infos map[listed]*operations.SetInfo, claim Claim) {
	info, ok := infos[listed{claim.Root, claim.Task}]
	if !ok {
		t, err := c.TaskHere(ctx, claim.Task)
		if err != nil {
			return
		}
		info = describe(claim, t)
		infos[listed{claim.Root, claim.Task}] = info
	}
	id := claim.Signer.String()
	info.Published = info.Published || claim.Signer == c.self
	info.Holders = append(info.Holders, id)
	if claim.Kind == announce.Offer {
		info.Signers = append(info.Signers, id)
	}
}

func describe(c Claim, t *data.Task) *operations.SetInfo {
	b := c.Set
	return &operations.SetInfo{
		CID: c.Root.String(), Task: c.Task.String(), TaskName: t.Name, Bytes: c.Bytes, Blocks: c.Blocks,
		Method: b.Method, Images: b.Images, Counts: b.Counts, Consumer: b.Consumer, ContainsReal: b.ContainsReal,
		Signers: []string{}, Holders: []string{},
	}
}

// Models merges the local models with the announced ones as Sets does, ordered by
// task name and CID.
func (c *Catalogue) Models(ctx context.Context) ([]operations.ModelInfo, error) {
	infos := map[listed]operations.ModelInfo{}
	here, err := c.here(ctx, announce.SubjectModel)
	if err != nil {
		return nil, err
	}
	for _, h := range here {
		info, err := c.localModel(ctx, h)
		if err != nil {
			c.log.Warn("pinned model cannot be read", "model", h.Root, "error", err)
			continue
		}
		infos[listed{h.Root, h.Task}] = info
	}
	for _, claim := range c.Claims(ctx, announce.Query{Subject: announce.SubjectModel}) {
		if h, ok := here[claim.Root]; !ok || h.Task.Equals(claim.Task) {
			c.mergeModel(ctx, infos, claim)
		}
	}
	out := make([]operations.ModelInfo, 0, len(infos))
	for _, i := range infos {
		out = append(out, i)
	}
	slices.SortFunc(out, func(a, b operations.ModelInfo) int {
		return cmp.Or(strings.Compare(a.TaskName, b.TaskName), strings.Compare(a.CID, b.CID),
			strings.Compare(a.Task, b.Task))
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

func (c *Catalogue) mergeModel(ctx context.Context, infos map[listed]operations.ModelInfo, claim Claim) {
	key := listed{claim.Root, claim.Task}
	info, ok := infos[key]
	if !ok {
		t, err := c.TaskHere(ctx, claim.Task)
		if err != nil {
			return
		}
		info = operations.ModelInfo{CID: claim.Root.String(), Task: claim.Task.String(), TaskName: t.Name,
			Model: claim.Model.Model, Bytes: claim.Bytes, Sets: claim.Model.Sets}
	}
	if claim.Kind == announce.Offer {
		info.Signer = claim.Signer.String()
	}
	infos[key] = info
}

// FindRoot finds a set or model by CID or unique prefix, among those that are here,
// and only if none of them fits, among the announced ones.
func (c *Catalogue) FindRoot(ctx context.Context, name string) (cid.Cid, error) {
	if root, err := cid.Decode(name); err == nil {
		return root, nil
	}
	known, err := c.held.Roots(ctx)
	if err != nil {
		return cid.Undef, err
	}
	found := named(known, name)
	if len(found) == 0 {
		var announced []cid.Cid
		for _, r := range c.held.Book.Live(announce.Query{}) {
			if r.Subject != announce.SubjectScore { // what it is about need not exist
				announced = append(announced, r.Root)
			}
		}
		found = named(announced, name)
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

// named returns the distinct CIDs that name fits.
func named(known []cid.Cid, name string) (found []cid.Cid) {
	seen := map[cid.Cid]bool{}
	for _, c := range known {
		if c.Defined() && !seen[c] && isNamed(c, name) {
			seen[c] = true
			found = append(found, c)
		}
	}
	return found
}

// SubjectOf is the task and subject under which a root is stored here, or else what
// the first of the claims about it says; undefined when it is neither.
func (c *Catalogue) SubjectOf(ctx context.Context, root cid.Cid) (task cid.Cid, subject announce.Subject) {
	if h, err := c.held.Find(ctx, root); err == nil {
		return h.Task, h.Subject
	}
	for _, claim := range c.Claims(ctx, announce.Query{Root: root}) {
		return claim.Task, claim.Subject
	}
	return cid.Undef, ""
}
