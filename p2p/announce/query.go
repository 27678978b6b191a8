package announce

import (
	"cmp"
	"slices"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Query selects records. A zero field matches everything.
type Query struct {
	Task    cid.Cid
	Kinds   []Kind // empty means Offer and Have
	Subject Subject
	Root    cid.Cid
	Signer  peer.ID
}

func (q Query) matches(r *Record) bool {
	return (!q.Task.Defined() || q.Task.Equals(r.Task)) &&
		(q.Subject == "" || q.Subject == r.Subject) &&
		(!q.Root.Defined() || q.Root.Equals(r.Root)) &&
		(q.Signer == "" || q.Signer == r.Signer) &&
		slices.Contains(q.Kinds, r.Kind)
}

// index finds the records that have something in common.
type index[K comparable] map[K]map[*held]struct{}

func (x index[K]) add(key K, h *held) {
	if x[key] == nil {
		x[key] = map[*held]struct{}{}
	}
	x[key][h] = struct{}{}
}

func (x index[K]) remove(key K, h *held) {
	delete(x[key], h)
	if len(x[key]) == 0 {
		delete(x, key)
	}
}

// addToIndexes makes a record found. Callers lock.
func (b *Book) addToIndexes(h *held) {
	b.byTask.add(h.rec.Task, h)
	b.byRoot.add(h.rec.Root, h)
	b.bySigner.add(h.rec.Signer, h)
	if h.rec.Subject == SubjectTask {
		b.announce[h] = struct{}{}
	}
}

func (b *Book) removeFromIndexes(h *held) {
	b.byTask.remove(h.rec.Task, h)
	b.byRoot.remove(h.rec.Root, h)
	b.bySigner.remove(h.rec.Signer, h)
	delete(b.announce, h)
}

// each calls do for the records that may match q, found by the index of fewest.
// Callers lock for reading.
func (b *Book) each(q Query, do func(*held)) {
	var found map[*held]struct{}
	switch {
	case q.Root.Defined():
		found = b.byRoot[q.Root]
	case q.Subject == SubjectTask && !q.Task.Defined():
		found = b.announce
	case q.Task.Defined() && (q.Signer == "" || len(b.byTask[q.Task]) < len(b.bySigner[q.Signer])):
		found = b.byTask[q.Task]
	case q.Signer != "":
		found = b.bySigner[q.Signer]
	default:
		for _, h := range b.records {
			do(h)
		}
		return
	}
	for h := range found {
		do(h)
	}
}

// Live returns the records that match q and have not expired, ordered by task,
// subject, root and signer.
func (b *Book) Live(q Query) []Record {
	if len(q.Kinds) == 0 {
		q.Kinds = []Kind{Offer, Have}
	}
	now := b.opt.Now()
	return b.collect(q, func(h *held) bool { return h.rec.Ends().After(now) && q.matches(&h.rec) })
}

// Size returns how many records the book holds, those included that have expired since
// the last sweep.
func (b *Book) Size() int {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return len(b.records)
}

// Held returns every unexpired record of a topic, withdrawals included: what a
// peer that catches up on it needs.
func (b *Book) Held(topic cid.Cid) []Record {
	now := b.opt.Now()
	q := Query{Task: topic}
	if !topic.Defined() {
		q.Subject = SubjectTask
	}
	return b.collect(q, func(h *held) bool { return h.rec.Ends().After(now) && h.rec.Topic().Equals(topic) })
}

// Own returns the latest record of everything signer issued through this book:
// offers and haves even when they expired (a node that was off for a week still has
// its sets), withdrawals until what they withdraw has expired.
func (b *Book) Own(signer peer.ID) []Record {
	now := b.opt.Now()
	return b.collect(Query{Signer: signer}, func(h *held) bool {
		_, own := b.counters[h.rec.slot()]
		return own && h.rec.Signer == signer && (h.rec.Kind != Withdraw || h.until.After(now))
	})
}

// Count is how many records Live returns, without their order.
func (b *Book) Count(q Query) (n int) {
	if len(q.Kinds) == 0 {
		q.Kinds = []Kind{Offer, Have}
	}
	now := b.opt.Now()
	b.mu.RLock()
	defer b.mu.RUnlock()
	b.each(q, func(h *held) {
		if h.rec.Ends().After(now) && q.matches(&h.rec) {
			n++
		}
	})
	return n
}

func (b *Book) collect(q Query, want func(*held) bool) []Record {
	var found []*held // records are large: their order is made of pointers
	b.mu.RLock()
	b.each(q, func(h *held) {
		if want(h) {
			found = append(found, h)
		}
	})
	b.mu.RUnlock()
	if len(found) == 0 {
		return nil
	}
	slices.SortFunc(found, func(x, y *held) int { return compareSlots(&x.rec, &y.rec) })
	out := make([]Record, len(found))
	for i, h := range found {
		out[i] = h.rec
		out[i].Origin = h.account
	}
	return out
}

func compareSlots(x, y *Record) int {
	if c := cmp.Compare(x.Task.KeyString(), y.Task.KeyString()); c != 0 {
		return c
	}
	if c := cmp.Compare(x.Subject, y.Subject); c != 0 {
		return c
	}
	if c := cmp.Compare(x.Root.KeyString(), y.Root.KeyString()); c != 0 {
		return c
	}
	return cmp.Compare(x.Signer, y.Signer)
}
