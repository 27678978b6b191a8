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

	"github.com/distillmesh/distillmesh/node/fetching"
)

// Node is what a trainer works on.
type Node interface {
	// Look returns what there is to do now.
	Look(ctx context.Context) (View, error)
	// Join joins a task and announces this node as its trainer, unless it has done
	// so.
	Join(ctx context.Context, task cid.Cid) error
	// Leave leaves a task that was joined automatically.
	Leave(ctx context.Context, task cid.Cid) error
	// Fetch fetches a set.
	Fetch(ctx context.Context, set cid.Cid) (Fetched, error)
	// Train trains on the local sets of a task, and publishes the model.
	Train(ctx context.Context, task cid.Cid) error
}

// View is a snapshot of what a node knows.
type View struct {
	Announced []fetching.Item // tasks, in the order in which they are joined
	Joined    []Task
}

// Task is a task that the node has joined.
type Task struct {
	CID     cid.Cid
	Missing []fetching.Item // announced sets that are not here and were not removed here
	Held    []string        // CIDs of the sets that are here, in order
	Auto    bool            // nobody asked for it: it was joined because it was announced
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
	Queue    fetching.Options
}

const (
	// lookEvery is the longest time between two looks.
	lookEvery = 30 * time.Second
	// lookRest is the longest pause after a look.
	lookRest = 2 * time.Second
	// retryLeast is the shortest time until a look for work that is due but cannot start.
	retryLeast = time.Second
)

// Trainer decides what a node in the role does next.
type Trainer struct {
	node    Node
	opt     Options
	joins   *fetching.Queue
	sets    *fetching.Queue
	trained map[cid.Cid][]string  // task -> sets of its last automatic training
	told    map[cid.Cid]time.Time // task -> when this trainer was announced to it last
	empty   map[cid.Cid]time.Time // task joined automatically -> since when no set of it is here
	working sync.WaitGroup        // joins, fetches and a training

	mu      sync.Mutex                // guards what follows
	waiting []fetching.Item           // sets that had no place yet, as of the last look
	arrived map[cid.Cid]bool          // sets that arrived since the last look began, which may not have seen them
	joining map[cid.Cid]fetching.Item // tasks being joined, or since the last look began, which may not have seen it
	ended   []cid.Cid                 // those of which that is over
	running map[cid.Cid]int           // task -> sets of it being fetched from signers who were right before
	busy    bool                      // a training runs
	changed map[cid.Cid]time.Time     // task -> when a set of it was fetched last
}

// New makes a trainer, which does nothing before Run.
func New(node Node, opt Options) *Trainer {
	return &Trainer{node: node, opt: opt, joins: fetching.New(opt.Queue), sets: fetching.New(opt.Queue),
		trained: map[cid.Cid][]string{}, told: map[cid.Cid]time.Time{}, empty: map[cid.Cid]time.Time{},
		running: map[cid.Cid]int{}, joining: map[cid.Cid]fetching.Item{}, changed: map[cid.Cid]time.Time{}}
}

// Run works until ctx ends, and waits for what it has begun. It looks again whenever
// something arrives on announced, or has been joined or fetched, and otherwise when
// something is due.
func (t *Trainer) Run(ctx context.Context, announced <-chan struct{}) {
	defer t.working.Wait()
	done := make(chan struct{}, 1)
	for ctx.Err() == nil {
		began := time.Now()
		timer := time.NewTimer(t.look(ctx, done))
		took := time.Since(began)
		select {
		case <-ctx.Done():
		case <-announced:
		case <-done:
		case <-timer.C:
		}
		timer.Stop()
		// A look costs time in proportion to what is announced: most of it is left to other work.
		if rest := min(4*took, lookRest) - time.Since(began.Add(took)); rest > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(rest):
			}
		}
	}
}

// look begins everything that is due and has a place, and returns the longest time until
// the next look.
func (t *Trainer) look(ctx context.Context, done chan<- struct{}) time.Duration {
	t.mu.Lock()
	t.arrived = map[cid.Cid]bool{}
	for _, task := range t.ended {
		delete(t.joining, task)
	}
	t.ended = nil
	t.mu.Unlock()
	view, err := t.node.Look(ctx)
	if err != nil {
		if ctx.Err() == nil {
			t.opt.Log.Warn("cannot look for sets", "error", err)
		}
		return lookEvery
	}
	wait := min(t.join(ctx, view, done), t.fetch(ctx, view, done))
	if t.opt.Auto {
		for _, task := range view.Joined {
			wait = min(wait, t.trainWhenSettled(ctx, task))
		}
	}
	return wait
}

// wake has the trainer look again.
func wake(done chan<- struct{}) {
	select {
	case done <- struct{}{}:
	default: // a look is due already
	}
}

