package p2p

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// Limits of what the gate remembers.
const (
	askedHolds = 30 * time.Second // how long an address may be dialed that was asked for
	maxAsked   = 4096             // peers with such addresses
)

// gate decides whom and where the host dials. Every peer tells the library addresses that it
// says are its own (by identify, in its signed record), the library keeps them, and whatever opens
// a stream to a peer that has just left dials them all. So without a gate one peer could make this
// node dial hundreds of ports of a third party. The gate lets through what this node's own code
// asked for, which has its own limits.
type gate struct {
	admits func(peer.ID) error // nil for members that were not refused lately
	now    func() time.Time

	mu        sync.Mutex
	connected func(peer.ID) bool
	asked     map[peer.ID][]permit
}

// permit is an address at which a peer may be dialed, until when.
type permit struct {
	addr  ma.Multiaddr
	until time.Time
}

func newGate(admits func(peer.ID) error, now func() time.Time) *gate {
	return &gate{admits: admits, now: now, connected: func(peer.ID) bool { return false }, asked: map[peer.ID][]permit{}}
}

// guard sets the host that asks this gate.
func (g *gate) guard(h host.Host) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.connected = hostNetwork{Host: h}.Connected
}

// ask lets a peer be dialed at addresses for a while.
func (g *gate) ask(p peer.AddrInfo) {
	if len(p.Addrs) == 0 {
		return
	}
	now := g.now()
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, known := g.asked[p.ID]; !known && len(g.asked) >= maxAsked {
		g.forget(now)
	}
	permits := slices.DeleteFunc(g.asked[p.ID], func(other permit) bool {
		return now.After(other.until) || slices.ContainsFunc(p.Addrs, other.addr.Equal)
	})
	for _, addr := range p.Addrs {
		permits = append(permits, permit{addr, now.Add(askedHolds)})
	}
	g.asked[p.ID] = permits
}

// forget drops peers that may not be dialed any more, or else all. Callers lock.
func (g *gate) forget(now time.Time) {
	maps.DeleteFunc(g.asked, func(_ peer.ID, permits []permit) bool {
		return !slices.ContainsFunc(permits, func(p permit) bool { return !now.After(p.until) })
	})
	if len(g.asked) >= maxAsked {
		clear(g.asked)
	}
}

// InterceptPeerDial implements connmgr.ConnectionGater. Peers that are not admitted may dial
// in, so that the hello can tell them the reason.
func (g *gate) InterceptPeerDial(p peer.ID) bool { return g.admits(p) == nil }

// InterceptAddrDial implements connmgr.ConnectionGater. A peer that is connected is dialed
// only when it asks the library whether it can be reached (AutoNAT v2), which has limits of its own.
func (g *gate) InterceptAddrDial(p peer.ID, addr ma.Multiaddr) bool {
	now := g.now()
	g.mu.Lock()
	connected := g.connected
	asked := slices.ContainsFunc(g.asked[p], func(p permit) bool { return !now.After(p.until) && covers(p.addr, addr) })
	g.mu.Unlock()
	return asked || connected(p)
}

// InterceptAccept implements connmgr.ConnectionGater.
func (*gate) InterceptAccept(network.ConnMultiaddrs) bool { return true }

// InterceptSecured implements connmgr.ConnectionGater.
func (*gate) InterceptSecured(network.Direction, peer.ID, network.ConnMultiaddrs) bool { return true }

// InterceptUpgraded implements connmgr.ConnectionGater.
func (*gate) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }

// covers reports whether an address is one that was asked for: the same, or where a name was
// asked for, which people alone give, one with the same port.
func covers(asked, addr ma.Multiaddr) bool {
	if n := len(asked); n > 0 && asked[n-1].Code() == ma.P_P2P {
		asked = asked[:n-1]
	}
	if len(asked) == 0 || len(addr) == 0 {
		return false
	}
	switch asked[0].Code() {
	case ma.P_DNSADDR:
		return true
	case ma.P_DNS, ma.P_DNS4, ma.P_DNS6:
		return asked[1:].Equal(addr[1:])
	}
	return asked.Equal(addr)
}
