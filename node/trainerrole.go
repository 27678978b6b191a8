package node

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/distillmesh/distillmesh/node/fetching"
	"github.com/distillmesh/distillmesh/node/holdings"
	"github.com/distillmesh/distillmesh/node/trainer"
	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/plan"
)

// runTrainer runs the trainer until the node closes.
func (n *Node) runTrainer() {
	announced := make(chan struct{}, 1)
	cancel := n.held.Book.Watch(func(announce.Record) {
		select {
		case announced <- struct{}{}:
		default: // a look is due already
		}
	})
	defer cancel()
	cfg := n.config.Trainer
	opt := trainer.Options{MaxTasks: cfg.MaxTasks, Auto: cfg.Auto, Settle: cfg.Settle.Std(), Log: n.log,
		Queue: fetching.Options{Proven: n.proven}}
	trainer.New(trainerNode{n}, opt).Run(n.ctx, announced)
}

// proven reports whether content of a signer was verified here before, and no score of it was
// found false since.
func (n *Node) proven(signer string) bool {
	id, err := peer.Decode(signer)
	return err == nil && (id == n.id || n.known.Proven(id) && !n.known.HasFailed(signer))
}

// trainerNode adapts a node to trainer.Node.
type trainerNode struct{ n *Node }

// Look implements trainer.Node.
func (t trainerNode) Look(ctx context.Context) (trainer.View, error) {
	held := t.n.held
	var view trainer.View
	names := map[peer.ID]string{}
	for _, r := range held.Book.Live(announce.Query{Subject: announce.SubjectTask}) {
		view.Announced = offered(view.Announced, r.Task, r.Task, nameOf(r.Signer, names))
		it := &view.Announced[len(view.Announced)-1]
		it.Origins = append(it.Origins, r.Origin)
	}
	sets, err := held.List(ctx, announce.SubjectSet, cid.Undef)
	if err != nil {
		return view, err
	}
	here := map[cid.Cid]bool{}
	byTask := map[cid.Cid][]holdings.Holding{}
	for _, h := range sets {
		here[h.Root] = true
		byTask[h.Task] = append(byTask[h.Task], h)
	}
	for _, task := range t.n.mesh.Tasks() {
		seen := trainer.Task{CID: task, Held: rootsOf(byTask[task]), Auto: held.State.JoinedByTrainer(task)}
		for _, claim := range t.n.known.Claims(ctx, announce.Query{Task: task, Subject: announce.SubjectSet}) {
			if !here[claim.Root] && !held.State.Removed(claim.Root) && claim.Bytes <= int64(t.n.config.Trainer.MaxSetSize) {
				seen.Missing = offered(seen.Missing, claim.Root, task, nameOf(claim.Signer, names))
			}
		}
		view.Joined = append(view.Joined, seen)
	}
	return view, nil
}

// offered adds one more offer to items, which are in order of root.
func offered(items []fetching.Item, root, task cid.Cid, signer string) []fetching.Item {
	if last := len(items) - 1; last >= 0 && items[last].Root.Equals(root) {
		items[last].Signers = append(items[last].Signers, signer)
		return items
	}
	return append(items, fetching.Item{Root: root, Task: task, Signers: []string{signer}})
}

// nameOf is the text of a node's id, made once for all that it signed.
func nameOf(id peer.ID, names map[peer.ID]string) string {
	name, ok := names[id]
	if !ok {
		name = id.String()
		names[id] = name
	}
	return name
}

// Join implements trainer.Node.
func (t trainerNode) Join(ctx context.Context, task cid.Cid) error {
	if !slices.ContainsFunc(t.n.mesh.Tasks(), task.Equals) {
		if err := t.n.takePartIn(ctx, task); err != nil {
			return err
		}
		if err := t.n.held.State.MarkJoined(task, true); err != nil {
			return err
		}
	}
	return t.n.announceTrainer(ctx, task)
}

// Leave implements trainer.Node.
func (t trainerNode) Leave(ctx context.Context, task cid.Cid) error {
	for _, r := range t.n.held.Book.Live(announce.Query{Task: task, Subject: announce.SubjectTrainer, Signer: t.n.id}) {
		if err := t.n.mesh.Withdraw(ctx, r); err != nil {
			return err
		}
	}
	if err := t.n.mesh.Leave(task); err != nil {
		return err
	}
	return t.n.held.RemoveTask(ctx, task)
}

// Fetch implements trainer.Node. A set that was removed since the trainer looked is not fetched.
func (t trainerNode) Fetch(ctx context.Context, set cid.Cid) (trainer.Fetched, error) {
	if _, err := t.n.held.Find(ctx, set); err == nil || t.n.held.State.Removed(set) {
		return trainer.Fetched{Here: true}, nil
	}
	got, err := t.n.fetchRoot(ctx, set, wish{})
	return trainer.Fetched{Bytes: got.Bytes}, err
}

// trainingLog is the log of automatic trainings; each overwrites the last.
const trainingLog = "training.log"

// Train implements trainer.Node: it runs the train verb on this home in a process
// of its own, so that the node's process stays small. When ctx ends, that process
// is asked to stop too, and keeps a checkpoint.
func (t trainerNode) Train(ctx context.Context, task cid.Cid) error {
	n := t.n
	self, err := os.Executable()
	if err != nil {
		return err
	}
	path := n.home.File(trainingLog)
	log, err := os.Create(path)
	if err != nil {
		return err
	}
	defer log.Close()
	model := n.config.Trainer.Model
	n.log.Info("training", "task", task, "model", model)
	var text bytes.Buffer
	p := plan.Train{Task: task.String(), Model: model, Held: true, Publish: true, Licence: n.config.Publish.Licence,
		Device: device.Choice{Name: n.config.Trainer.Device}}
	if err := p.Write(&text); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, "train", "--plan", "-")
	cmd.Stdin = &text
	cmd.Env = append(os.Environ(), "DISTILLMESH_PATH="+n.home.Path)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w, see %s", err, path)
	}
	n.log.Info("trained", "task", task, "model", model)
	return nil
}
