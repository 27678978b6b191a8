// Package gather fetches chosen sets side by side, within a budget of bytes that only what
// arrives counts against.
package gather

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/fetching"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/node/selection"
)

// The bytes of a set are set aside while its blocks arrive: for patience before the first, and for
// pause before any other. After that another set is chosen instead; the first is still taken if it
// fits when it goes on.
const (
	patience = 500 * time.Millisecond
	pause    = 2 * time.Second
)

// Options of Run.
type Options struct {
	Want   selection.Request
	Fetch  Fetch
	Report api.Report
}

// Fetch fetches a set. It reports each block that arrives, and calls complete when all have.
type Fetch func(ctx context.Context, set string, report api.Report, complete func()) (operations.Fetched, error)

// errLeft is the cause of fetches that are ended because the budget is used.
var errLeft = errors.New("it had not begun to arrive when the budget was used")

// attempt is one set that is fetched, or was.
type attempt struct {
	choice  operations.Choice
	item    fetching.Item
	cancel  context.CancelCauseFunc
	counted bool // against the budget
	ended   bool
	began   bool        // a block of it arrived
	whole   atomic.Bool // all of it arrived
	again   bool        // it was begun before, and ended for want of budget
	left    bool        // it is so ended
	here    bool
	got     operations.Fetched
}

// event is what happened to an attempt.
type event struct {
	*attempt
	kind kind
	got  operations.Fetched
	err  error
}

type kind int

const (
	arrives kind = iota // a block of it did
	silent              // no block has arrived for so long
	ended
)

// run is one call of Run.
type run struct {
	opt      Options
	ctx      context.Context
	queue    *fetching.Queue
	open     []operations.SetInfo // not begun, or left
	attempts []*attempt           // in the order in which they were begun
	rest     []operations.Choice  // why the others were not
	running  int
	events   chan event
	chosen   time.Time     // when it was chosen last
	choosing time.Duration // how long that took
}

// Run chooses among sets and fetches them. What cannot be fetched is replaced by other sets
// as long as any fit into the budget. The error has api.CodePartly when some failed.
func Run(ctx context.Context, all []operations.SetInfo, opt Options) (operations.Gathered, error) {
	r := &run{opt: opt, ctx: ctx, open: slices.Clone(all), events: make(chan event),
		queue: fetching.New(fetching.Options{Proven: opt.Want.Known, RetryFirst: time.Hour, RetryMost: time.Hour})}
	for changed := true; ; changed = r.note(<-r.events) {
		if !changed {
			continue
		}
		r.begin()
		if r.running == 0 {
			return r.result()
		}
		opt.Report.Say(api.Progress{Stage: "gather", Done: int64(r.count((*attempt).isHere)),
			Total: int64(len(r.attempts)), Unit: "sets"})
	}
}

// left is what the budget has left beside some attempts, as Choose understands it, and the images
// chosen already.
func (r *run) left(beside func(*attempt) bool) (budget int64, have []int) {
	budget, have = r.opt.Want.Budget, make([]int, r.opt.Want.Classes)
	for _, a := range r.attempts {
		if !beside(a) {
			continue
		}
		budget -= a.choice.Set.Bytes
		for c, k := range a.choice.Set.Counts {
			have[c] += k
		}
	}
	if r.opt.Want.Budget == 0 {
		return 0, have
	}
	if budget == 0 {
		budget = -1 // nothing, and not everything
	}
	return budget, have
}

func (a *attempt) isCounted() bool { return a.counted }

func (a *attempt) isHere() bool { return a.here }

// fits reports whether a set fits into what is left beside some attempts.
func (r *run) fits(s operations.SetInfo, beside func(*attempt) bool) bool {
	budget, _ := r.left(beside)
	return budget == 0 || s.Bytes <= budget
}

// begin fetches what is chosen of the sets not begun, as far as there are places.
func (r *run) begin() {
	// To choose costs time in proportion to what is announced: most of it is left to other work.
	if r.running > 0 && time.Since(r.chosen) < 4*r.choosing {
		return
	}
	began := time.Now()
	defer func() { r.chosen, r.choosing = time.Now(), time.Since(began) }()
	want := r.opt.Want
	want.Budget, want.Have = r.left((*attempt).isCounted)
	var asked, left []operations.SetInfo
	for _, s := range r.open {
		if r.waits(s) {
			left = append(left, s)
		} else {
			asked = append(asked, s)
		}
	}
	r.rest = selection.Choose(asked, want)
	for _, s := range left {
		r.rest = append(r.rest, operations.Choice{Set: s, Why: "another set of its signer did not arrive"})
	}
	if r.ctx.Err() != nil {
		return
	}
	for i := range r.rest {
		c := r.rest[i]
		root, err := cid.Decode(c.Set.CID)
		if !c.Taken || err != nil {
			continue
		}
		a := &attempt{choice: c, counted: true, item: itemOf(c.Set, root)}
		if !r.queue.Start(a.item) {
			continue
		}
		same := func(other *attempt) bool { return other.choice.Set.CID == c.Set.CID }
		a.again = slices.ContainsFunc(r.attempts, same)
		r.attempts = slices.DeleteFunc(r.attempts, same)
		r.open = slices.DeleteFunc(r.open, func(s operations.SetInfo) bool { return s.CID == c.Set.CID })
		r.attempts = append(r.attempts, a)
		r.running++
		r.fetch(a)
	}
}

