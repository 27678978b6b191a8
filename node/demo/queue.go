package demo

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// training is one run on one source; runs of seeds above 0 repeat it.
type training struct {
	consumer, source string
	seed             uint64
	run              func(context.Context) error
}

func (t training) kind() [2]string { return [2]string{t.consumer, t.source} }

// queue holds the trainings that wait for a processor. First runs go before
// repeats, and a repeat that would end too late is skipped: on slow computers
// the demonstration still takes a minute, with fewer runs.
type queue struct {
	mu      sync.Mutex
	changed sync.Cond // on mu: waiting or closed
	waiting []training
	closed  bool
	until   time.Time                   // deadline of repeats
	took    map[[2]string]time.Duration // duration of the last of each kind
	leftOut int
}

func newQueue(until time.Time) *queue {
	q := &queue{until: until, took: map[[2]string]time.Duration{}}
	q.changed.L = &q.mu
	return q
}

// work runs trainings until the queue is closed and empty, one fails or the
// context ends.
func (q *queue) work(ctx context.Context, workers int) error {
	group, ctx := errgroup.WithContext(ctx)
	defer context.AfterFunc(ctx, q.close)()
	for range workers {
		group.Go(func() error {
			for {
				t, ok := q.next()
				if !ok {
					return nil
				}
				began := time.Now()
				if err := t.run(ctx); err != nil {
					return err
				}
				q.ended(t, time.Since(began))
			}
		})
	}
	return group.Wait()
}

func (q *queue) add(t training) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, t)
	q.changed.Signal()
}

// close says that no more trainings will be added.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.changed.Broadcast()
}

func (q *queue) ended(t training, took time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.took[t.kind()] = took
}

// next waits for a first run or, when none are left, takes the repeat of the
// lowest seed.
func (q *queue) next() (training, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		t, ok := q.pop()
		switch {
		case ok && (t.seed == 0 || time.Now().Add(q.took[t.kind()]).Before(q.until)):
			return t, true
		case ok:
			q.leftOut++
		case q.closed:
			return training{}, false
		default:
			q.changed.Wait()
		}
	}
}

func (q *queue) pop() (training, bool) {
	if len(q.waiting) == 0 {
		return training{}, false
	}
	at := 0
	for i, t := range q.waiting {
		if t.seed < q.waiting[at].seed {
			at = i
		}
	}
	next := q.waiting[at]
	if next.seed > 0 && !q.closed {
		return training{}, false
	}
	q.waiting = slices.Delete(q.waiting, at, at+1)
	return next, true
}
