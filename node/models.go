package node

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/blocks"
)

// pinModel is the name under which the models of a task are pinned.
func pinModel(task cid.Cid) string { return "model/" + task.String() }

// ModelInfo is a model as lists show it.
type ModelInfo struct {
	CID      string                `json:"cid"`
	Task     string                `json:"task"`
	TaskName string                `json:"task_name"`
	Model    string                `json:"model"`
	Bytes    int64                 `json:"bytes"`
	Sets     int                   `json:"sets"`
	Samples  int                   `json:"samples,omitempty"`
	Accuracy *artifact.Measurement `json:"accuracy,omitempty"`
	Here     bool                  `json:"here"`
	Signer   string                `json:"signer,omitempty"`
}

// AddModelRequest hands a trained model to the node.
type AddModelRequest struct {
	Task    string `json:"task"`
	Publish bool   `json:"publish"`
	Files   Files  `json:"files"`
}

// AddModel verifies a model trained here, stores and pins it and, if asked,
// announces it.
var AddModel = newOp("model-add", func(n *Node, ctx context.Context, req AddModelRequest, _ Report) (ModelInfo, error) {
	task, t, err := n.resolveTask(ctx, req.Task)
	if err != nil {
		return ModelInfo{}, err
	}
	if _, err := artifact.ReadModel(req.Files.FS(), t, artifact.Limits{}); err != nil {
		return ModelInfo{}, err
	}
	if _, err := n.takePart(ctx, t); err != nil {
		return ModelInfo{}, err
	}
	root, stat, err := n.store.AddFS(ctx, req.Files.FS(), pinModel(task))
	if err != nil {
		return ModelInfo{}, err
	}
	if req.Publish {
		if err := n.announceModel(ctx, announce.Offer, root, stat, task); err != nil {
			return ModelInfo{}, err
		}
	}
	return n.localModel(ctx, root, stat.Bytes)
})

// announceModel tells the mesh of a model that is here.
func (n *Node) announceModel(ctx context.Context, kind announce.Kind, root cid.Cid, stat blocks.Stat, task cid.Cid) error {
	info, err := n.localModel(ctx, root, stat.Bytes)
	if err != nil {
		return err
	}
	body, err := encodeBody(ModelBody{Model: info.Model, Sets: info.Sets})
	if err != nil {
		return err
	}
	if err := n.announceTask(ctx, task); err != nil {
		return err
	}
	return n.tell(ctx, announce.Announcement{Task: task, Kind: kind, Subject: announce.SubjectModel, Root: root,
		Bytes: stat.Bytes, Blocks: stat.Blocks, Schema: schemaModel, Body: body})
}

func (n *Node) localModel(ctx context.Context, root cid.Cid, bytes int64) (ModelInfo, error) {
	fsys, err := n.store.FS(ctx, root)
	if err != nil {
		return ModelInfo{}, err
	}
	m, err := artifact.ReadModelManifest(fsys, artifact.Limits{})
	if err != nil {
		return ModelInfo{}, err
	}
	return ModelInfo{CID: root.String(), Task: m.Task, TaskName: m.TaskName, Model: m.Model, Bytes: bytes,
		Sets: len(m.Sets), Samples: m.Samples, Accuracy: m.Accuracy, Here: true}, nil
}

// Models lists the models that are here or announced.
var Models = newOp("models", func(n *Node, ctx context.Context, _ None, _ Report) ([]ModelInfo, error) {
	infos := map[cid.Cid]ModelInfo{}
	pins, err := n.store.Pins(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range pins {
		if !strings.HasPrefix(p.Name, "model/") {
			continue
		}
		info, err := n.localModel(ctx, p.Root, p.Bytes)
		if err != nil {
			n.log.Warn("pinned model cannot be read", "model", p.Root, "error", err)
			continue
		}
		infos[p.Root] = info
	}
	for _, r := range n.book.Live(announce.Query{Subject: announce.SubjectModel}) {
		n.mergeModel(ctx, infos, r)
	}
	out := make([]ModelInfo, 0, len(infos))
	for _, i := range infos {
		out = append(out, i)
	}
	slices.SortFunc(out, func(a, b ModelInfo) int {
		return cmp.Or(strings.Compare(a.TaskName, b.TaskName), strings.Compare(a.CID, b.CID))
	})
	return out, nil
})

func (n *Node) mergeModel(ctx context.Context, infos map[cid.Cid]ModelInfo, r announce.Record) {
	info, ok := infos[r.Root]
	if !ok {
		t, err := n.taskHere(ctx, r.Task)
		var body ModelBody
		if err != nil || r.Schema != schemaModel || decodeBody(r.Body, &body) != nil {
			return
		}
		info = ModelInfo{CID: r.Root.String(), Task: r.Task.String(), TaskName: t.Name, Model: body.Model, Bytes: r.Bytes, Sets: body.Sets}
	}
	if r.Kind == announce.Offer {
		info.Signer = r.Signer.String()
	}
	infos[r.Root] = info
}

// HeldSets lists the sets of a task that are complete here.
var HeldSets = newOp("sets-held", func(n *Node, ctx context.Context, req TaskRequest, _ Report) ([]string, error) {
	task, _, err := n.resolveTask(ctx, req.Name)
	if err != nil {
		return nil, err
	}
	return n.heldSets(ctx, task)
})
