package p2p

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/distillmesh/distillmesh/p2p/announce"
)

// maxIssued bounds the digests of own announcements that are remembered.
const maxIssued = 1 << 14

// KeyCopy says how it was noticed that a second node uses this node's key, as after
// a home was copied to another device. Peers take the two for one: each one's
// announcements take back the other's.
type KeyCopy struct {
	How string // in words
	At  time.Time
}

// copies looks for a second node with this node's key.
type copies struct {
	mu     sync.Mutex
	since  time.Time                      // announcements signed later and not in issued are another node's
	issued map[[digestBytes]byte]struct{} // by this node since then
	found  *KeyCopy
	local  []ma.Multiaddr // what this node told the local network
}

func newCopies(now time.Time) copies {
	return copies{since: now, issued: map[[digestBytes]byte]struct{}{}}
}

// Copy reports whether a second node was seen that uses this node's key.
func (m *Mesh) Copy() (KeyCopy, bool) {
	m.copies.mu.Lock()
	defer m.copies.mu.Unlock()
	if m.copies.found == nil {
		return KeyCopy{}, false
	}
	return *m.copies.found, true
}

// copied notes a second node; the first time it is logged.
func (m *Mesh) copied(how string) {
	m.copies.mu.Lock()
	first := m.copies.found == nil
	if first {
		m.copies.found = &KeyCopy{How: how, At: m.cfg.Now()}
	}
	m.copies.mu.Unlock()
	if first {
		m.log.Warn("another node uses this node's key, as after a home was copied: "+
			"make a new home on one of the two devices", "seen", how)
	}
}

// issue notes an own announcement before it leaves.
func (m *Mesh) issue(r announce.Record) {
	m.copies.mu.Lock()
	defer m.copies.mu.Unlock()
	if len(m.copies.issued) >= maxIssued {
		clear(m.copies.issued)
		m.copies.since = m.cfg.Now()
	}
	m.copies.issued[digest(r.Envelope)] = struct{}{}
}

// own judges an announcement with this node's signature that came from a peer. What
// was signed before this run may be of an earlier run, or of a copy kept as backup.
func (m *Mesh) own(r announce.Record, from peer.ID) {
	m.copies.mu.Lock()
	_, mine := m.copies.issued[digest(r.Envelope)]
	since, now := m.copies.since, m.cfg.Now()
	since = since.Add(stepped(now.Round(0).Sub(since.Round(0)), now.Sub(since)))
	other := !mine && r.Issued.After(since)
	m.copies.mu.Unlock()
	if other {
		m.copied(fmt.Sprintf("an announcement of a %s with this node's signature, made elsewhere at %s UTC, from peer %s",
			r.Subject, r.Issued.UTC().Format(time.DateTime), from))
	}
}

// stepped is by how much the clock was set forward while so much time went by on
// the wall and so much in fact: a device without a battery starts with a clock that
// is far behind, and announcements of its earlier runs would seem to be signed later.
func stepped(wall, elapsed time.Duration) time.Duration {
	if wall-elapsed > time.Minute {
		return wall - elapsed
	}
	return 0
}

// watchCopies asks one peer after another what it holds, until the mesh closes.
// Gossip never brings a node what is signed by its own key, so this alone shows
// what a second node with the key announces.
func (m *Mesh) watchCopies() {
	tick := time.NewTicker(m.cfg.AnnounceMax)
	defer tick.Stop()
	for turn := 0; ; turn++ {
		select {
		case <-m.ctx.Done():
			return
		case <-tick.C:
		}
		if peers := m.peers.welcome(); len(peers) > 0 {
			m.learnOnce(peers[turn%len(peers)], m.topics())
		}
	}
}

// told remembers the addresses that the local network is told.
func (m *Mesh) told() {
	m.copies.mu.Lock()
	defer m.copies.mu.Unlock()
	m.copies.local = m.localAddrs()
}

func (m *Mesh) localAddrs() []ma.Multiaddr {
	addrs, err := m.host.Network().InterfaceListenAddresses()
	if err != nil {
		return nil
	}
	return addrs
}

// selfFound judges what the local network says of a node with this node's id: it is
// another when it has an address that this one has not. Every node has the
// addresses of loopback.
func (m *Mesh) selfFound(addrs []ma.Multiaddr) {
	m.copies.mu.Lock()
	ours := append(m.localAddrs(), m.copies.local...)
	m.copies.mu.Unlock()
	for _, a := range addrs {
		if !manet.IsIPLoopback(a) && !slices.ContainsFunc(ours, a.Equal) {
			m.copied("the local network shows a node with this node's id at " + a.String())
			return
		}
	}
}
