// Package trainer is what a trainer node does automatically: it joins announced
// tasks, fetches their sets, which it then serves too, and, if configured, trains
// on them. The package decides what to do and when; a Node does it.
package trainer

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"golang.org/x/sync/errgroup"
)

// Node is what a trainer works on.
type Node interface {
	// Look returns what there is to do now.
	Look(ctx context.Context) (View, error)
	// Join joins a task and announces this node as its trainer, unless it has done
	// so.
	Join(ctx context.Context, task cid.Cid) error
	// Fetch fetches a set.
	Fetch(ctx context.Context, set cid.Cid) (Fetched, error)
	// Train trains on the local sets of a task, and publishes the model.
	Train(ctx context.Context, task cid.Cid) error
}

// View is a snapshot of what a node knows.
type View struct {
	Announced []cid.Cid // tasks, in the order in which they are joined
	Joined    []Task
}

// Task is a task that the node has joined.
type Task struct {
	CID     cid.Cid
	Missing []cid.Cid // announced sets that are not here and were not removed here
	Held    []string  // CIDs of the sets that are here, in order
}

// Fetched is the outcome of a fetch.
type Fetched struct {
	Bytes int64
	Here  bool // it was here already, or is no longer wanted
}

// Options of a trainer.
type Options struct {
	MaxTasks int           // how many tasks it joins
	Auto     bool          // whether it trains automatically
	Settle   time.Duration // how long the sets of a task must be unchanged before it trains
	Log      *slog.Logger
}

const (
	// lookEvery is the longest time between two looks.
	lookEvery = 30 * time.Second
	// fetchers is how many sets are fetched at once.
	fetchers = 8
)

// Trainer decides what a node in the role does next.
type Trainer struct {
	node     Node
	opt      Options
	retries  retries
	trained  map[cid.Cid][]string // task -> sets of its last automatic training
	training sync.WaitGroup

	mu      sync.Mutex            // guards what follows
	busy    bool                  // a training runs
	changed map[cid.Cid]time.Time // task -> when a set of it was fetched last
}

// New makes a trainer, which does nothing before Run.
func New(node Node, opt Options) *Trainer {
	return &Trainer{node: node, opt: opt, retries: newRetries(), trained: map[cid.Cid][]string{},
		changed: map[cid.Cid]time.Time{}}
}

// Run works until ctx ends, and waits for a running training. It looks again
// whenever something arrives on announced, and otherwise when something is due.
func (t *Trainer) Run(ctx context.Context, announced <-chan struct{}) {
	defer t.training.Wait()
	for {
		timer := time.NewTimer(t.look(ctx))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-announced:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// look does everything that is due and returns the longest time until the next
// look.
func (t *Trainer) look(ctx context.Context) time.Duration {
	view, err := t.join(ctx)
	if err == nil {
		t.fetch(ctx, view.Joined)
		view, err = t.node.Look(ctx)
	}
	if err != nil {
		if ctx.Err() == nil {
			t.opt.Log.Warn("cannot look for sets", "error", err)
		}
		return lookEvery
	}
	wait := lookEvery
	if t.opt.Auto {
		for _, task := range view.Joined {
			wait = min(wait, t.trainWhenSettled(ctx, task))
		}
	}
	t.retries.keep(view)
	return min(wait, t.retries.next())
}

// join joins announced tasks up to the limit, makes sure that this trainer is
// announced to all of them, and returns what is to be done afterwards.
func (t *Trainer) join(ctx context.Context) (View, error) {
	view, err := t.node.Look(ctx)
	if err != nil {
		return view, err
	}
	joined := len(view.Joined)
	for _, task := range view.Announced {
		if joined >= t.opt.MaxTasks {
			break
		}
		if view.joined(task) || t.retries.due(task) > 0 || ctx.Err() != nil {
			continue
		}
		err := t.node.Join(ctx, task)
		if wait := t.retries.note(task, err); err != nil {
			t.opt.Log.Warn("cannot take part in task", "task", task, "error", err, "again", wait)
			continue
		}
		joined++
		t.opt.Log.Info("joined task", "task", task)
	}
	for _, task := range view.Joined { // by its owner, or in an earlier run
		if err := t.node.Join(ctx, task.CID); err != nil {
			t.opt.Log.Warn("cannot announce this trainer", "task", task.CID, "error", err)
		}
	}
	return t.node.Look(ctx)
}

func (v View) joined(task cid.Cid) bool {
	return slices.ContainsFunc(v.Joined, func(t Task) bool { return t.CID.Equals(task) })
}

// fetch fetches missing sets, several at once, and returns when all have
// arrived or failed.
func (t *Trainer) fetch(ctx context.Context, joined []Task) {
	var group errgroup.Group
	group.SetLimit(fetchers)
	for _, task := range joined {
		for _, set := range task.Missing {
			if t.retries.due(set) > 0 || ctx.Err() != nil {
				continue
			}
			group.Go(func() error {
				t.fetchOne(ctx, task.CID, set)
				return nil
			})
		}
	}
	group.Wait() // they return no errors
}

// fetchOne fetches a set, or notes when to try again.
func (t *Trainer) fetchOne(ctx context.Context, task, set cid.Cid) {
	got, err := t.node.Fetch(ctx, set)
	if ctx.Err() != nil {
		return
	}
	if wait := t.retries.note(set, err); err != nil {
		t.opt.Log.Warn("cannot fetch set", "set", set, "error", err, "again", wait)
		return
	}
	if got.Here {
		return
	}
	t.mu.Lock()
	t.changed[task] = time.Now()
	t.mu.Unlock()
	t.opt.Log.Info("fetched set", "set", set, "bytes", got.Bytes)
}

// trainWhenSettled starts a training of a task whose sets have not changed for the
// settle time and have not been trained on; one at a time. It returns how long to
// wait before asking again.
func (t *Trainer) trainWhenSettled(ctx context.Context, task Task) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(task.Held) == 0 || t.busy || ctx.Err() != nil || slices.Equal(task.Held, t.trained[task.CID]) {
		return lookEvery
	}
	if due := t.opt.Settle - time.Since(t.changed[task.CID]); due > 0 {
		return due
	}
	t.busy, t.trained[task.CID] = true, task.Held
	t.training.Go(func() {
		if err := t.node.Train(ctx, task.CID); err != nil && ctx.Err() == nil {
			t.opt.Log.Warn("training failed", "task", task.CID, "error", err)
		}
		t.mu.Lock()
		t.busy = false
		t.mu.Unlock()
	})
	return lookEvery
}
