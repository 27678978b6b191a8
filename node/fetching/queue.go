// Package fetching decides which of the announced sets and tasks are fetched next, so that
// no signer and no task keeps the others waiting: what costs time is a place, and each
// signer has a few.
package fetching

import (
	"slices"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
)

// Item is something to fetch.
type Item struct {
	Root    cid.Cid  // what to fetch
	Task    cid.Cid  // which it belongs to
	Signers []string // who offer it
	Origins []string // where the offers entered the mesh, one per signer; empty when unknown
}

// Options of a Queue. Zero fields mean their defaults.
type Options struct {
	Places     int // fetches side by side; default 64
	Unproven   int // of these, for signers of whom nothing was verified yet; default half
	PerTask    int // of these, for one task; default three quarters
	PerSigner  int // of these, for one signer of whom something was verified; default 8
	PerFresh   int // for any other signer; default 1
	RetryFirst time.Duration
	RetryMost  time.Duration // failures are retried after RetryFirst (5 s), doubling up to RetryMost (10 min)
	// Proven reports whether content of this signer was verified before; nil for nobody.
	Proven func(signer string) bool
}

func (o Options) withDefaults() Options {
	orElse := func(v *int, fallback int) {
		if *v == 0 {
			*v = fallback
		}
	}
	orElse(&o.Places, 64)
	orElse(&o.Unproven, max(1, o.Places/2))
	orElse(&o.PerTask, max(1, o.Places*3/4))
	orElse(&o.PerSigner, 8)
	orElse(&o.PerFresh, 1)
	if o.RetryFirst == 0 {
		o.RetryFirst = 5 * time.Second
	}
	if o.RetryMost == 0 {
		o.RetryMost = 10 * time.Minute
	}
	if o.Proven == nil {
		o.Proven = func(string) bool { return false }
	}
	return o
}

// wait is when something that failed may be tried again.
type wait struct {
	fails int // in a row
	at    time.Time
}

// place is what a running fetch occupies.
type place struct {
	signer string
	task   cid.Cid
	proven bool
}

// Queue is safe for concurrent use.
type Queue struct {
	opt Options

	mu       sync.Mutex
	running  map[cid.Cid]place
	bySigner map[string]int
	byTask   map[cid.Cid]int
	unproven int
	roots    map[cid.Cid]wait
	signers  map[string]wait
}

// New makes an empty queue.
func New(opt Options) *Queue {
	return &Queue{opt: opt.withDefaults(), running: map[cid.Cid]place{}, bySigner: map[string]int{},
		byTask: map[cid.Cid]int{}, roots: map[cid.Cid]wait{}, signers: map[string]wait{}}
}

// Order sorts items in place: those of proven signers first; then the first item of each
// signer, the second of each, and so on.
func (q *Queue) Order(items []Item) {
	type rank struct {
		fresh bool
		turn  int
	}
	turns, ranks := map[string]int{}, make(map[cid.Cid]rank, len(items))
	for _, it := range items {
		r := rank{fresh: !slices.ContainsFunc(it.Signers, q.opt.Proven)}
		if len(it.Signers) > 0 {
			r.turn = turns[it.Signers[0]]
			turns[it.Signers[0]]++
		}
		ranks[it.Root] = r
	}
	slices.SortStableFunc(items, func(x, y Item) int {
		a, b := ranks[x.Root], ranks[y.Root]
		if a.fresh != b.fresh {
			if b.fresh {
				return -1
			}
			return 1
		}
		return a.turn - b.turn
	})
}

// Start takes a place for an item and reports whether there was one: it is due, it does not
// run already, and its task and one of its signers have a place left.
func (q *Queue) Start(it Item) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	if _, runs := q.running[it.Root]; runs || q.roots[it.Root].at.After(now) ||
		len(q.running) >= q.opt.Places || q.byTask[it.Task] >= q.opt.PerTask {
		return false
	}
	for _, signer := range it.Signers {
		proven := q.opt.Proven(signer)
		most := q.opt.PerFresh
		if proven {
			most = q.opt.PerSigner
		}
		if q.signers[signer].at.After(now) || q.bySigner[signer] >= most || !proven && q.unproven >= q.opt.Unproven {
			continue
		}
		q.running[it.Root] = place{signer, it.Task, proven}
		q.bySigner[signer]++
		q.byTask[it.Task]++
		if !proven {
			q.unproven++
		}
		return true
	}
	return false
}

// Leave gives the place of an item back that nobody waits for any more: it says nothing about who
// offers it.
func (q *Queue) Leave(it Item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.free(it)
}

// free gives the place of an item back, if it has one. Callers lock.
func (q *Queue) free(it Item) {
	p, runs := q.running[it.Root]
	if !runs {
		return
	}
	delete(q.running, it.Root)
	q.byTask[p.task]--
	if q.byTask[p.task] == 0 {
		delete(q.byTask, p.task)
	}
	q.bySigner[p.signer]--
	if q.bySigner[p.signer] == 0 {
		delete(q.bySigner, p.signer)
	}
	if !p.proven {
		q.unproven--
	}
}

// Done gives the place of an item back and returns how long to wait before it is tried
// again: 0 when it succeeded. All who offer what failed wait, and nobody else.
func (q *Queue) Done(it Item, err error) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.free(it)
	if err == nil {
		delete(q.roots, it.Root)
		for _, signer := range it.Signers {
			delete(q.signers, signer)
		}
		return 0
	}
	w := q.later(q.roots[it.Root])
	q.roots[it.Root] = w
	for _, signer := range it.Signers {
		q.signers[signer] = q.later(q.signers[signer])
	}
	return time.Until(w.at)
}

// later is the wait after one more failure.
func (q *Queue) later(w wait) wait {
	d := min(q.opt.RetryFirst<<min(w.fails, 16), q.opt.RetryMost)
	return wait{w.fails + 1, time.Now().Add(d)}
}

// Due is the time until an item may be tried again, not counting places.
func (q *Queue) Due(it Item) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	var soonest time.Duration
	for i, signer := range it.Signers {
		due := max(0, time.Until(q.signers[signer].at))
		if i == 0 || due < soonest {
			soonest = due
		}
	}
	return max(soonest, time.Until(q.roots[it.Root].at), 0)
}

// Running reports whether an item is being fetched.
func (q *Queue) Running(root cid.Cid) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	_, runs := q.running[root]
	return runs
}

// Keep forgets failures of what is no longer offered, and of signers who offer nothing.
func (q *Queue) Keep(items []Item) {
	roots, signers := map[cid.Cid]bool{}, map[string]bool{}
	for _, it := range items {
		roots[it.Root] = true
		for _, signer := range it.Signers {
			signers[signer] = true
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for root := range q.roots {
		if !roots[root] {
			delete(q.roots, root)
		}
	}
	for signer := range q.signers {
		if !signers[signer] {
			delete(q.signers, signer)
		}
	}
}