// join begins to join announced tasks, up to the limit, and makes sure that this trainer is
// announced to all it has joined. It returns the time until a task may be tried again.
func (t *Trainer) join(ctx context.Context, view View, done chan<- struct{}) time.Duration {
	joined := map[cid.Cid]bool{}
	for _, task := range view.Joined { // by its owner, in an earlier run, or just now
		joined[task.CID] = true
		if time.Since(t.told[task.CID]) < lookEvery {
			continue
		}
		t.told[task.CID] = time.Now()
		if err := t.node.Join(ctx, task.CID); err != nil {
			t.opt.Log.Warn("cannot announce this trainer", "task", task.CID, "error", err)
		}
	}
	open := slices.DeleteFunc(slices.Clone(view.Announced), func(it fetching.Item) bool { return joined[it.Root] })
	t.joins.Order(open)
	taken := t.shares(view)
	t.countEmpty(view)
	for _, it := range open {
		if !taken.has(it) {
			continue
		}
		t.mu.Lock()
		room := len(joined)+len(t.joining) < t.opt.MaxTasks
		t.mu.Unlock()
		if !room && t.joins.Due(it) == 0 && t.giveWay(ctx, view, joined, taken, it) {
			room = true
		}
		t.mu.Lock()
		start := room && ctx.Err() == nil && t.joins.Start(it)
		if start {
			t.joining[it.Root] = it
		}
		t.mu.Unlock()
		if start {
			taken.add(it)
			t.working.Go(func() { t.joinOne(ctx, it, done) })
		}
	}
	t.joins.Keep(view.Announced)
	return next(t.joins, open)
}

// joinOne joins a task, or notes when to try again.
func (t *Trainer) joinOne(ctx context.Context, it fetching.Item, done chan<- struct{}) {
	err := t.node.Join(ctx, it.Root)
	wait := t.joins.Done(it, err)
	t.mu.Lock()
	t.ended = append(t.ended, it.Root)
	t.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		t.opt.Log.Warn("cannot take part in task", "task", it.Root, "error", err, "again", wait)
	default:
		t.opt.Log.Info("joined task", "task", it.Root)
	}
	wake(done)
}

// next is the time until the first of some items is due that is not due now.
func next(q *fetching.Queue, items []fetching.Item) time.Duration {
	wait := lookEvery
	for _, it := range items {
		if due := q.Due(it); due > 0 {
			wait = min(wait, max(due, retryLeast))
		}
	}
	return wait
}

// fetch begins to fetch missing sets, as many as have a place. It returns the time until
// one may be tried again.
func (t *Trainer) fetch(ctx context.Context, view View, done chan<- struct{}) time.Duration {
	var missing []fetching.Item
	for _, task := range view.Joined {
		missing = append(missing, task.Missing...)
	}
	t.sets.Order(missing)
	t.mu.Lock()
	t.waiting = slices.Clone(missing)
	t.mu.Unlock()
	t.fill(ctx, done)
	t.sets.Keep(missing)
	return next(t.sets, missing)
}

// fill begins to fetch what waits, as far as there are places.
func (t *Trainer) fill(ctx context.Context, done chan<- struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	left, refused := t.waiting[:0], map[string]bool{} // signers who have no place left
	for _, it := range t.waiting {
		alone := len(it.Signers) == 1
		if t.arrived[it.Root] || t.sets.Running(it.Root) { // if it fails, the next look finds it again
			continue
		}
		if ctx.Err() != nil || alone && refused[it.Signers[0]] || !t.sets.Start(it) {
			if alone && !refused[it.Signers[0]] {
				refused[it.Signers[0]] = t.sets.Due(it) == 0
			}
			left = append(left, it)
			continue
		}
		known := t.opt.Queue.Proven != nil && slices.ContainsFunc(it.Signers, t.opt.Queue.Proven)
		if known {
			t.running[it.Task]++
		}
		t.working.Go(func() {
			t.fetchOne(ctx, it)
			if known {
				t.mu.Lock()
				t.running[it.Task]--
				t.mu.Unlock()
			}
			t.fill(ctx, done)
			wake(done)
		})
	}
	clear(t.waiting[len(left):])
	t.waiting = left
}

// fetchOne fetches a set, or notes when to try again.
func (t *Trainer) fetchOne(ctx context.Context, it fetching.Item) {
	got, err := t.node.Fetch(ctx, it.Root)
	t.mu.Lock()
	wait := t.sets.Done(it, err)
	if err == nil {
		t.arrived[it.Root] = true
	}
	t.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		t.opt.Log.Warn("cannot fetch set", "set", it.Root, "error", err, "again", wait)
		return
	}
	if got.Here {
		return
	}
	t.mu.Lock()
	t.changed[it.Task] = time.Now()
	t.mu.Unlock()
	t.opt.Log.Info("fetched set", "set", it.Root, "bytes", got.Bytes)
}

// trainWhenSettled starts a training of a task whose sets have not changed for the
// settle time and have not been trained on; one at a time. It waits for sets that come
// from signers who were right before. It returns how long to wait before asking again.
func (t *Trainer) trainWhenSettled(ctx context.Context, task Task) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(task.Held) == 0 || t.busy || ctx.Err() != nil || t.running[task.CID] > 0 ||
		slices.Equal(task.Held, t.trained[task.CID]) {
		return lookEvery
	}
	if due := t.opt.Settle - time.Since(t.changed[task.CID]); due > 0 {
		return due
	}
	t.busy, t.trained[task.CID] = true, task.Held
	t.working.Go(func() {
		if err := t.node.Train(ctx, task.CID); err != nil && ctx.Err() == nil {
			t.opt.Log.Warn("training failed", "task", task.CID, "error", err)
		}
		t.mu.Lock()
		t.busy = false
		t.mu.Unlock()
	})
	return lookEvery
}
