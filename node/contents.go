package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/catalogue"
	"github.com/distillmesh/distillmesh/node/holdings"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/p2p"
	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/blocks"
	"github.com/distillmesh/distillmesh/train/data"
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

// firstBlock is how long the first block of a fetch may take, and stallTimeout any later one.
const (
	firstBlock   = 15 * time.Second
	stallTimeout = 60 * time.Second
)

// logicalBound is how many bytes the files of a set or model may have together that is
// claimed to have so many in its blocks. Equal blocks are stored once and read as often
// as they are referred to, which honest sets hardly do.
func (n *Node) logicalBound(claimed int64) int64 {
	return min(int64(n.config.Trainer.MaxSetSize), 2*claimed+1<<20)
}

func (n *Node) fetch(ctx context.Context, req operations.RootRequest, report api.Report) (operations.Fetched, error) {
	root, err := n.known.FindRoot(ctx, req.CID)
	if err != nil {
		return operations.Fetched{}, err
	}
	if err := n.held.State.Restore(root); err != nil {
		return operations.Fetched{}, err
	}
	return n.fetchRoot(ctx, root, wish{report: report})
}

// wish is how somebody wants a root to be fetched.
type wish struct {
	from     []peer.ID // the peers to ask first
	report   api.Report
	complete func() // called when all of it is here, before it is verified; nil for nothing
}

// fetchRoot fetches the DAG under a root: complete, verified and pinned, or not at
// all.
func (n *Node) fetchRoot(ctx context.Context, root cid.Cid, w wish) (operations.Fetched, error) {
	out := operations.Fetched{CID: root.String(), From: []string{}}
	held, err := n.held.Find(ctx, root)
	if err == nil {
		if w.complete != nil {
			w.complete()
		}
		_, damage := n.verify(ctx, root, held.Task, held.Subject)
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
	got, err := n.fetchClaimed(ctx, root, w)
	if err != nil {
		return out, err
	}
	out.Bytes, out.Fetched = got.Bytes, got.Fetched.Bytes
	for _, id := range got.Providers {
		out.From = append(out.From, id.String())
	}
	return out, nil
}

// fetchClaimed fetches a root as one of the claims about it says, whichever is true.
// Each is tried until the content refutes it; when the content does not arrive, no
// other claim would help.
func (n *Node) fetchClaimed(ctx context.Context, root cid.Cid, w wish) (got p2p.FetchResult, err error) {
	err = api.Fail(api.CodeNotFound, "see what is announced with 'distillmesh ls --remote'",
		"nobody this node knows announces %s", root)
	tried := map[catalogue.Statement]bool{}
	for {
		claim, ok := n.untried(ctx, root, tried)
		if !ok {
			return got, err
		}
		tried[claim.Says()] = true
		if most := int64(n.config.Trainer.MaxSetSize); claim.Bytes > most {
			err = fmt.Errorf("fetch %s: %w: %d bytes announced, at most %d wanted", root, p2p.ErrTooLarge, claim.Bytes, most)
			continue
		}
		t, unknown := n.known.Task(ctx, claim.Task)
		if unknown != nil {
			err = unknown
			continue
		}
		got, err = n.fetchAnnounced(ctx, claim, t, w)
		n.known.Judge(claim, got.Bytes, err)
		if err == nil || !catalogue.Refutes(err) {
			return got, err
		}
		err = fmt.Errorf("%w: %w", blocks.ErrRefused, err)
	}
}

// untried returns the first claim about a root that differs from all that were tried.
func (n *Node) untried(ctx context.Context, root cid.Cid, tried map[catalogue.Statement]bool) (catalogue.Claim, bool) {
	for _, claim := range n.known.Claims(ctx, announce.Query{Root: root}) {
		if !tried[claim.Says()] {
			return claim, true
		}
	}
	return catalogue.Claim{}, false
}

// fetchAnnounced fetches a set or model as a claim says, joins its task and announces
// that this node serves a copy. The size that the claim says bounds the fetch.
func (n *Node) fetchAnnounced(ctx context.Context, claim catalogue.Claim, t *data.Task, w wish) (p2p.FetchResult,
	error) {
	stage := "fetch " + shortCID(claim.Root)
	var said manifest
	got, err := n.mesh.Fetch(ctx, claim.Root, p2p.FetchOptions{
		MaxBytes: claim.Bytes, MaxLogical: n.logicalBound(claim.Bytes), Size: claim.Bytes,
		Pin: holdings.PinName(claim.Subject, claim.Task), MaxDepth: 8, MaxEntries: 1024, From: w.from,
		Complete: w.complete,
		Pace:     blocks.Pace{FirstBlock: firstBlock, Stall: stallTimeout, MinRate: int64(n.config.Trainer.MinRate)},
		Verify: func(fsys fs.FS) (err error) {
			said, err = verifyFiles(fsys, t, claim.Subject, n.limits())
			return err
		},
		Progress: func(done, total int64) {
			w.report.Say(api.Progress{Stage: stage, Done: done, Total: total, Unit: "B"})
		},
	})
	if err != nil {
		return got, err
	}
	if err := n.takePart(ctx, t); err != nil {
		return got, err
	}
	held := holdings.Holding{Root: claim.Root, Task: claim.Task, Subject: claim.Subject, Stat: got.Stat}
	return got, n.announceHolding(ctx, announce.Have, held, said)
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
