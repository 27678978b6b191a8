package node

import (
	"context"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/node/catalogue"
	"github.com/distillmesh/distillmesh/node/holdings"
	"github.com/distillmesh/distillmesh/p2p/announce"
)

// announceHolding tells the mesh of a set or model that is here, and of its task
// before it, by what its manifest says.
func (n *Node) announceHolding(ctx context.Context, kind announce.Kind, h holdings.Holding, m manifest) error {
	schema, body := m.body()
	encoded, err := catalogue.EncodeBody(body)
	if err != nil {
		return err
	}
	if err := n.announceTask(ctx, h.Task); err != nil {
		return err
	}
	return n.announce(ctx, announce.Announcement{Task: h.Task, Kind: kind, Subject: h.Subject, Root: h.Root,
		Bytes: h.Bytes, Blocks: h.Blocks, Schema: schema, Body: encoded})
}

// announceTask announces the document of a task that this node has joined,
// unless it is announced already.
func (n *Node) announceTask(ctx context.Context, task cid.Cid) error {
	t, err := n.known.Task(ctx, task)
	if err != nil {
		return err
	}
	if err := n.takePart(ctx, t); err != nil {
		return err
	}
	mine := announce.Query{Task: task, Subject: announce.SubjectTask, Signer: n.id}
	if len(n.held.Book.Live(mine)) > 0 {
		return nil
	}
	doc, err := artifact.EncodeTask(t)
	if err != nil {
		return err
	}
	return n.announce(ctx, announce.Announcement{Task: task, Kind: announce.Offer, Subject: announce.SubjectTask,
		Root: task, Bytes: int64(len(doc)), Blocks: 1})
}

// announceTrainer announces this node as a trainer of a task, unless it is announced already.
func (n *Node) announceTrainer(ctx context.Context, task cid.Cid) error {
	mine := announce.Query{Task: task, Subject: announce.SubjectTrainer, Signer: n.id}
	if len(n.held.Book.Live(mine)) > 0 {
		return nil
	}
	cfg := n.config.Trainer
	body, err := catalogue.EncodeBody(catalogue.TrainerBody{Model: cfg.Model, Auto: cfg.Auto})
	if err != nil {
		return err
	}
	return n.announce(ctx, announce.Announcement{Task: task, Kind: announce.Offer, Subject: announce.SubjectTrainer,
		Schema: catalogue.SchemaTrainer, Body: body})
}

// announce signs a draft and announces it: now when online, else at the next run.
func (n *Node) announce(ctx context.Context, draft announce.Announcement) (err error) {
	if n.mesh != nil {
		_, err = n.mesh.Publish(ctx, draft)
	} else {
		_, err = n.held.Book.Issue(ctx, n.key, draft)
	}
	return err
}

// withdraw withdraws an announcement of this node: now when online, else at the
// next run.
func (n *Node) withdraw(ctx context.Context, r announce.Record) error {
	return n.announce(ctx, announce.Announcement{Task: r.Task, Kind: announce.Withdraw, Subject: r.Subject,
		Root: r.Root})
}
