package announce

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/distillmesh/distillmesh/p2p/members"
)

// slot is the key under which a newer announcement replaces an older one.
type slot struct {
	signer  peer.ID
	task    cid.Cid
	subject Subject
	root    cid.Cid
}

func (r Record) slot() slot { return slot{r.Signer, r.Task, r.Subject, r.Root} }

// held is the latest record of a slot and how long the slot must be kept: until
// everything ever held in it has expired, or a replay could bring it back.
type held struct {
	rec   Record
	until time.Time
}

// Book holds the latest valid announcement of every (signer, task, subject, root)
// and the sequence counters of this node's own. It survives restarts through its
// datastore and is safe for concurrent use.
type Book struct {
	ds  datastore.Batching
	opt Options

	mu        sync.RWMutex
	records   map[slot]held
	perSigner map[peer.ID]int
	counters  map[slot]uint64 // last sequence number signed, of this node's own slots
	watchers  map[int]func(Record)
	nextWatch int
}

// OpenBook loads the book kept in ds. Records that no longer verify are dropped.
func OpenBook(ds datastore.Batching, opt Options) (*Book, error) {
	if err := opt.Validate(); err != nil {
		return nil, err
	}
	opt.Membership = members.OrEverybody(opt.Membership)
	b := &Book{
		ds: ds, opt: opt, records: map[slot]held{}, perSigner: map[peer.ID]int{},
		counters: map[slot]uint64{}, watchers: map[int]func(Record){},
	}
	if err := b.load(context.Background()); err != nil {
		return nil, fmt.Errorf("open announcement book: %w", err)
	}
	return b, nil
}

// Membership returns who belongs to the mesh, as the book's options say.
func (b *Book) Membership() members.Membership { return b.opt.Membership }

// Put judges a record that Open or Seal returned and keeps it when the verdict is
// Accept. The error is the reason for Ignore, or a failure to store. Gossip,
// catch-up and import all use this one validator.
func (b *Book) Put(ctx context.Context, r Record) (Verdict, error) {
	b.mu.Lock()
	verdict, err := b.judge(r)
	if verdict == Accept {
		if err = b.keep(ctx, r); err != nil {
			verdict = Ignore
		}
	}
	b.mu.Unlock()
	if verdict == Accept {
		b.notify(r)
	}
	return verdict, err
}

// Receive opens an envelope that belongs to one of the given topics (tasks, or
// Undef for the mesh's own topic) and puts it. Errors of Open and ErrWrongTopic
// come with Reject.
func (b *Book) Receive(ctx context.Context, envelope []byte, topics ...cid.Cid) (Record, Verdict, error) {
	r, err := Open(envelope)
	if err != nil {
		return Record{}, Reject, err
	}
	if !slices.ContainsFunc(topics, r.Topic().Equals) {
		return Record{}, Reject, ErrWrongTopic
	}
	verdict, err := b.Put(ctx, r)
	return r, verdict, err
}

// Topic returns the topic of the announcement: its task, or Undef (the mesh's own
// topic) when it announces a task.
func (a Announcement) Topic() cid.Cid {
	if a.Subject == SubjectTask {
		return cid.Undef
	}
	return a.Task
}

// judge applies the rules that depend on time and on what is held. Callers lock.
func (b *Book) judge(r Record) (Verdict, error) {
	now := b.opt.Now()
	switch {
	case !r.Expires.After(now):
		return Ignore, ErrExpired
	case r.Issued.After(now.Add(b.opt.MaxAhead)):
		return Ignore, ErrFromFuture
	case !r.Subject.known():
		return Ignore, ErrNewSubject
	}
	if err := b.opt.Membership.Admits(r.Signer); err != nil {
		return Ignore, fmt.Errorf("%w: %w", ErrUnknownSigner, err)
	}
	if h, ok := b.records[r.slot()]; ok {
		switch {
		case bytes.Equal(h.rec.Envelope, r.Envelope):
			return Ignore, ErrHeld
		case r.Seq <= h.rec.Seq:
			return Ignore, ErrStale
		}
		return Accept, nil
	}
	if b.full(r.Signer) {
		b.sweep(now)
		if b.full(r.Signer) {
			return Ignore, ErrOverQuota
		}
	}
	return Accept, nil
}

