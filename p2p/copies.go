package p2p

import (
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/catchup"
)

// maxIssued bounds the digests of own announcements that are remembered.
const maxIssued = 1 << 14

// KeyCopy says how a second node was noticed that uses this node's key, as after a
// home was copied to another device. Peers take the two for one node, so that the
// announcements of one replace those of the other.
type KeyCopy struct {
	How string // in words
	At  time.Time
}

// copies looks for a second node with this node's key.
type copies struct {
	now        func() time.Time
	localAddrs func() []ma.Multiaddr // of this node on its interfaces
	log        *slog.Logger

	mu     sync.Mutex
	since  time.Time                   // a record signed later that is not in issued is another node's
	issued map[catchup.Digest]struct{} // records signed by this node since then
	found  *KeyCopy
	local  []ma.Multiaddr // addresses that were advertised on the local network
}

func newCopies(now func() time.Time, localAddrs func() []ma.Multiaddr, log *slog.Logger) *copies {
	return &copies{now: now, localAddrs: localAddrs, log: log, since: now(), issued: map[catchup.Digest]struct{}{}}
}

// copy reports whether a second node was noticed.
func (c *copies) copy() (KeyCopy, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.found == nil {
		return KeyCopy{}, false
	}
	return *c.found, true
}

// notice notes a second node. The first time it is logged.
func (c *copies) notice(how string) {
	c.mu.Lock()
	first := c.found == nil
	if first {
		c.found = &KeyCopy{How: how, At: c.now()}
	}
	c.mu.Unlock()
	if first {
		c.log.Warn("another node uses this node's key, as after a home was copied: "+
			"make a new home on one of the two devices", "seen", how)
	}
}

// issuedHere notes an own record before it is sent.
func (c *copies) issuedHere(r announce.Record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.issued) >= maxIssued {
		clear(c.issued)
		c.since = c.now()
	}
	c.issued[catchup.DigestOf(r.Envelope)] = struct{}{}
}

// judge judges a record with this node's signature that came from a peer. One signed
// before this run may be from an earlier run, or from a copy kept as a backup.
func (c *copies) judge(r announce.Record, from peer.ID) {
	c.mu.Lock()
	_, mine := c.issued[catchup.DigestOf(r.Envelope)]
	since, now := c.since, c.now()
	since = since.Add(stepped(now.Round(0).Sub(since.Round(0)), now.Sub(since)))
	other := !mine && r.Issued.After(since)
	c.mu.Unlock()
	if other {
		c.notice(fmt.Sprintf("an announcement of a %s with this node's signature, made elsewhere at %s UTC, from peer %s",
			r.Subject, r.Issued.UTC().Format(time.DateTime), from))
	}
}

// stepped returns by how much the wall clock was set forward, from the time that it
// and the monotonic clock measured. A device without a battery starts with a clock
// far behind, and records of its earlier runs would seem to be signed later.
func stepped(wall, elapsed time.Duration) time.Duration {
	if wall-elapsed > time.Minute {
		return wall - elapsed
	}
	return 0
}

// advertised remembers the addresses that are advertised on the local network.
func (c *copies) advertised() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.local = c.localAddrs()
}

// foundSelf judges the addresses at which local discovery found this node's id. It is
// another node when this one does not have one of them. Every node has the addresses
// of loopback.
func (c *copies) foundSelf(addrs []ma.Multiaddr) {
	c.mu.Lock()
	ours := append(c.localAddrs(), c.local...)
	c.mu.Unlock()
	for _, a := range addrs {
		if !manet.IsIPLoopback(a) && !slices.ContainsFunc(ours, a.Equal) {
			c.notice("the local network shows a node with this node's id at " + a.String())
			return
		}
	}
}
