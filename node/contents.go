package node

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/holdings"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/p2p"
	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/blocks"
)

func (n *Node) read(ctx context.Context, req operations.RootRequest, _ api.Report) (operations.Content, fs.FS, error) {
	root, err := n.known.FindRoot(ctx, req.CID)
	if err != nil {
		return operations.Content{}, nil, err
	}
	fsys, err := n.held.Files(ctx, root)
	if errors.Is(err, blocks.ErrNotFound) {
		return operations.Content{}, nil, api.Fail(api.CodeNotFound,
			"fetch it with 'distillmesh get "+root.String()+"'",
			"%s is not here", root)
	}
	if err != nil {
		return operations.Content{}, nil, err
	}
	task, subject := n.known.SubjectOf(ctx, root)
	out := operations.Content{CID: root.String(), Subject: string(subject), Origin: n.held.State.Origin(root)}
	if task.Defined() {
		out.Task = task.String()
	}
	return out, fsys, nil
}

// stallTimeout is how long a fetch may go without a block.
const stallTimeout = 60 * time.Second

func (n *Node) fetch(ctx context.Context, req operations.RootRequest, report api.Report) (operations.Fetched, error) {
	root, err := n.known.FindRoot(ctx, req.CID)
	if err != nil {
		return operations.Fetched{}, err
	}
	if err := n.held.State.Restore(root); err != nil {
		return operations.Fetched{}, err
	}
	return n.fetchRoot(ctx, root, nil, report)
}

// fetchRoot fetches the DAG under a root: complete, verified and pinned, or not at
// all. from are the peers to ask first.
func (n *Node) fetchRoot(ctx context.Context, root cid.Cid, from []peer.ID, report api.Report) (
	operations.Fetched, error) {
	out := operations.Fetched{CID: root.String(), From: []string{}}
	task, subject := n.known.SubjectOf(ctx, root)
	if held, err := n.held.Find(ctx, root); err == nil {
		_, damage := n.verify(ctx, root, task, subject)
		if damage == nil {
			out.Bytes, out.Here = held.Bytes, true
			return out, nil
		}
		if n.mesh == nil {
			return out, damage
		}
		n.log.Warn("the copy here is damaged; fetching it again", "root", root, "error", damage)
		if err := n.held.Discard(ctx, root); err != nil {
			return out, err
		}
	}
	if n.mesh == nil {
		return out, needsMesh("fetching")
	}
	if !task.Defined() {
		return out, api.Fail(api.CodeNotFound, "see what is announced with 'distillmesh ls --remote'",
			"nobody this node knows announces %s", root)
	}
	got, err := n.fetchAnnounced(ctx, holdings.Holding{Root: root, Task: task, Subject: subject}, from, report)
	if err != nil {
		return out, err
	}
	out.Bytes, out.Fetched = got.Bytes, got.Fetched.Bytes
	for _, id := range got.Providers {
		out.From = append(out.From, id.String())
	}
	return out, nil
}

// fetchAnnounced fetches an announced set or model, joins its task and announces
// that this node serves a copy.
func (n *Node) fetchAnnounced(ctx context.Context, want holdings.Holding, from []peer.ID, report api.Report) (
	p2p.FetchResult, error) {
	t, err := n.known.Task(ctx, want.Task)
	if err != nil {
		return p2p.FetchResult{}, err
	}
	stage := "fetch " + shortCID(want.Root)
	var said manifest
	got, err := n.mesh.Fetch(ctx, want.Root, p2p.FetchOptions{
		MaxBytes: int64(n.config.Trainer.MaxSetSize), Size: n.announcedSize(want.Root),
		Pin: holdings.PinName(want.Subject, want.Task), MaxDepth: 8, MaxEntries: 64, From: from,
		Pace: blocks.Pace{Stall: stallTimeout},
		Verify: func(fsys fs.FS) (err error) {
			said, err = verifyFiles(fsys, t, want.Subject)
			return err
		},
		Progress: func(done, total int64) {
			report.Say(api.Progress{Stage: stage, Done: done, Total: total, Unit: "B"})
		},
	})
	if err != nil {
		return got, err
	}
	if err := n.takePart(ctx, t); err != nil {
		return got, err
	}
	want.Stat = got.Stat
	return got, n.announceHolding(ctx, announce.Have, want, said)
}

func (n *Node) announcedSize(root cid.Cid) int64 {
	for _, r := range n.held.Book.Live(announce.Query{Root: root}) {
		return r.Bytes
	}
	return 0
}

// shortCID is a CID as tables show it.
func shortCID(c cid.Cid) string {
	s := c.String()
	return s[:4] + ".." + s[len(s)-8:]
}

func (n *Node) remove(ctx context.Context, req operations.RootRequest, _ api.Report) (operations.Content, error) {
	root, err := n.known.FindRoot(ctx, req.CID)
	if err != nil {
		return operations.Content{}, err
	}
	task, subject := n.known.SubjectOf(ctx, root)
	for _, r := range n.held.Book.Live(announce.Query{Root: root, Signer: n.id}) {
		if err := n.withdraw(ctx, r); err != nil {
			return operations.Content{}, err
		}
	}
	err = n.held.Remove(ctx, root)
	if errors.Is(err, blocks.ErrNotPinned) {
		return operations.Content{}, api.Fail(api.CodeNotFound, "list what is here with 'distillmesh ls'",
			"%s is not kept here", root)
	}
	return operations.Content{CID: root.String(), Task: task.String(), Subject: string(subject)}, err
}
