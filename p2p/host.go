package p2p

import (
	"context"
	"errors"
	"fmt"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/metrics"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	quic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/peers"
)

// newHost builds the libp2p host of cfg, not listening yet. It dials only what g lets
// through. It fails early when a port is taken.
func newHost(cfg Config, key crypto.PrivKey, bytes metrics.Reporter, g *gate) (host.Host, error) {
	if !cfg.Simulated {
		for _, a := range cfg.Listen {
			var taken *AddrInUseError
			if err := probe(a); errors.As(err, &taken) {
				return nil, err
			}
		}
	}
	opts, err := hostOptions(cfg, key, bytes, g)
	if err != nil {
		return nil, err
	}
	h, err := libp2p.New(append(opts, cfg.Options...)...)
	if err != nil {
		return nil, fmt.Errorf("start host: %w", err)
	}
	g.guard(h)
	for _, p := range cfg.Bootstrap {
		h.ConnManager().Protect(p.ID, "bootstrap")
	}
	return h, nil
}

func hostOptions(cfg Config, key crypto.PrivKey, bytes metrics.Reporter, g *gate) ([]libp2p.Option, error) {
	l := cfg.Profile.limits()
	rm, err := l.resourceManager()
	if err != nil {
		return nil, err
	}
	cm, err := l.connManager()
	if err != nil {
		return nil, err
	}
	opts := []libp2p.Option{
		libp2p.Identity(key), libp2p.UserAgent(cfg.Agent), libp2p.NoListenAddrs,
		libp2p.Transport(tcp.NewTCPTransport), libp2p.Transport(quic.NewTransport),
		libp2p.Security(libp2ptls.ID, libp2ptls.New), libp2p.Security(noise.ID, noise.New), libp2p.DefaultMuxers,
		libp2p.ResourceManager(rm), libp2p.ConnectionManager(cm), libp2p.ConnectionGater(g),
		libp2p.BandwidthReporter(bytes), libp2p.DisableRelay(),
		// In-process nodes would collide in the default metrics registry.
		libp2p.DisableMetrics(),
		// After some hundred failed dials the library concludes that a network carries no
		// UDP, and hardly tries any more. A node that waits a day for its only peer makes
		// that many dials, and must not give up.
		libp2p.UDPBlackHoleSuccessCounter(nil), libp2p.IPv6BlackHoleSuccessCounter(nil),
	}
	if cfg.Simulated {
		// Address discovery stalls virtual time.
		return append(opts, libp2p.DisableIdentifyAddressDiscovery()), nil
	}
	if !onlyLoopback(cfg.Listen) {
		opts = append(opts, libp2p.EnableAutoNATv2())
		if cfg.PortMap {
			opts = append(opts, libp2p.NATPortMap())
		}
	}
	return opts, nil
}

// listen opens one address after another, since libp2p reports success when one of
// many succeeds. An address family that the machine lacks is only logged.
func listen(h host.Host, cfg Config) error {
	var errs []error
	for _, a := range cfg.Listen {
		if err := h.Network().Listen(a); err != nil {
			errs = append(errs, listenError(a, err))
			cfg.Logger.Warn("cannot listen", "addr", a.String(), "err", err)
		}
	}
	if len(errs) == len(cfg.Listen) {
		return errors.Join(errs...)
	}
	for _, err := range errs {
		if errors.Is(err, ErrAddrInUse) {
			return err
		}
	}
	return nil
}

func onlyLoopback(addrs []ma.Multiaddr) bool {
	for _, a := range addrs {
		if !manet.IsIPLoopback(a) {
			return false
		}
	}
	return true
}

// hostNetwork is the host as the packages of this layer need it.
type hostNetwork struct {
	host.Host
	gate *gate
}

// Dial implements peers.Network. The library pauses after failed dials, and fails
// further ones without making them. It is told to dial now: the pauses are ours.
func (n hostNetwork) Dial(ctx context.Context, p peer.AddrInfo) error {
	n.gate.ask(p)
	if s, ok := n.Network().(interface{ Backoff() *swarm.DialBackoff }); ok {
		s.Backoff().Clear(p.ID)
	}
	return n.Connect(ctx, p)
}

// Connected implements peers.Network.
func (n hostNetwork) Connected(p peer.ID) bool {
	return n.Network().Connectedness(p) == network.Connected
}

// Size implements peers.Network.
func (n hostNetwork) Size() int { return len(n.Network().Peers()) }

// ClosePeer implements peers.Streams.
func (n hostNetwork) ClosePeer(p peer.ID) error { return n.Network().ClosePeer(p) }

// source says where a record comes from that p sends: p itself, and the range of its
// address where that is public. Devices behind one private network have no range.
func (n hostNetwork) source(p peer.ID) announce.Source {
	from := announce.Source{Peer: p}
	for _, c := range n.Network().ConnsToPeer(p) {
		if r := peers.RangeOf(c.RemoteMultiaddr()); r.IsValid() {
			from.Range = r
			break
		}
	}
	return from
}

func (n hostNetwork) connectedPeers() []peer.ID { return n.Network().Peers() }

// listenAddrs returns p with the addresses at which it says that it listens.
func (n hostNetwork) listenAddrs(p peer.ID) peer.AddrInfo { return n.Peerstore().PeerInfo(p) }