func (b *Book) full(signer peer.ID) bool {
	return len(b.records) >= b.opt.MaxRecords || b.perSigner[signer] >= b.opt.MaxPerSigner
}

// keep makes r the latest of its slot, on disk first. Callers lock.
func (b *Book) keep(ctx context.Context, r Record) error {
	s := r.slot()
	old, replaced := b.records[s]
	h := held{rec: r, until: later(r.Expires, old.until)}
	if err := b.ds.Put(ctx, recordKey(s), h.marshal()); err != nil {
		return fmt.Errorf("store announcement: %w", err)
	}
	if n, own := b.counters[s]; own && r.Seq > n {
		// This node signed it before it lost its counters: continue from there.
		if err := b.count(ctx, s, r.Seq); err != nil {
			return err
		}
	}
	if !replaced {
		b.perSigner[s.signer]++
	}
	b.records[s] = h
	return nil
}

// Issue completes a draft, signs it with key and keeps it. It sets Issued, Expires
// and Seq; a withdrawal expires no earlier than what it withdraws. It needs no
// network: what is issued while the node is stopped is announced at its next start.
func (b *Book) Issue(ctx context.Context, key crypto.PrivKey, draft Announcement) (Record, error) {
	signer, err := peer.IDFromPrivateKey(key)
	if err != nil {
		return Record{}, fmt.Errorf("issue announcement: %w", err)
	}
	b.mu.Lock()
	r, err := b.issue(ctx, key, signer, draft)
	b.mu.Unlock()
	if err != nil {
		return Record{}, fmt.Errorf("issue announcement: %w", err)
	}
	b.notify(r)
	return r, nil
}

func (b *Book) issue(ctx context.Context, key crypto.PrivKey, signer peer.ID, draft Announcement) (Record, error) {
	s := slot{signer, draft.Task, draft.Subject, draft.Root}
	old, known := b.records[s]
	if draft.Kind == Withdraw && !known {
		return Record{}, ErrNothingToWithdraw
	}
	now := b.opt.Now().UTC().Truncate(time.Second)
	draft.Issued = now
	if draft.Expires.IsZero() {
		draft.Expires = now.Add(b.opt.Lifetime)
	}
	if draft.Kind == Withdraw {
		draft.Expires = later(draft.Expires, old.until)
	}
	draft.Seq = max(b.counters[s], old.rec.Seq) + 1
	r, err := Seal(draft, key)
	if err != nil {
		return Record{}, err
	}
	// The counter is stored first: a crash may leave a gap, but no number is used twice.
	if err := b.count(ctx, s, r.Seq); err != nil {
		return Record{}, err
	}
	return r, b.keep(ctx, r)
}

// count persists the last sequence number signed for an own slot. Callers lock.
func (b *Book) count(ctx context.Context, s slot, n uint64) error {
	if err := b.ds.Put(ctx, counterKey(s), binary.BigEndian.AppendUint64(nil, n)); err != nil {
		return fmt.Errorf("store sequence number: %w", err)
	}
	b.counters[s] = n
	return nil
}

// Watch calls f for every record accepted or issued from now on, until cancel.
// f runs on the accepting goroutine and must not block.
func (b *Book) Watch(f func(Record)) (cancel func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	id := b.nextWatch
	b.nextWatch++
	b.watchers[id] = f
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.watchers, id)
	}
}

func (b *Book) notify(r Record) {
	b.mu.RLock()
	watchers := make([]func(Record), 0, len(b.watchers))
	for _, f := range b.watchers {
		watchers = append(watchers, f)
	}
	b.mu.RUnlock()
	for _, f := range watchers {
		f(r)
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
