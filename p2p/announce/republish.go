package announce

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/distillmesh/distillmesh/p2p/rounds"
)

// recordsPerInterval is how many live records slow announcing by one more interval:
// intervals grow with the catalogue, so that a mesh of many sets costs an idle
// device no more traffic than a mesh of few.
const recordsPerInterval = 1000

// maxOwnAddrs is how many of a node's addresses its announcements carry.
const maxOwnAddrs = 8

// minLifetime is the least lifetime of a record, for meshes with very short intervals:
// where clocks are ten minutes apart, it must not have expired when it arrives.
const minLifetime = 20 * time.Minute

// Topics is where a Republisher sends records: gossip, in a running node. A topic
// is a task, or Undef for the mesh's own.
type Topics interface {
	Join(topic cid.Cid) error
	Peers(topic cid.Cid) int // connected peers in a joined topic
	Publish(ctx context.Context, topic cid.Cid, data []byte) error
}

// RepublisherOptions of a Republisher. All fields must be set, but Issued may be nil.
type RepublisherOptions struct {
	Key    crypto.PrivKey        // signs the records
	Min    time.Duration         // shortest time between two announcements of the same thing
	Max    time.Duration         // longest
	Addrs  func() []ma.Multiaddr // where this node can be dialed now
	Now    func() time.Time      // clock
	Logger *slog.Logger

	Issued func(Record) // called for each record signed, before it is sent; must not block
}

// Republisher announces this node's own records again and again until they are
// withdrawn. Each announcement is signed anew: gossip drops bytes that it has seen.
type Republisher struct {
	book   *Book
	topics Topics
	self   peer.ID
	opt    RepublisherOptions
	wake   rounds.Wake

	mu      sync.Mutex
	entries map[slot]*entry
}

// entry is one announced thing.
type entry struct {
	latest  Record
	next    time.Time // of the next announcement
	pending bool      // the latest record was published without subscribers
}

// NewRepublisher returns a Republisher that keeps its records in book. Resume
// prepares what was announced in earlier runs, and Run announces.
func NewRepublisher(book *Book, topics Topics, opt RepublisherOptions) (*Republisher, error) {
	self, err := peer.IDFromPrivateKey(opt.Key)
	if err != nil {
		return nil, fmt.Errorf("republisher: %w", err)
	}
	if opt.Issued == nil {
		opt.Issued = func(Record) {}
	}
	return &Republisher{
		book: book, topics: topics, self: self, opt: opt, wake: rounds.New(), entries: map[slot]*entry{},
	}, nil
}

// Resume continues with what the book says this node announces. Records that would
// expire before their next announcement, such as all of them after a long time off,
// are signed anew.
func (p *Republisher) Resume(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.opt.Now()
	for _, r := range p.book.Own(p.self) {
		if r.Kind != Withdraw && r.Ends().Sub(now) < 2*p.longest() {
			var err error
			if r, err = p.book.Issue(ctx, p.opt.Key, p.complete(nextDraft(r))); err != nil {
				return err
			}
			p.opt.Issued(r)
		}
		if err := p.topics.Join(r.Topic()); err != nil {
			return err
		}
		p.entries[r.slot()] = &entry{latest: r, next: now.Add(p.interval()), pending: true}
	}
	return nil
}

// Issue signs a draft, publishes it, and goes on announcing it. A failure to send
// is not an error: the record is kept and announced again.
func (p *Republisher) Issue(ctx context.Context, draft Announcement) (Record, error) {
	if err := p.topics.Join(draft.Topic()); err != nil {
		return Record{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.issue(ctx, draft)
}

// issue signs and publishes one record. Callers lock, so that the records of one
// slot are sent in the order of their sequence numbers.
func (p *Republisher) issue(ctx context.Context, draft Announcement) (Record, error) {
	r, err := p.book.Issue(ctx, p.opt.Key, p.complete(draft))
	if err != nil {
		return Record{}, err
	}
	p.opt.Issued(r)
	e := &entry{latest: r, next: p.opt.Now().Add(p.interval())}
	p.entries[r.slot()] = e
	e.pending = !p.publish(ctx, r)
	p.wake.Soon()
	return r, nil
}

// publish sends a record and reports whether any peer was there to receive it.
func (p *Republisher) publish(ctx context.Context, r Record) bool {
	if p.topics.Peers(r.Topic()) == 0 {
		return false
	}
	if err := p.topics.Publish(ctx, r.Topic(), r.Envelope); err != nil {
		p.opt.Logger.Warn("announcement not sent", "subject", r.Subject, "root", r.Root, "err", err)
		return false
	}
	return true
}

// longest is the longest interval at the present size of the catalogue. A record is
// renewed before it ends.
func (p *Republisher) longest() time.Duration { return min(p.opt.Max*p.stretch(), MaxLifetime*3/4) }

func (p *Republisher) stretch() time.Duration {
	return time.Duration(1 + p.book.Size()/recordsPerInterval)
}

// interval draws the time to the next announcement, so that nodes do not announce
// at the same moment.
func (p *Republisher) interval() time.Duration {
	lo, hi := p.opt.Min, p.opt.Max
	return min((lo+rand.N(hi-lo+1))*p.stretch(), p.longest())
}

// complete sets the addresses and the lifetime that a draft leaves open. The
// lifetime spans four of the longest intervals, so that lost announcements do not
// end a record.
func (p *Republisher) complete(draft Announcement) Announcement {
	if draft.Kind == Withdraw {
		return draft
	}
	if len(draft.Addrs) == 0 {
		addrs := p.opt.Addrs()
		draft.Addrs = addrs[:min(len(addrs), maxOwnAddrs)]
	}
	if draft.Expires.IsZero() {
		draft.Expires = p.opt.Now().Add(min(max(4*p.longest(), minLifetime), MaxLifetime))
	}
	return draft
}

// nextDraft turns a record into the draft of the next one.
func nextDraft(r Record) Announcement {
	d := r.Announcement
	d.Addrs = nil // they may have changed
	if d.Kind != Withdraw {
		d.Expires = time.Time{}
	}
	return d
}

// PeerJoined makes records due that were published on topic without subscribers.
func (p *Republisher) PeerJoined(topic cid.Cid, _ peer.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.entries {
		if e.pending && e.latest.Topic().Equals(topic) {
			e.next = p.opt.Now()
		}
	}
	p.wake.Soon()
}

// Run announces what is due until ctx ends.
func (p *Republisher) Run(ctx context.Context) {
	p.wake.Run(ctx, func() time.Duration { return p.round(ctx) })
}

// round announces all that is due and returns the time until the next round.
func (p *Republisher) round(ctx context.Context) time.Duration {
	p.book.Sweep()
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.opt.Now()
	wait := p.opt.Max
	for s, e := range p.entries {
		if e.latest.Kind == Withdraw && !e.latest.Ends().After(now.Add(time.Second)) {
			delete(p.entries, s) // what it withdrew has expired
			continue
		}
		if !e.next.After(now) {
			e = p.renew(ctx, s, e, now)
		}
		wait = min(wait, e.next.Sub(now))
	}
	return max(wait, 0)
}

// renew issues the next record of an entry and returns the entry as it is then.
func (p *Republisher) renew(ctx context.Context, s slot, e *entry, now time.Time) *entry {
	_, err := p.issue(ctx, nextDraft(e.latest))
	if err == nil {
		return p.entries[s]
	}
	if !errors.Is(err, context.Canceled) {
		p.opt.Logger.Warn("announcement not renewed", "subject", s.subject, "root", s.root, "err", err)
	}
	e.next = now.Add(p.opt.Min)
	return e
}
