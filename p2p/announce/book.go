package announce

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/time/rate"

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
	rec     Record
	until   time.Time
	account string    // whose room it takes up
	purpose purpose   // in which room
	paced   time.Time // see renew
	since   time.Time // when the slot was first held in this run
}

// Book holds the latest valid announcement of every (signer, task, subject, root)
// and the sequence counters of this node's own. It survives restarts through its
// datastore and is safe for concurrent use.
//
// Records live in memory, and nobody who asks for them waits for a disk: what changed is
// written afterwards, by one batch for all who wait, see commit.go.
type Book struct {
	ds  datastore.Batching
	opt Options

	disk    sync.Mutex // held while writing to ds; taken before mu
	issuing sync.Mutex // held while this node signs a record; taken before disk

	mu        sync.RWMutex
	records   map[slot]*held // the entries are replaced, not changed
	byTask    index[cid.Cid]
	byRoot    index[cid.Cid]
	bySigner  index[peer.ID]
	announce  map[*held]struct{} // those that announce a task
	unsaved   *commit
	counters  map[slot]uint64  // last sequence number signed, of this node's own slots
	used      map[cid.Cid]bool // roots of this node's own records
	reserved  map[cid.Cid]bool // joined tasks
	rooms     [purposes]room
	swept     time.Time                // when a record last found the book full
	churn     map[string]*rate.Limiter // of accounts
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
		ds: ds, opt: opt, records: map[slot]*held{}, byTask: index[cid.Cid]{}, byRoot: index[cid.Cid]{},
		bySigner: index[peer.ID]{}, announce: map[*held]struct{}{}, unsaved: newCommit(),
		counters: map[slot]uint64{}, watchers: map[int]func(Record){},
		used: map[cid.Cid]bool{}, reserved: map[cid.Cid]bool{}, churn: map[string]*rate.Limiter{},
	}
	if err := b.load(context.Background()); err != nil {
		return nil, fmt.Errorf("open announcement book: %w", err)
	}
	return b, nil
}

// Membership returns who belongs to the mesh, as the book's options say.
func (b *Book) Membership() members.Membership { return b.opt.Membership }

// Put judges a record that Open or Seal returned and keeps it when the verdict is
// Accept, and returns when it is stored. The error is the reason for Ignore; beside Accept
// it says that the record is kept in memory alone until a later one can be stored. Gossip,
// catch-up and import all use this one validator. A record that is new to a full book
// displaces another: see room.go.
func (b *Book) Put(ctx context.Context, r Record, from Source) (Verdict, error) {
	b.mu.Lock()
	verdict, err := b.judge(r)
	if verdict == Accept {
		if err = b.admit(r, from); err != nil {
			verdict = Ignore
		}
	}
	c := b.unsaved
	b.mu.Unlock()
	if verdict == Accept {
		err = b.save(ctx, c)
		b.notify(r)
	}
	return verdict, err
}

// Receive opens an envelope that belongs to one of the given topics (tasks, or
// Undef for the mesh's own topic) and puts it. Errors of Open and ErrWrongTopic
// come with Reject.
func (b *Book) Receive(ctx context.Context, envelope []byte, from Source, topics ...cid.Cid) (Record, Verdict, error) {
	r, err := Open(envelope)
	if err != nil {
		return Record{}, Reject, err
	}
	if !slices.ContainsFunc(topics, r.Topic().Equals) {
		return Record{}, Reject, ErrWrongTopic
	}
	verdict, err := b.Put(ctx, r, from)
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
	case !r.Ends().After(now):
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
	return Accept, nil
}

// admit keeps a record that was judged, in place of another when there is no room.
// Callers lock, and save.
func (b *Book) admit(r Record, from Source) error {
	now, s := b.opt.Now(), r.slot()
	h := held{rec: r, until: later(r.Ends(), now.Add(occupies)), account: from.account(r.Signer), since: now}
	if old, known := b.records[s]; known {
		var ok bool
		if h.paced, ok = old.renew(now); !ok && (r.Kind != Withdraw || old.rec.Kind == Withdraw) {
			return ErrTooOften
		}
		if old.account != earlier && from.Peer != r.Signer {
			h.account = old.account // others that relay it later change nothing
		}
		h.since = old.since
		b.keep(h)
		return nil
	}
	full := func() bool { return len(b.bySigner[r.Signer]) >= b.opt.MaxPerSigner }
	_, crowded := b.crowded(b.purposeOf(s))
	if (crowded || full()) && !now.Before(b.swept.Add(sweepPause)) {
		b.swept = now
		b.sweep(now)
	}
	if full() {
		return ErrOverQuota
	}
	victim, err := b.makeRoom(s, h.account, now)
	if err != nil {
		return err
	}
	if victim != nil {
		b.forget(*victim)
	}
	b.keep(h)
	return nil
}

// keep makes h the latest of its slot. Callers lock, and save.
func (b *Book) keep(h held) {
	s := h.rec.slot()
	if old, known := b.records[s]; known {
		h.until = later(h.until, old.until)
	}
	if n, own := b.counters[s]; own {
		// This node may have signed it before it lost its counters: continue from there.
		b.counters[s] = max(n, h.rec.Seq)
	}
	b.place(s, h)
}

// Issue completes a draft, signs it with key and keeps it. It sets Issued, Expires
// and Seq; a withdrawal expires no earlier than what it withdraws. It needs no
// network: what is issued while the node is stopped is announced at its next start.
func (b *Book) Issue(ctx context.Context, key crypto.PrivKey, draft Announcement) (Record, error) {
	signer, err := peer.IDFromPrivateKey(key)
	if err != nil {
		return Record{}, fmt.Errorf("issue announcement: %w", err)
	}
	r, err := b.issue(ctx, key, signer, draft)
	if err != nil {
		return Record{}, fmt.Errorf("issue announcement: %w", err)
	}
	b.notify(r)
	return r, nil
}

func (b *Book) issue(ctx context.Context, key crypto.PrivKey, signer peer.ID, draft Announcement) (Record, error) {
	b.issuing.Lock()
	defer b.issuing.Unlock()
	s := slot{signer, draft.Task, draft.Subject, draft.Root}
	now := b.opt.Now().UTC()
	b.mu.RLock()
	old, known := b.records[s]
	draft.Seq = b.counters[s] + 1
	b.mu.RUnlock()
	if draft.Kind == Withdraw && !known {
		return Record{}, ErrNothingToWithdraw
	}
	draft.Issued = now.Truncate(time.Second)
	if draft.Expires.IsZero() {
		draft.Expires = draft.Issued.Add(b.opt.Lifetime)
	}
	if known {
		draft.Seq = max(draft.Seq, old.rec.Seq+1)
		if draft.Kind == Withdraw {
			draft.Expires = later(draft.Expires, old.until)
		}
	}
	r, err := Seal(draft, key)
	if err != nil {
		return Record{}, err
	}
	h := held{rec: r, until: r.Ends(), since: now}
	// It is stored together with its number, before anybody sees it: no number is used twice.
	b.disk.Lock()
	defer b.disk.Unlock()
	if err := b.write(ctx, s, h); err != nil {
		return Record{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.counters[s] = max(b.counters[s], r.Seq)
	b.use(s)
	b.keep(h)
	return r, nil
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
