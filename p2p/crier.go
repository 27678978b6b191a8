package p2p

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/distillmesh/distillmesh/p2p/announce"
)

// Announcing gets slower as the catalogue grows, so that a mesh of many sets
// costs an idle device no more than one of few.
const recordsPerInterval = 1000

// maxOwnAddrs is how many of a node's addresses its announcements carry.
const maxOwnAddrs = 8

// minLifetime keeps announcements of a mesh with very short intervals meaningful.
const minLifetime = time.Minute

// crier announces this node's own records again and again until they are withdrawn.
// Each round is a new envelope: gossip swallows bytes that it has seen.
type crier struct {
	m    *Mesh
	wake chan struct{}

	mu    sync.Mutex
	cries map[cry]*round
}

// cry identifies what is announced.
type cry struct {
	task    cid.Cid
	subject announce.Subject
	root    cid.Cid
}

// round is when something is announced next.
type round struct {
	latest announce.Record
	next   time.Time
	unsaid bool // nobody was there to hear it
}

func newCrier(m *Mesh) *crier {
	return &crier{m: m, wake: make(chan struct{}, 1), cries: map[cry]*round{}}
}

// resume takes up what the book says this node announces. What expires before its
// next round, such as everything after a long rest, is signed anew at once.
func (c *crier) resume(ctx context.Context) error {
	now := c.m.cfg.Now()
	for _, r := range c.m.book.Own(c.m.host.ID()) {
		if r.Kind != announce.Withdraw && r.Expires.Sub(now) < 2*c.longest() {
			var err error
			if r, err = c.m.book.Issue(ctx, c.m.key, c.complete(c.draftAgain(r))); err != nil {
				return err
			}
			c.m.issue(r)
		}
		if err := c.m.bus.Join(r.Topic()); err != nil {
			return err
		}
		c.cries[cry{r.Task, r.Subject, r.Root}] = &round{latest: r, next: now.Add(c.pause()), unsaid: true}
	}
	return nil
}

// longest is the longest pause between two rounds at the present size of the catalogue.
func (c *crier) longest() time.Duration { return c.m.cfg.AnnounceMax * c.stretch() }

func (c *crier) stretch() time.Duration {
	return time.Duration(1 + len(c.m.book.Live(announce.Query{}))/recordsPerInterval)
}

// pause draws the time to the next round, so that nodes do not fall into step.
func (c *crier) pause() time.Duration {
	lo, hi := c.m.cfg.AnnounceMin, c.m.cfg.AnnounceMax
	return (lo + rand.N(hi-lo+1)) * c.stretch()
}

// issue signs a draft, says it, and keeps on saying it.
func (c *crier) issue(ctx context.Context, draft announce.Announcement) (announce.Record, error) {
	if err := c.m.bus.Join(draft.Topic()); err != nil {
		return announce.Record{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sign(ctx, draft)
}

// sign issues one round and says it. Callers lock, so that rounds of one record
// go out in the order of their numbers.
func (c *crier) sign(ctx context.Context, draft announce.Announcement) (announce.Record, error) {
	r, err := c.m.book.Issue(ctx, c.m.key, c.complete(draft))
	if err != nil {
		return announce.Record{}, err
	}
	c.m.issue(r)
	w := &round{latest: r, next: c.m.cfg.Now().Add(c.pause())}
	c.cries[cry{r.Task, r.Subject, r.Root}] = w
	w.unsaid = !c.say(ctx, r)
	c.rouse()
	return r, nil
}

// complete adds where this node can be dialled and how long a record holds: two
// of the longest rounds may get lost before it lapses.
func (c *crier) complete(draft announce.Announcement) announce.Announcement {
	if draft.Kind == announce.Withdraw {
		return draft
	}
	if len(draft.Addrs) == 0 {
		addrs := c.m.host.Addrs()
		draft.Addrs = addrs[:min(len(addrs), maxOwnAddrs)]
	}
	if draft.Expires.IsZero() {
		draft.Expires = c.m.cfg.Now().Add(min(max(4*c.longest(), minLifetime), announce.MaxLifetime))
	}
	return draft
}

// say puts a record on its topic and reports whether anyone was there. A failure
// to send is logged and left to the next round: the record itself is safe.
func (c *crier) say(ctx context.Context, r announce.Record) bool {
	if c.m.bus.Peers(r.Topic()) == 0 {
		return false
	}
	if err := c.m.bus.Publish(ctx, r.Topic(), r.Envelope); err != nil {
		c.m.log.Warn("announcement not sent", "subject", r.Subject, "root", r.Root, "err", err)
		return false
	}
	return true
}

// draftAgain turns a record into the draft of its next round.
func (c *crier) draftAgain(r announce.Record) announce.Announcement {
	d := r.Announcement
	d.Addrs = nil // they may have changed
	if d.Kind != announce.Withdraw {
		d.Expires = time.Time{}
	}
	return d
}

// arrived makes the next round of what has not been heard by anyone due.
func (c *crier) arrived(topic cid.Cid, _ peer.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range c.cries {
		if w.unsaid && w.latest.Topic().Equals(topic) {
			w.next = c.m.cfg.Now()
		}
	}
	c.rouse()
}

func (c *crier) rouse() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run announces what is due until the mesh closes.
func (c *crier) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-c.m.ctx.Done():
			return
		case <-c.wake:
		case <-timer.C:
		}
		timer.Reset(c.round())
	}
}

// round says all that is due and returns the time to wait for the next.
func (c *crier) round() time.Duration {
	c.m.book.Sweep()
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.m.cfg.Now()
	wait := c.m.cfg.AnnounceMax
	for k, w := range c.cries {
		if w.latest.Kind == announce.Withdraw && !w.latest.Expires.After(now.Add(time.Second)) {
			delete(c.cries, k) // nothing is left that it could take back
			continue
		}
		if !w.next.After(now) {
			w = c.again(k, w, now)
		}
		wait = min(wait, w.next.Sub(now))
	}
	return max(wait, 0)
}

// again says one record anew. Callers lock.
func (c *crier) again(k cry, w *round, now time.Time) *round {
	_, err := c.sign(c.m.ctx, c.draftAgain(w.latest))
	if err == nil {
		return c.cries[k]
	}
	if !errors.Is(err, context.Canceled) {
		c.m.log.Warn("announcement not renewed", "subject", k.subject, "root", k.root, "err", err)
	}
	w.next = now.Add(c.m.cfg.AnnounceMin)
	return w
}
