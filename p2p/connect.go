package p2p

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	ma "github.com/multiformats/go-multiaddr"
	"golang.org/x/time/rate"

	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/catchup"
	"github.com/distillmesh/distillmesh/p2p/peers"
)

// Limits of dialing known peers, and those found on the local network.
const (
	toldPerHost = 32 // dials to one IP address, then 4 a minute
	foundAtOnce = 64 // peers of the local network, then foundPerSec
	foundPerSec = 1  // see foundAtOnce
)

// openPeers makes the hello and the dialing.
func (m *Mesh) openPeers() {
	m.greeter = peers.NewGreeter(m.ctx, m.table, m.host, peers.GreeterOptions{
		Self: m.hello, Met: m.met, Wait: m.cfg.HelloWait, Logger: m.log,
	})
	m.reach = peers.NewReach(m.localAddrs, m.cfg.Now, toldPerHost)
	m.found = rate.NewLimiter(foundPerSec, foundAtOnce)
	m.dialer = peers.NewDialer(m.table, m.host, peers.DialerOptions{
		Bootstrap: m.bootstrap(), Peers: m.cfg.Profile.limits().low,
		Redial: m.cfg.Redial, RedialMax: m.cfg.RedialMax, Limit: m.reach.Limit, Now: m.cfg.Now, Logger: m.log,
	})
}

// bootstrap returns the configured bootstrap peers without this node.
func (m *Mesh) bootstrap() []peer.AddrInfo {
	return slices.DeleteFunc(slices.Clone(m.cfg.Bootstrap), func(p peer.AddrInfo) bool {
		if p.ID != m.host.ID() {
			return false
		}
		m.log.Info("a bootstrap address names this node itself and is skipped; "+
			"where another device answers there, its home is a copy of this one", "addrs", p.Addrs)
		return true
	})
}

// handle sets the handlers of streams and connections.
func (m *Mesh) handle() {
	m.host.SetStreamHandler(peers.HelloProtocol, m.greeter.Answer)
	m.host.SetStreamHandler(catchup.Protocol, m.catchup.Answer)
	m.host.SetStreamHandler(clockProtocol, m.clocks.answer)
	m.host.Network().Notify(&network.NotifyBundle{ConnectedF: m.connected, DisconnectedF: m.disconnected})
}

// rememberAddresses notes the addresses of peers that tell them, by libp2p's identify, only
// after their hello: without addresses a known peer could not be dialed.
func (m *Mesh) rememberAddresses() error {
	told, err := m.host.EventBus().Subscribe(new(event.EvtPeerIdentificationCompleted))
	if err != nil {
		return fmt.Errorf("watch addresses of peers: %w", err)
	}
	m.spawn(func() {
		defer told.Close()
		for {
			select {
			case <-m.ctx.Done():
				return
			case e := <-told.Out():
				p := e.(event.EvtPeerIdentificationCompleted).Peer
				if _, met := m.table.Hello(p); met && !m.dialer.IsBootstrap(p) {
					m.table.Remember(p, m.addrsOf(p))
				}
			}
		}
	})
	return nil
}

// addrsOf returns where p was dialed, then those of the addresses it tells at which it may be.
func (m *Mesh) addrsOf(p peer.ID) (out []ma.Multiaddr) {
	for _, c := range m.host.Network().ConnsToPeer(p) {
		if a := c.RemoteMultiaddr(); c.Stat().Direction == network.DirOutbound && !slices.ContainsFunc(out, a.Equal) {
			out = append(out, a)
		}
	}
	for _, a := range m.reach.Plausible(m.host.listenAddrs(p).Addrs) {
		if !slices.ContainsFunc(out, a.Equal) {
			out = append(out, a)
		}
	}
	return out
}

// hello is this node's hello.
func (m *Mesh) hello() peers.Hello {
	return peers.Hello{
		Version: announce.Version, Mesh: m.cfg.Mesh, Role: m.cfg.Role, Agent: m.cfg.Agent, Tasks: m.bus.Tasks(),
	}
}

