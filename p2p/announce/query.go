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

// Live returns the records that match q and have not expired, ordered by task,
// subject, root and signer.
func (b *Book) Live(q Query) []Record {
	if len(q.Kinds) == 0 {
		q.Kinds = []Kind{Offer, Have}
	}
	now := b.opt.Now()
	return b.collect(func(h held) bool { return h.rec.Ends().After(now) && q.matches(&h.rec) })
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
	return b.collect(func(h held) bool { return h.rec.Ends().After(now) && h.rec.Topic().Equals(topic) })
}

// Own returns the latest record of everything signer issued through this book:
// offers and haves even when they expired (a node that was off for a week still has
// its sets), withdrawals until what they withdraw has expired.
func (b *Book) Own(signer peer.ID) []Record {
	now := b.opt.Now()
	return b.collect(func(h held) bool {
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
	for _, h := range b.records {
		if h.rec.Ends().After(now) && q.matches(&h.rec) {
			n++
		}
	}
	return n
}

func (b *Book) collect(want func(held) bool) []Record {
	b.mu.RLock()
	defer b.mu.RUnlock()
	var found []*Record // records are large: their order is made of pointers
	for _, h := range b.records {
		if want(h) {
			r := h.rec
			found = append(found, &r)
		}
	}
	slices.SortFunc(found, compareSlots)
	var out []Record
	for _, r := range found {
		out = append(out, *r)
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
