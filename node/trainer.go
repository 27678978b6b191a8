package node

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"sync"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/p2p/announce"
)

// trainer is what a node in that role does by itself: it joins every task it
// hears of, fetches and pins their sets within its quota, announces that it
// has them and so serves them on, and, when told to, trains.
type trainer struct {
	mu       sync.Mutex // guards the maps and training
	training bool       // one is running
	node     *Node
	heard    chan struct{}         // something new was announced
	retryAt  map[cid.Cid]time.Time // sets that could not be fetched
	fails    map[cid.Cid]int       // in a row
	trained  map[cid.Cid][]string  // sets of the last automatic training
	changed  map[cid.Cid]time.Time // when the sets of a task last changed
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

// fetchWorkers is how many sets a trainer fetches at once.
const fetchWorkers = 8

// look does all that is due and says when to look again at the latest.
func (t *trainer) look(ctx context.Context) time.Duration {
	n := t.node
	t.joinTasks(ctx)
	wait := lookEvery
	var fetching sync.WaitGroup
	slots := make(chan struct{}, fetchWorkers)
	for _, task := range n.mesh.Tasks() {
		for _, root := range n.announcedRoots(task, announce.SubjectSet) {
			due := t.due(root)
			if due > 0 {
				wait = min(wait, due)
			}
			if due != 0 || n.notes.removed(root) || ctx.Err() != nil {
				continue
			}
			slots <- struct{}{}
			fetching.Go(func() {
				t.take(ctx, task, root)
				<-slots
			})
		}
	}
	fetching.Wait()
	if n.config.Trainer.Auto {
		for _, task := range n.mesh.Tasks() {
			wait = min(wait, t.trainWhenSettled(ctx, task))
		}
	}
	return min(wait, t.firstRetry())
}

// due is how long a root must still be left alone after failures.
func (t *trainer) due(root cid.Cid) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return max(0, t.retryAt[root].Sub(t.node.now()))
}

// firstRetry is the time until the first failed fetch is tried again.
func (t *trainer) firstRetry() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	wait := lookEvery
	for root, at := range t.retryAt {
		if len(t.node.book.Live(announce.Query{Root: root})) == 0 && root.Defined() {
			delete(t.retryAt, root)
			delete(t.fails, root)
			continue
		}
		wait = min(wait, max(at.Sub(t.node.now()), time.Second))
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
		if slices.ContainsFunc(joined, r.Task.Equals) || t.due(r.Task) > 0 || ctx.Err() != nil {
			continue
		}
		err := n.takePartIn(ctx, r.Task)
		if wait := t.settle(r.Task, err); err != nil {
			n.log.Warn("cannot take part in task", "task", r.Task, "error", err, "again", wait)
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

// take fetches one set, or notes when to try again.
func (t *trainer) take(ctx context.Context, task, root cid.Cid) {
	n := t.node
	if _, err := n.stat(ctx, root); err == nil {
		return
	}
	got, err := n.fetch(ctx, root, nil, nil)
	if ctx.Err() != nil {
		return
	}
	if wait := t.settle(root, err); err != nil {
		n.log.Warn("cannot fetch set", "set", root, "error", err, "again", wait)
		return
	}
	t.mu.Lock()
	t.changed[task] = n.now()
	t.mu.Unlock()
	n.log.Info("fetched set", "set", root, "bytes", got.Bytes)
}

// settle notes the outcome of trying a root and returns how long to wait
// before it is tried again.
func (t *trainer) settle(root cid.Cid, err error) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		delete(t.retryAt, root)
		delete(t.fails, root)
		return 0
	}
	wait := min(retryFirst<<min(t.fails[root], 10), retryMost)
	t.fails[root]++
	t.retryAt[root] = t.node.now().Add(wait)
	return wait
}

// trainWhenSettled starts a training of a task whose sets have been the same
// for a while, in a process of its own, so that this one stays small; one at a
// time.
func (t *trainer) trainWhenSettled(ctx context.Context, task cid.Cid) time.Duration {
	n := t.node
	t.mu.Lock()
	defer t.mu.Unlock()
	held, err := n.heldSets(ctx, task)
	if err != nil || len(held) == 0 || t.training || slices.Equal(held, t.trained[task]) {
		return lookEvery
	}
	if due := n.config.Trainer.Settle.Std() - n.now().Sub(t.changed[task]); due > 0 {
		return due
	}
	t.training, t.trained[task] = true, held
	n.tasks.Go(func() {
		if err := n.trainApart(ctx, task); err != nil && ctx.Err() == nil {
			n.log.Warn("training failed", "task", task, "error", err, "see", n.home.file(trainingLog))
		}
		t.mu.Lock()
		t.training = false
		t.mu.Unlock()
	})
	return lookEvery
}

// trainingLog is where automatic trainings write, each over the last.
const trainingLog = "training.log"

// trainApart runs the train verb on this home. When the node stops it is asked
// to stop too, and keeps a checkpoint.
func (n *Node) trainApart(ctx context.Context, task cid.Cid) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	log, err := os.Create(n.home.file(trainingLog))
	if err != nil {
		return err
	}
	defer log.Close()
	n.log.Info("training", "task", task, "model", n.config.Trainer.Model)
	cmd := exec.CommandContext(ctx, self, "train", "--task", task.String(), "--model", n.config.Trainer.Model, "--held", "--publish")
	cmd.Env = append(os.Environ(), "DISTILLMESH_PATH="+n.home.Path)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil {
		return err
	}
	n.log.Info("trained", "task", task, "model", n.config.Trainer.Model)
	return nil
}
