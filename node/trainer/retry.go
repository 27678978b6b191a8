package trainer

import (
	"sync"
	"time"

	"github.com/ipfs/go-cid"
)

// Failures are retried after retryFirst, doubling up to retryMost.
const (
	retryFirst = 5 * time.Second
	retryMost  = 10 * time.Minute
	// retryLeast is the shortest time between two looks when due work cannot be tried.
	retryLeast = time.Second
)

// retries schedules new attempts of what has failed: sets to fetch, tasks to join.
type retries struct {
	mu    *sync.Mutex
	fails map[cid.Cid]int // in a row
	at    map[cid.Cid]time.Time
}

func newRetries() retries {
	return retries{mu: &sync.Mutex{}, fails: map[cid.Cid]int{}, at: map[cid.Cid]time.Time{}}
}

// note records the outcome of an attempt and returns the time until the next; 0
// after a success.
func (r retries) note(root cid.Cid, err error) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		delete(r.at, root)
		delete(r.fails, root)
		return 0
	}
	wait := min(retryFirst<<min(r.fails[root], 10), retryMost)
	r.fails[root]++
	r.at[root] = time.Now().Add(wait)
	return wait
}

// due is the time until a root may be tried again.
func (r retries) due(root cid.Cid) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return max(0, time.Until(r.at[root]))
}

// next is the time until the first root is due, at most lookEvery.
func (r retries) next() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	wait := lookEvery
	for _, at := range r.at {
		wait = min(wait, max(time.Until(at), retryLeast))
	}
	return wait
}

// keep forgets what is no longer announced.
func (r retries) keep(v View) {
	announced := map[cid.Cid]bool{}
	for _, task := range v.Announced {
		announced[task] = true
	}
	for _, task := range v.Joined {
		for _, set := range task.Missing {
			announced[set] = true
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for root := range r.at {
		if !announced[root] {
			delete(r.at, root)
			delete(r.fails, root)
		}
	}
}
