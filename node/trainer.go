package node

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/p2p/announce"
)

// trainer is what a node in that role does by itself: it joins every task it
// hears of, fetches and pins their sets within its quota, announces that it
// has them and so serves them on, and, when told to, trains.
type trainer struct {
	node    *Node
	heard   chan struct{}         // something new was announced
	retryAt map[cid.Cid]time.Time // sets that could not be fetched
	fails   map[cid.Cid]int       // in a row
	trained map[cid.Cid][]string  // sets of the last automatic training
	changed map[cid.Cid]time.Time // when the sets of a task last changed
}

// Waiting times of a trainer. Failed fetches are tried again after retryFirst,
// doubling up to retryMost.
const (
	retryFirst = 5 * time.Second
	retryMost  = 10 * time.Minute
	lookEvery  = 30 * time.Second
)

func newTrainer(n *Node) *trainer {
	return &trainer{node: n, heard: make(chan struct{}, 1), retryAt: map[cid.Cid]time.Time{}, fails: map[cid.Cid]int{},
		trained: map[cid.Cid][]string{}, changed: map[cid.Cid]time.Time{}}
}

// run works until the node closes.
func (t *trainer) run() {
	cancel := t.node.book.Watch(func(announce.Record) {
		select {
		case t.heard <- struct{}{}:
		default: // a look is due already
		}
	})
	defer cancel()
	for {
		wait := t.look(t.node.ctx)
		timer := time.NewTimer(wait)
		select {
		case <-t.node.ctx.Done():
			timer.Stop()
			return
		case <-t.heard:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// look does all that is due and says when to look again at the latest.
func (t *trainer) look(ctx context.Context) time.Duration {
	n := t.node
	t.joinTasks(ctx)
	wait := lookEvery
	for _, task := range n.mesh.Tasks() {
		for _, root := range n.announcedRoots(task, announce.SubjectSet) {
			if ctx.Err() != nil {
				return wait
			}
			if due := t.retryAt[root].Sub(n.now()); due > 0 {
				wait = min(wait, due)
				continue
			}
			if again := t.take(ctx, task, root); again > 0 {
				wait = min(wait, again)
			}
		}
		if n.config.Trainer.Auto {
			wait = min(wait, t.trainWhenSettled(ctx, task))
		}
	}
	return wait
}

// joinTasks joins announced tasks up to the limit, oldest CID first.
func (t *trainer) joinTasks(ctx context.Context) {
	n := t.node
	joined := n.mesh.Tasks()
	for _, r := range n.book.Live(announce.Query{Subject: announce.SubjectTask}) {
		if len(joined) >= n.config.Trainer.MaxTasks {
			return
		}
		if slices.ContainsFunc(joined, r.Task.Equals) {
			continue
		}
		if err := n.takePartIn(ctx, r.Task); err != nil {
			n.log.Warn("cannot take part in task", "task", r.Task, "error", err)
			continue
		}
		joined = n.mesh.Tasks()
		n.log.Info("joined task", "task", r.Task)
	}
	for _, task := range joined {
		if err := n.volunteer(ctx, task); err != nil {
			n.log.Warn("cannot announce this trainer", "task", task, "error", err)
		}
	}
}

// volunteer tells a task that this node trains for it, unless it has done so.
func (n *Node) volunteer(ctx context.Context, task cid.Cid) error {
	mine := announce.Query{Task: task, Subject: announce.SubjectTrainer, Signer: n.id}
	if len(n.book.Live(mine)) > 0 {
		return nil
	}
	body, err := encodeBody(TrainerBody{Model: n.config.Trainer.Model, Auto: n.config.Trainer.Auto})
	if err != nil {
		return err
	}
	return n.tell(ctx, announce.Announcement{Task: task, Kind: announce.Offer, Subject: announce.SubjectTrainer, Schema: schemaTrainer, Body: body})
}

// retire withdraws what this home announced when it ran as a trainer.
func (n *Node) retire(ctx context.Context) error {
	for _, r := range n.book.Live(announce.Query{Subject: announce.SubjectTrainer, Signer: n.id}) {
		if err := n.mesh.Withdraw(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// take fetches one set; it returns how long to wait before trying again, or 0.
func (t *trainer) take(ctx context.Context, task, root cid.Cid) time.Duration {
	n := t.node
	if _, err := n.stat(ctx, root); err == nil {
		return 0
	}
	got, err := n.fetch(ctx, root, nil, nil)
	if err == nil {
		delete(t.retryAt, root)
		delete(t.fails, root)
		t.changed[task] = n.now()
		n.log.Info("fetched set", "set", root, "bytes", got.Bytes)
		return 0
	}
	if ctx.Err() != nil {
		return 0
	}
	wait := min(retryFirst<<min(t.fails[root], 10), retryMost)
	t.fails[root]++
	t.retryAt[root] = n.now().Add(wait)
	n.log.Warn("cannot fetch set", "set", root, "error", err, "again", wait)
	return wait
}

// trainWhenSettled trains a task whose sets have been the same for a while, in
// a process of its own, so that this one stays small.
func (t *trainer) trainWhenSettled(ctx context.Context, task cid.Cid) time.Duration {
	n := t.node
	held, err := n.heldSets(ctx, task)
	if err != nil || len(held) == 0 || slices.Equal(held, t.trained[task]) {
		return lookEvery
	}
	if due := n.config.Trainer.Settle.Std() - n.now().Sub(t.changed[task]); due > 0 {
		return due
	}
	self, err := os.Executable()
	if err != nil {
		n.log.Warn("cannot train", "error", err)
		return lookEvery
	}
	n.log.Info("training", "task", task, "model", n.config.Trainer.Model, "sets", len(held))
	cmd := exec.CommandContext(ctx, self, "train", "--task", task.String(), "--model", n.config.Trainer.Model, "--held", "--publish")
	cmd.Env = append(os.Environ(), "DISTILLMESH_PATH="+n.home.Path)
	if out, err := cmd.CombinedOutput(); err != nil {
		n.log.Warn("training failed", "task", task, "error", err, "output", string(out))
	}
	t.trained[task] = held
	return lookEvery
}
