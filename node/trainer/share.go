package trainer

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/node/fetching"
)

// Anybody can announce tasks, with as many keys as he likes. So each signer has a part of the
// tasks that a trainer joins by itself, and so has each place where records enter the mesh.
const (
	partOfSigner = 10 // 1/10 of Options.MaxTasks, at least 1
	partOfProven = 4  // for a signer of whom content was verified
	partOfOrigin = 2
	// emptyFor is how long no set of a task arrives until it gives way to others that wait, and
	// crowdedFor the same where who announces it has two places more than who waits.
	emptyFor   = 10 * time.Minute
	crowdedFor = 10 * time.Second
)

// errEmpty is why a task is not joined again at once.
var errEmpty = errors.New("no set of the task arrived")

// shares counts the tasks joined automatically, by the signers and origins of who announce
// them.
type shares struct {
	t                  *Trainer
	bySigner, byOrigin map[string]int
}

// shares counts what is joined, or being joined.
func (t *Trainer) shares(view View) shares {
	s := shares{t, map[string]int{}, map[string]int{}}
	auto := map[cid.Cid]bool{}
	for _, task := range view.Joined {
		auto[task.CID] = task.Auto
	}
	for _, it := range view.Announced {
		if auto[it.Root] {
			s.add(it)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, it := range t.joining {
		if !auto[it.Root] {
			s.add(it)
		}
	}
	return s
}

// add counts a task for the first who announce it and have room.
func (s shares) add(it fetching.Item) {
	signer, origin, _ := s.place(it)
	s.bySigner[signer]++
	if origin != "" {
		s.byOrigin[origin]++
	}
}

// has reports whether one of those who announce a task has room.
func (s shares) has(it fetching.Item) bool {
	_, _, ok := s.place(it)
	return ok
}

func (s shares) place(it fetching.Item) (signer, origin string, ok bool) {
	most := s.t.opt.MaxTasks
	for i := range it.Signers {
		if signer, origin = it.Signers[i], ""; i < len(it.Origins) {
			origin = it.Origins[i]
		}
		part := partOfSigner
		if proven := s.t.opt.Queue.Proven; proven != nil && proven(signer) {
			part = partOfProven
		}
		if s.bySigner[signer] < max(1, most/part) && (origin == "" || s.byOrigin[origin] < max(1, most/partOfOrigin)) {
			return signer, origin, true
		}
	}
	return signer, origin, false
}

// countEmpty notes since when the tasks joined automatically have had no set here.
func (t *Trainer) countEmpty(view View) {
	seen := map[cid.Cid]bool{}
	for _, task := range view.Joined {
		if task.Auto && len(task.Held) == 0 {
			seen[task.CID] = true
			if _, ok := t.empty[task.CID]; !ok {
				t.empty[task.CID] = time.Now()
			}
		}
	}
	for task := range t.empty {
		if !seen[task] {
			delete(t.empty, task)
		}
	}
}

// fewest is the number of places of the signer of a task that has fewest.
func (s shares) fewest(it fetching.Item) int {
	n := s.t.opt.MaxTasks
	for _, signer := range it.Signers {
		n = min(n, s.bySigner[signer])
	}
	return n
}

// longestEmpty is the task that has been empty for the longest time, if that is long enough.
func (t *Trainer) longestEmpty(joined map[cid.Cid]bool) (oldest cid.Cid) {
	for task, since := range t.empty {
		if joined[task] && time.Since(since) >= emptyFor && (!oldest.Defined() || since.Before(t.empty[oldest])) {
			oldest = task
		}
	}
	return oldest
}

// crowded is the last empty task of the signer with most places, if he has two more than who
// announces the task that waits.
func (t *Trainer) crowded(view View, joined map[cid.Cid]bool, taken shares, waits fetching.Item) (last cid.Cid) {
	most := taken.fewest(waits) + 2
	for _, it := range view.Announced {
		since, empty := t.empty[it.Root]
		if !empty || !joined[it.Root] || time.Since(since) < crowdedFor {
			continue
		}
		if n := taken.fewest(it); n > most || n == most && (!last.Defined() || since.After(t.empty[last])) {
			last, most = it.Root, n
		}
	}
	return last
}

// giveWay leaves a task in favor of one that waits, and reports whether it did. It and who
// announce it wait before it is joined again.
func (t *Trainer) giveWay(ctx context.Context, view View, joined map[cid.Cid]bool, taken shares,
	waits fetching.Item) bool {
	gone := fetching.Item{Root: t.longestEmpty(joined)}
	if !gone.Root.Defined() {
		gone.Root = t.crowded(view, joined, taken, waits)
	}
	if !gone.Root.Defined() {
		return false
	}
	if err := t.node.Leave(ctx, gone.Root); err != nil {
		t.opt.Log.Warn("cannot leave task", "task", gone.Root, "error", err)
		return false
	}
	t.opt.Log.Info("left task, of which no set arrived", "task", gone.Root)
	delete(t.empty, gone.Root)
	delete(t.told, gone.Root)
	delete(joined, gone.Root)
	is := func(it fetching.Item) bool { return it.Root.Equals(gone.Root) }
	if i := slices.IndexFunc(view.Announced, is); i >= 0 {
		gone = view.Announced[i]
	}
	for _, signer := range gone.Signers {
		taken.bySigner[signer]--
	}
	t.joins.Done(gone, errEmpty)
	return true
}