// itemOf is a set as the queue knows it.
func itemOf(s operations.SetInfo, root cid.Cid) fetching.Item {
	it := fetching.Item{Root: root, Signers: s.Signers}
	switch {
	case s.Here:
		it.Signers = []string{s.CID} // it waits for nobody
	case len(s.Signers) == 0:
		it.Signers = s.Holders
	}
	return it
}

// waits reports whether all who offer a set have failed, or have a fetch under way of
// which nothing arrives. Such a set has no claim on the budget.
func (r *run) waits(s operations.SetInfo) bool {
	it := itemOf(s, cid.Undef)
	if r.queue.Due(it) > 0 {
		return true
	}
	for _, signer := range it.Signers {
		if !slices.ContainsFunc(r.attempts, func(a *attempt) bool {
			return !a.ended && !a.counted && slices.Contains(a.item.Signers, signer)
		}) {
			return false
		}
	}
	return len(it.Signers) > 0
}

// fetch begins an attempt, whose events come until it has ended.
func (r *run) fetch(a *attempt) {
	ctx, cancel := context.WithCancelCause(r.ctx)
	a.cancel = cancel
	block, done := make(chan struct{}, 1), make(chan event, 1)
	go func() {
		got, err := r.opt.Fetch(ctx, a.choice.Set.CID, func(p api.Progress) {
			select {
			case block <- struct{}{}:
			default:
			}
			r.opt.Report.Say(p)
		}, func() { a.whole.Store(true) })
		if cause := context.Cause(ctx); err != nil && cause != nil {
			err = cause
		}
		done <- event{attempt: a, kind: ended, got: got, err: err}
	}()
	go func() {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		defer cancel(nil)
		for {
			select {
			case <-block:
				timer.Reset(pause)
				r.events <- event{attempt: a, kind: arrives}
			case <-timer.C:
				r.events <- event{attempt: a, kind: silent}
			case e := <-done:
				r.events <- e
				return
			}
		}
	}()
}

// note takes an event into account, and reports whether it may change what is chosen.
func (r *run) note(e event) bool {
	a := e.attempt
	switch e.kind {
	case silent:
		if a.whole.Load() {
			return false
		}
		a.counted = false
	case arrives:
		a.began = true
		if a.counted {
			return false
		}
		if a.counted = r.fits(a.choice.Set, (*attempt).isCounted); !a.counted {
			a.cancel(errLeft)
			return false
		}
	case ended:
		r.running--
		a.ended, a.got, a.here = true, e.got, e.err == nil
		a.counted = a.here
		if a.left = errors.Is(e.err, errLeft); a.left {
			r.queue.Leave(a.item)
			if a.began && !a.again { // another may free the budget by not going on
				r.open = append(r.open, a.choice.Set)
			}
			break
		}
		r.queue.Done(a.item, e.err)
		if e.err != nil {
			a.choice.Error = e.err.Error()
		}
	}
	for _, other := range r.attempts { // what waits and cannot fit any more is not waited for
		if !other.ended && !other.counted && !r.fits(other.choice.Set, (*attempt).isHere) {
			other.cancel(errLeft)
		}
	}
	return true
}

func (r *run) count(which func(*attempt) bool) (n int) {
	for _, a := range r.attempts {
		if which(a) {
			n++
		}
	}
	return n
}

// result is the outcome, in the order in which sets were chosen.
func (r *run) result() (operations.Gathered, error) {
	out, failed, first := operations.Gathered{Sets: []string{}, Choices: []operations.Choice{}}, 0, ""
	for _, a := range r.attempts {
		switch {
		case a.here:
			out.Sets = append(out.Sets, a.choice.Set.CID)
			out.Bytes += a.got.Bytes
			out.Fetched += a.got.Fetched
		case a.left:
			a.choice.Taken, a.choice.Why = false, errLeft.Error()
		default:
			if failed++; failed == 1 {
				first = a.choice.Error
			}
		}
		out.Choices = append(out.Choices, a.choice)
	}
	for _, c := range r.rest {
		if slices.ContainsFunc(r.attempts, func(a *attempt) bool { return a.left && a.choice.Set.CID == c.Set.CID }) {
			continue
		}
		if c.Taken { // it cannot be named, or nobody offers it
			c.Taken, c.Error = false, "nobody offers it"
		}
		out.Choices = append(out.Choices, c)
	}
	slices.SortStableFunc(out.Choices, func(x, y operations.Choice) int {
		switch {
		case x.Taken == y.Taken:
			return 0
		case x.Taken:
			return -1
		}
		return 1
	})
	if r.ctx.Err() != nil {
		return out, r.ctx.Err()
	}
	if failed > 0 {
		return out, api.Fail(api.CodePartly, "run it again to resume; 'distillmesh peers' shows who is connected",
			"%d of %d sets could not be fetched: %s", failed, failed+len(out.Sets), first)
	}
	return out, nil
}
