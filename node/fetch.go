package node

import (
	"context"
	"io/fs"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/p2p"
	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/blocks"
	"github.com/distillmesh/distillmesh/train/data"
)

// stallTimeout is how long a fetch may go without a block.
const stallTimeout = 60 * time.Second

// Fetched says what a fetch did.
type Fetched struct {
	CID     string   `json:"cid"`
	Bytes   int64    `json:"bytes"`   // of the whole DAG
	Fetched int64    `json:"fetched"` // of those, over the network
	From    []string `json:"from"`
	Here    bool     `json:"here"` // it was here already
}

// Fetch brings a set or model here: complete, verified and pinned, or not at
// all. What is here already is left alone.
var Fetch = newOp("fetch", func(n *Node, ctx context.Context, req RootRequest, report Report) (Fetched, error) {
	root, err := n.resolveRoot(ctx, req.CID)
	if err != nil {
		return Fetched{}, err
	}
	if err := n.notes.restore(root); err != nil {
		return Fetched{}, err
	}
	return n.fetch(ctx, root, nil, report)
})

// fetch is Fetch of a known root; from are the peers to ask first.
func (n *Node) fetch(ctx context.Context, root cid.Cid, from []peer.ID, report Report) (Fetched, error) {
	out := Fetched{CID: root.String(), From: []string{}}
	task, subject := n.taskOfRoot(ctx, root)
	if stat, err := n.stat(ctx, root); err == nil {
		damage := n.verify(ctx, root, task, subject)
		if damage == nil {
			out.Bytes, out.Here = stat.Bytes, true
			return out, nil
		}
		if n.mesh == nil {
			return out, damage
		}
		n.log.Warn("the copy here is damaged; fetching it again", "root", root, "error", damage)
		if err := n.discard(ctx, root); err != nil {
			return out, err
		}
	}
	if n.mesh == nil {
		return out, NeedsMesh("fetching what is not here")
	}
	if !task.Defined() {
		return out, Fail(CodeNotFound, "see what is announced with 'distillmesh ls --remote'", "nobody this node knows announces %s", root)
	}
	t, err := n.task(ctx, task)
	if err != nil {
		return out, err
	}
	res, err := n.mesh.Fetch(ctx, root, p2p.FetchOptions{
		MaxBytes: int64(n.config.Trainer.MaxSetSize), Size: n.announcedSize(root), Pin: string(subject) + "/" + task.String(),
		MaxDepth: 8, MaxEntries: 64, From: from, StallTimeout: stallTimeout,
		Verify: func(fsys fs.FS) error { return verifyFS(fsys, t, subject) },
		Progress: func(done, total int64) {
			report.say(Progress{Stage: "fetch " + shortCID(root), Done: done, Total: total, Unit: "B"})
		},
	})
	if err != nil {
		return out, err
	}
	out.Bytes, out.Fetched = res.Bytes, res.Fetched.Bytes
	for _, id := range res.Providers {
		out.From = append(out.From, id.String())
	}
	if err := n.takePartIn(ctx, task); err != nil {
		return out, err
	}
	return out, n.announceHave(ctx, root, task, subject, res.Stat)
}

// verifyFS judges the files of a set or model.
func verifyFS(fsys fs.FS, t *data.Task, subject announce.Subject) (err error) {
	if subject == announce.SubjectModel {
		_, err = artifact.ReadModel(fsys, t, artifact.Limits{})
	} else {
		_, err = artifact.ReadSet(fsys, t, artifact.Limits{})
	}
	return err
}

// verify reads what is kept here once more: a disk can damage it.
func (n *Node) verify(ctx context.Context, root, task cid.Cid, subject announce.Subject) error {
	t, err := n.task(ctx, task)
	if err != nil {
		return err
	}
	fsys, err := n.store.FS(ctx, root)
	if err != nil {
		return err
	}
	return verifyFS(fsys, t, subject)
}

// discard lets go of a damaged copy, so that its blocks can come anew.
func (n *Node) discard(ctx context.Context, root cid.Cid) error {
	if err := n.store.Unpin(ctx, root); err != nil {
		return err
	}
	_, err := n.store.Collect(ctx)
	return err
}

// takePartIn remembers a task of which something is kept here.
func (n *Node) takePartIn(ctx context.Context, task cid.Cid) error {
	t, err := n.task(ctx, task)
	if err == nil {
		_, err = n.takePart(ctx, t)
	}
	return err
}

// announceHave tells the mesh that a verified copy is served here too.
func (n *Node) announceHave(ctx context.Context, root, task cid.Cid, subject announce.Subject, stat blocks.Stat) error {
	if subject == announce.SubjectModel {
		return n.announceModel(ctx, announce.Have, root, stat, task)
	}
	set, err := n.readSet(ctx, root, task)
	if err != nil {
		return err
	}
	return n.announceSet(ctx, announce.Have, root, stat, task, set.Manifest)
}

func (n *Node) announcedSize(root cid.Cid) int64 {
	for _, r := range n.book.Live(announce.Query{Root: root}) {
		return r.Bytes
	}
	return 0
}

// shortCID is a CID as tables show it.
func shortCID(c cid.Cid) string {
	s := c.String()
	return s[:4] + ".." + s[len(s)-8:]
}
