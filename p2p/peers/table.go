// Package peers keeps the peers of a node: the table of who is connected, refused
// or known from earlier runs; the hello in which two nodes introduce themselves; and
// the dialing that keeps the node connected.
package peers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/ipfs/go-datastore"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/distillmesh/distillmesh/p2p/members"
)

// ErrRefused is matched by every RefusedError.
var ErrRefused = errors.New("refused by peer")

// RefusedError says why a peer and this node do not talk. It is ErrRefused.
type RefusedError struct {
	Peer   peer.ID
	Reason string // for people
}

// Error names the peer and the reason.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("hello with %s: %v: %s", e.Peer, ErrRefused, e.Reason)
}

// Is makes errors.Is(err, ErrRefused) true.
func (e *RefusedError) Is(target error) bool { return target == ErrRefused }

// maxRefused bounds the refused peers that are kept.
const maxRefused = 64

// TableOptions of a Table. All fields must be set, but KnownPeers may be 0.
type TableOptions struct {
	Membership members.Membership
	RefusedFor time.Duration    // how long a refused peer is neither dialed nor served
	KnownPeers int              // peers remembered over restarts; 0 remembers none
	Now        func() time.Time // clock
	Logger     *slog.Logger
}

// Refusal is why and when a peer was refused, by either side.
type Refusal struct {
	Peer   peer.ID
	Reason string
	At     time.Time
}

// Table is the peer table. It is safe for concurrent use.
type Table struct {
	opt TableOptions

	mu      sync.Mutex
	met     map[peer.ID]Hello     // connected peers whose hello went through
	since   map[peer.ID]time.Time // when it did
	refused map[peer.ID]Refusal
	known   known
}

// OpenTable loads the known peers of earlier runs from ds. Entries that cannot be
// read are dropped.
func OpenTable(ctx context.Context, ds datastore.Batching, opt TableOptions) (*Table, error) {
	t := &Table{
		opt: opt, met: map[peer.ID]Hello{}, since: map[peer.ID]time.Time{}, refused: map[peer.ID]Refusal{},
		known: newKnown(ds, opt.KnownPeers),
	}
	if err := t.known.load(ctx); err != nil {
		return nil, fmt.Errorf("load known peers: %w", err)
	}
	return t, nil
}

// Admits returns nil when p may be dialed and served: it belongs to the mesh and was
// not refused lately. Otherwise it returns a *RefusedError.
func (t *Table) Admits(p peer.ID) error {
	if err := t.isMember(p); err != nil {
		return err
	}
	return t.wasRefused(p)
}

// wasRefused returns a *RefusedError when p was refused lately, by either side.
func (t *Table) wasRefused(p peer.ID) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r, ok := t.refused[p]; ok && t.opt.Now().Sub(r.At) < t.opt.RefusedFor {
		return &RefusedError{Peer: p, Reason: r.Reason}
	}
	return nil
}

// isMember asks the membership about p, as a *RefusedError.
func (t *Table) isMember(p peer.ID) error {
	if err := t.opt.Membership.Admits(p); err != nil {
		return &RefusedError{Peer: p, Reason: err.Error()}
	}
	return nil
}

// Refuse notes why p was refused. Beyond maxRefused peers the oldest refusal is
// forgotten.
func (t *Table) Refuse(p peer.ID, reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.met, p)
	delete(t.since, p)
	t.refused[p] = Refusal{Peer: p, Reason: reason, At: t.opt.Now()}
	if len(t.refused) <= maxRefused {
		return
	}
	oldest := p
	for q, r := range t.refused {
		if r.At.Before(t.refused[oldest].At) {
			oldest = q
		}
	}
	delete(t.refused, oldest)
}

// ClearRefusal lets p be dialed again, because a user asked for it.
func (t *Table) ClearRefusal(p peer.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.refused, p)
}

// Meet notes a hello that went through, and reports whether it is the first since
// p connected. The zero Hello stands for other software, which speaks none.
func (t *Table) Meet(p peer.ID, h Hello) (first bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, again := t.met[p]
	t.met[p] = h
	if !again {
		t.since[p] = t.opt.Now()
	}
	delete(t.refused, p)
	return !again
}

// Drop forgets a peer that is no longer connected. That it stayed long is remembered.
func (t *Table) Drop(p peer.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at, ok := t.since[p]; ok && t.opt.Now().Sub(at) >= StayedAfter {
		if _, known := t.known.peers[p]; known {
			t.note(t.known.used(p, Stayed, nil, t.opt.Now()), p)
		}
	}
	delete(t.met, p)
	delete(t.since, p)
}

// Used notes what a connected peer was good for, so that it is remembered longer than
// peers that only said hello. addrs are those to remember it by, if it was not.
func (t *Table) Used(p peer.ID, use Use, addrs func() []ma.Multiaddr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at, ok := t.since[p]; !ok {
		return
	} else if t.opt.Now().Sub(at) >= StayedAfter {
		use = Stayed
	}
	if e, known := t.known.peers[p]; known && e.use >= use {
		return
	}
	t.note(t.known.used(p, use, addrs(), t.opt.Now()), p)
}

// note logs that a peer could not be remembered.
func (t *Table) note(err error, p peer.ID) {
	if err != nil {
		t.opt.Logger.Warn("peer not remembered", "peer", p, "err", err)
	}
}

// Hello returns the hello of a connected peer, once it went through.
func (t *Table) Hello(p peer.ID) (h Hello, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h, ok = t.met[p]
	return h, ok
}

// Met returns the connected peers of this mesh, in order of ID.
func (t *Table) Met() []peer.ID {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []peer.ID
	for p, h := range t.met {
		if h.Mesh != "" {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

// Refusals returns the refused peers, in order of ID.
func (t *Table) Refusals() []Refusal {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make([]Refusal, 0, len(t.refused))
	for _, r := range t.refused {
		out = append(out, r)
	}
	slices.SortFunc(out, func(x, y Refusal) int { return cmp.Compare(x.Peer, y.Peer) })
	return out
}

// Remember keeps p and its addresses for later runs. Without addresses those known
// before are kept.
func (t *Table) Remember(p peer.ID, addrs []ma.Multiaddr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.note(t.known.put(p, addrs, t.opt.Now()), p)
}

// Known returns the peers of this and earlier runs, in order of ID.
func (t *Table) Known() []peer.AddrInfo {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.known.list()
}

// usesOf returns what known peers were good for.
func (t *Table) usesOf() map[peer.ID]Use {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make(map[peer.ID]Use, len(t.known.peers))
	for p, e := range t.known.peers {
		out[p] = e.use
	}
	return out
}