// connected starts a hello with every peer that this node dialed.
func (m *Mesh) connected(_ network.Network, c network.Conn) {
	if c.Stat().Direction == network.DirOutbound {
		p := c.RemotePeer()
		m.spawn(func() { _ = m.greeter.Greet(m.ctx, p) })
	}
}

// disconnected forgets a peer once its last connection is closed.
func (m *Mesh) disconnected(_ network.Network, c network.Conn) {
	p := c.RemotePeer()
	if m.host.Connected(p) {
		return
	}
	m.table.Drop(p)
	m.greeter.Forget(p)
	m.catchup.Forget(p)
	m.dialer.Lost(p)
}

// met follows the first hello of a connection: remember the peer, and catch up.
func (m *Mesh) met(p peer.ID, _ peers.Hello) {
	m.dialer.Met(p)
	if !m.dialer.IsBootstrap(p) { // those stay in the configuration
		m.table.Remember(p, m.addrsOf(p))
	}
	m.spawn(func() { m.clocks.ask(m.ctx, p) })
	m.spawn(func() { m.learnFrom(p, m.topics()) })
}

// Connect dials an address ending in /p2p/ID and returns once the hello went
// through. Errors: *RefusedError with the reason, or ErrUnreachable.
func (m *Mesh) Connect(ctx context.Context, addr ma.Multiaddr) error {
	info, err := peer.AddrInfoFromP2pAddr(addr)
	if err != nil {
		return fmt.Errorf("connect to %s: address must end in /p2p/ID: %w", addr, err)
	}
	if err := m.check(ctx); err != nil {
		return fmt.Errorf("connect to %s: %w", addr, err)
	}
	m.table.ClearRefusal(info.ID)
	if err := m.table.Admits(info.ID); err != nil {
		return err
	}
	return m.meet(ctx, *info)
}

// meet connects to a peer and waits for its hello.
func (m *Mesh) meet(ctx context.Context, info peer.AddrInfo) error {
	if info.ID == m.host.ID() {
		return fmt.Errorf("connect to %s: %w: that is this node itself", info.ID, ErrUnreachable)
	}
	m.host.Peerstore().AddAddrs(info.ID, info.Addrs, peerstore.TempAddrTTL)
	if err := m.host.Dial(ctx, info); err != nil {
		if refused := m.table.Admits(info.ID); refused != nil {
			return refused
		}
		return fmt.Errorf("connect to %s: %w: %w", info.ID, ErrUnreachable, err)
	}
	return m.greeter.Greet(ctx, info.ID)
}

// localAddrs returns the addresses on this node's interfaces.
func (m *Mesh) localAddrs() []ma.Multiaddr {
	addrs, err := m.host.Network().InterfaceListenAddresses()
	if err != nil {
		return nil
	}
	return addrs
}

// Peers returns the connected peers and those refused lately, in order of ID.
func (m *Mesh) Peers() []Peer {
	var out []Peer
	for _, p := range m.host.Network().Peers() {
		out = append(out, m.describe(p))
	}
	for _, r := range m.table.Refusals() {
		if !m.host.Connected(r.Peer) {
			out = append(out, Peer{ID: r.Peer, Since: r.At, Refused: r.Reason})
		}
	}
	slices.SortFunc(out, func(x, y Peer) int { return cmp.Compare(x.ID, y.ID) })
	return out
}

func (m *Mesh) describe(p peer.ID) Peer {
	out := Peer{ID: p, Latency: m.host.Peerstore().LatencyEWMA(p), Skew: m.clocks.of(p)}
	for _, c := range m.host.Network().ConnsToPeer(p) {
		out.Addrs = append(out.Addrs, c.RemoteMultiaddr())
		out.Direction, out.Since = c.Stat().Direction, c.Stat().Opened
	}
	if h, ok := m.table.Hello(p); ok {
		out.Mesh, out.Role, out.Agent, out.Tasks = h.Mesh, h.Role, h.Agent, h.Tasks
	}
	if out.Agent == "" {
		if v, err := m.host.Peerstore().Get(p, "AgentVersion"); err == nil {
			out.Agent, _ = v.(string)
		}
	}
	return out
}
