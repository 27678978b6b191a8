package node

import (
	"context"
	"errors"
	"io/fs"
	"testing/fstest"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/blocks"
)

// Files is a small directory on its way through the API: name to content.
type Files map[string][]byte

// FS gives the files as a file system.
func (f Files) FS() fs.FS {
	out := fstest.MapFS{}
	for name, content := range f {
		out[name] = &fstest.MapFile{Data: content, Mode: 0o644}
	}
	return out
}

// FilesOf reads a flat directory whole.
func FilesOf(fsys fs.FS) (Files, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, err
	}
	out := Files{}
	for _, e := range entries {
		if out[e.Name()], err = fs.ReadFile(fsys, e.Name()); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// AddSetRequest hands a set to the node's store.
type AddSetRequest struct {
	Task   string `json:"task"` // CID
	Origin string `json:"origin"`
	Files  Files  `json:"files"`
}

// AddSet verifies a set made here, stores and pins it. It is not announced.
var AddSet = newOp("set-add", func(n *Node, ctx context.Context, req AddSetRequest, _ Report) (SetInfo, error) {
	taskCID, t, err := n.resolveTask(ctx, req.Task)
	if err != nil {
		return SetInfo{}, err
	}
	if _, err := artifact.ReadSet(req.Files.FS(), t, artifact.Limits{}); err != nil {
		return SetInfo{}, err
	}
	if _, err := n.takePart(ctx, t); err != nil {
		return SetInfo{}, err
	}
	root, stat, err := n.store.AddFS(ctx, req.Files.FS(), pinSet(taskCID))
	if err != nil {
		return SetInfo{}, err
	}
	err = n.notes.change(func(all *notes) {
		all.Origins[root.String()] = req.Origin
		delete(all.Removed, root.String())
	})
	if err != nil {
		return SetInfo{}, err
	}
	info, err := n.localSet(ctx, root)
	if err != nil {
		return SetInfo{}, err
	}
	info.Bytes, info.Blocks = stat.Bytes, stat.Blocks
	return *info, nil
})

// RootRequest names a set or model by CID or unique prefix.
type RootRequest struct {
	CID string `json:"cid"`
}

// Content is a set or model read whole.
type Content struct {
	CID     string `json:"cid"`
	Task    string `json:"task"`
	Subject string `json:"subject"` // set or model
	Origin  string `json:"origin,omitempty"`
	Files   Files  `json:"files"`
}

// Read gives the files of something that is here.
var Read = newOp("read", func(n *Node, ctx context.Context, req RootRequest, _ Report) (Content, error) {
	root, err := n.resolveRoot(ctx, req.CID)
	if err != nil {
		return Content{}, err
	}
	fsys, err := n.store.FS(ctx, root)
	if errors.Is(err, blocks.ErrNotFound) {
		return Content{}, Fail(CodeNotFound, "fetch it with 'distillmesh get "+root.String()+"'", "%s is not here", root)
	}
	if err != nil {
		return Content{}, err
	}
	files, err := FilesOf(fsys)
	if err != nil {
		return Content{}, err
	}
	task, subject := n.taskOfRoot(ctx, root)
	out := Content{CID: root.String(), Subject: string(subject), Origin: n.notes.origin(root), Files: files}
	if task.Defined() {
		out.Task = task.String()
	}
	return out, nil
})

// PublishRequest announces something that is here.
type PublishRequest struct {
	CID       string `json:"cid"`
	AllowReal bool   `json:"allow_real,omitempty"`
	DryRun    bool   `json:"dry_run,omitempty"` // check alone
}

// Published says what was announced, or would be.
type Published struct {
	Set       SetInfo `json:"set"`
	Announced bool    `json:"announced"` // false: at the next run
	Bytes     int64   `json:"bytes"`
}

// Publish announces a set: now when online, else at the next run. It refuses
// sets that hold real samples, or average fewer than ten, without the owner's
// word.
var Publish = newOp("publish", func(n *Node, ctx context.Context, req PublishRequest, _ Report) (Published, error) {
	root, err := n.resolveRoot(ctx, req.CID)
	if err != nil {
		return Published{}, err
	}
	taskCID, subject := n.taskOfRoot(ctx, root)
	if subject != announce.SubjectSet {
		return Published{}, Fail(CodeUsage, "list sets with 'distillmesh ls'", "%s is not a set of this node", root)
	}
	set, err := n.readSet(ctx, root, taskCID)
	if err != nil {
		return Published{}, err
	}
	if name, empty := n.notes.emptyOrigin(root); empty {
		return Published{}, Fail(CodeRefused,
			"let go of it with 'distillmesh rm "+root.String()+"', and distil a part that has samples",
			"the set was made of %s, which has no samples: it holds data of other parts", name)
	}
	if err := mayLeave(set.Manifest); err != nil && !req.AllowReal {
		return Published{}, err
	}
	info, err := n.localSet(ctx, root)
	if err != nil {
		return Published{}, err
	}
	stat, err := n.stat(ctx, root)
	if err != nil {
		return Published{}, err
	}
	info.Bytes, info.Blocks = stat.Bytes, stat.Blocks
	out := Published{Set: *info, Announced: n.mesh != nil && !req.DryRun, Bytes: stat.Bytes}
	if req.DryRun {
		return out, nil
	}
	out.Set.Published = true
	return out, n.announceSet(ctx, announce.Offer, root, stat, taskCID, set.Manifest)
})

// mayLeave is the rule of what is published without the owner's word.
func mayLeave(m artifact.Manifest) error {
	const hint = "look at it with 'publish --dry-run'; publish it all the same with --allow-real"
	switch {
	case m.ContainsReal:
		return Fail(CodeRefused, hint, "the set holds real samples (nearest_real %.4g is below 0.5)", m.NearestReal)
	case m.SmallestGroup > 0 && m.SmallestGroup < distill.LeastGroup:
		return Fail(CodeRefused, hint, "an image of the set averages %d real samples, fewer than %d", m.SmallestGroup, distill.LeastGroup)
	}
	return nil
}

// readSet reads and verifies a set in the store.
func (n *Node) readSet(ctx context.Context, root, task cid.Cid) (*artifact.Set, error) {
	t, err := n.task(ctx, task)
	if err != nil {
		return nil, err
	}
	fsys, err := n.store.FS(ctx, root)
	if err != nil {
		return nil, err
	}
	return artifact.ReadSet(fsys, t, artifact.Limits{})
}

// stat is the size of a pinned root.
func (n *Node) stat(ctx context.Context, root cid.Cid) (blocks.Stat, error) {
	pins, err := n.store.Pins(ctx)
	if err != nil {
		return blocks.Stat{}, err
	}
	for _, p := range pins {
		if p.Root.Equals(root) {
			return p.Stat, nil
		}
	}
	return blocks.Stat{}, blocks.ErrNotPinned
}

// announceSet tells the mesh of a set, and of its task before it.
func (n *Node) announceSet(ctx context.Context, kind announce.Kind, root cid.Cid, stat blocks.Stat, task cid.Cid, m artifact.Manifest) error {
	body, err := encodeBody(SetBody{Method: m.Method.Name, Images: m.Images.Count, Counts: m.Counts, Consumer: m.Consumer,
		Formation: m.Formation.Factor, ContainsReal: m.ContainsReal})
	if err != nil {
		return err
	}
	if err := n.announceTask(ctx, task); err != nil {
		return err
	}
	return n.tell(ctx, announce.Announcement{Task: task, Kind: kind, Subject: announce.SubjectSet, Root: root,
		Bytes: stat.Bytes, Blocks: stat.Blocks, Schema: schemaSet, Body: body})
}

// announceTask offers the document of a task that this node takes part in,
// unless it does so already.
func (n *Node) announceTask(ctx context.Context, task cid.Cid) error {
	t, err := n.task(ctx, task)
	if err != nil {
		return err
	}
	if _, err := n.takePart(ctx, t); err != nil {
		return err
	}
	if len(n.book.Live(announce.Query{Task: task, Subject: announce.SubjectTask, Signer: n.id})) > 0 {
		return nil
	}
	doc, err := artifact.EncodeTask(t)
	if err != nil {
		return err
	}
	return n.tell(ctx, announce.Announcement{Task: task, Kind: announce.Offer, Subject: announce.SubjectTask, Root: task,
		Bytes: int64(len(doc)), Blocks: 1})
}

// tell signs a draft and announces it: now when online, else at the next run.
func (n *Node) tell(ctx context.Context, draft announce.Announcement) (err error) {
	if n.mesh != nil {
		_, err = n.mesh.Publish(ctx, draft)
	} else {
		_, err = n.book.Issue(ctx, n.key, draft)
	}
	return err
}

// Remove withdraws what this node announced of a root and lets go of it.
var Remove = newOp("remove", func(n *Node, ctx context.Context, req RootRequest, _ Report) (Content, error) {
	root, err := n.resolveRoot(ctx, req.CID)
	if err != nil {
		return Content{}, err
	}
	task, subject := n.taskOfRoot(ctx, root)
	for _, r := range n.book.Live(announce.Query{Root: root, Signer: n.id}) {
		if n.mesh != nil {
			err = n.mesh.Withdraw(ctx, r)
		} else {
			_, err = n.book.Issue(ctx, n.key, announce.Announcement{Task: r.Task, Kind: announce.Withdraw, Subject: r.Subject, Root: r.Root})
		}
		if err != nil {
			return Content{}, err
		}
	}
	if err := n.store.Unpin(ctx, root); errors.Is(err, blocks.ErrNotPinned) {
		return Content{}, Fail(CodeNotFound, "list what is here with 'distillmesh ls'", "%s is not kept here", root)
	} else if err != nil {
		return Content{}, err
	}
	_, err = n.store.Collect(ctx)
	return Content{CID: root.String(), Task: task.String(), Subject: string(subject)}, errors.Join(err,
		n.notes.change(func(all *notes) {
			delete(all.Origins, root.String())
			if all.Removed == nil {
				all.Removed = map[string]bool{}
			}
			all.Removed[root.String()] = true
		}))
})
