package p2p

import (
	"errors"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// thirdParty listens where no node is, and counts who connects.
func thirdParty(t *testing.T) (addr ma.Multiaddr, calls *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	calls = new(atomic.Int64)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			calls.Add(1)
			c.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	if addr, err = manet.FromNetAddr(l.Addr()); err != nil {
		t.Fatal(err)
	}
	return addr, calls
}

// telling is a node that tells its peers addresses as its own.
func telling(t *testing.T, addrs ...ma.Multiaddr) *node {
	t.Helper()
	cfg := loopback(ProfileEdge, "/tcp/0")
	cfg.Options = []libp2p.Option{libp2p.AddrsFactory(func(own []ma.Multiaddr) []ma.Multiaddr {
		return append(slices.Clone(own), addrs...)
	})}
	return newNode(t).start(t, cfg)
}

// eventually waits for what other goroutines bring about.
func eventually(t *testing.T, what string, met func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); !met(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("never happened: %s", what)
		}
	}
}

// A peer tells by identify that it is where others are, and leaves. What opens a stream to it
// afterwards, as bitswap does, calls none of them.
func TestAPeerCannotMakeANodeDialOthersByTheAddressesItTells(t *testing.T) {
	var others []ma.Multiaddr
	var calls []*atomic.Int64
	for range 12 {
		addr, n := thirdParty(t)
		others, calls = append(others, addr), append(calls, n)
	}
	called := func() (n int64) {
		for _, c := range calls {
			n += c.Load()
		}
		return n
	}
	cfg := loopback(ProfileEdge, "/tcp/0")
	cfg.KnownPeers = 0 // whom it dials again by itself has limits of its own
	victim := newNode(t).start(t, cfg)
	liar := telling(t, others...)
	connect(t, liar, victim)
	told := func() bool {
		addrs := victim.host.Peerstore().Addrs(liar.ID())
		return slices.ContainsFunc(addrs, others[11].Equal)
	}
	eventually(t, "the addresses are told", told)
	id := liar.ID()
	if err := liar.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the peer is gone", func() bool { return !victim.host.Connected(id) })
	if !told() {
		t.Fatal("the library has forgotten the addresses, so this test shows nothing")
	}
	_, err := victim.host.NewStream(t.Context(), id, "/ipfs/bitswap/1.2.0")
	if err == nil || called() > 0 {
		t.Errorf("%d of %d others were called; %v", called(), len(others), err)
	}
	if !strings.Contains(err.Error(), swarm.ErrGaterDisallowedConnection.Error()) {
		t.Errorf("why it was not dialed: %v", err)
	}
	// What the node itself asks for is dialed, and that alone.
	if err := victim.host.Dial(t.Context(), peer.AddrInfo{ID: id, Addrs: others[:1]}); err == nil {
		t.Error("a listener that is no node was taken for one")
	}
	if called() == 0 || called() != calls[0].Load() {
		t.Errorf("%d calls, %d of them to the one asked for", called(), calls[0].Load())
	}
}

func TestOfTheAddressesThatAPeerTellsOnlyThoseItCanHaveAreRemembered(t *testing.T) {
	victim := newNode(t).start(t, loopback(ProfileEdge, "/tcp/0"))
	public := ma.StringCast("/ip4/8.8.8.8/tcp/4001")
	liar := telling(t, ma.StringCast("/ip4/127.0.0.1/tcp/22"), ma.StringCast("/ip4/10.1.2.3/tcp/4001"),
		ma.StringCast("/dns4/example.org/tcp/4001"), ma.StringCast("/ip4/8.8.8.8/udp/53/quic-v1"), public)
	connect(t, liar, victim)
	known := func() []ma.Multiaddr {
		for _, p := range victim.table.Known() {
			if p.ID == liar.ID() {
				return p.Addrs
			}
		}
		return nil
	}
	eventually(t, "the peer is known", func() bool { return slices.ContainsFunc(known(), public.Equal) })
	own := liar.host.Network().ListenAddresses()[0]
	if got := known(); len(got) != 2 || !slices.ContainsFunc(got, own.Equal) {
		t.Errorf("remembers %v, want %v and %v", got, own, public)
	}
}

func TestTheGateLetsThroughWhatWasAskedFor(t *testing.T) {
	const node = "12D3KooWEZXjE41uU4EL2gpkAQeDXYok6wghN7wwNVPF5bwkaNfS"
	p, other := peer.ID("p"), peer.ID("other")
	at := ma.StringCast
	now := time.Unix(0, 0)
	g := newGate(func(p peer.ID) error {
		if p == other {
			return errors.New("refused")
		}
		return nil
	}, func() time.Time { return now })
	if !g.InterceptPeerDial(p) || g.InterceptPeerDial(other) {
		t.Error("whom it admits does not decide who is dialed")
	}
	for name, tt := range map[string]struct {
		asked, dialed string
		after         time.Duration
		want          bool
	}{
		"the address itself":               {"/ip4/8.8.8.8/tcp/4001", "/ip4/8.8.8.8/tcp/4001", 0, true},
		"the address, with the peer":       {"/ip4/8.8.8.8/tcp/4001/p2p/" + node, "/ip4/8.8.8.8/tcp/4001", 0, true},
		"another port":                     {"/ip4/8.8.8.8/tcp/4001", "/ip4/8.8.8.8/tcp/4002", 0, false},
		"another host":                     {"/ip4/8.8.8.8/tcp/4001", "/ip4/8.8.4.4/tcp/4001", 0, false},
		"another protocol":                 {"/ip4/8.8.8.8/tcp/4001", "/ip4/8.8.8.8/udp/4001/quic-v1", 0, false},
		"an address of a name":             {"/dns4/example.org/tcp/4001", "/ip4/8.8.8.8/tcp/4001", 0, true},
		"another port of a name":           {"/dns4/example.org/tcp/4001", "/ip4/8.8.8.8/tcp/22", 0, false},
		"an address of a name of a record": {"/dnsaddr/example.org", "/ip4/8.8.8.8/tcp/4001", 0, true},
		"soon":                             {"/ip4/8.8.8.8/tcp/4001", "/ip4/8.8.8.8/tcp/4001", askedHolds, true},
		"too late":                         {"/ip4/8.8.8.8/tcp/4001", "/ip4/8.8.8.8/tcp/4001", askedHolds + 1, false},
	} {
		now = now.Add(time.Hour) // what was asked for before is over
		g.ask(peer.AddrInfo{ID: p, Addrs: []ma.Multiaddr{at(tt.asked)}})
		now = now.Add(tt.after)
		if got := g.InterceptAddrDial(p, at(tt.dialed)); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
		if g.InterceptAddrDial(other, at(tt.dialed)) {
			t.Errorf("%s: another peer is dialed there", name)
		}
		if n := len(g.asked[p]); n != 1 {
			t.Errorf("%s: %d addresses are remembered", name, n)
		}
	}
	g.connected = func(q peer.ID) bool { return q == other }
	if !g.InterceptAddrDial(other, at("/ip4/8.8.8.8/tcp/4001")) {
		t.Error("a connected peer that asks whether it can be reached is not dialed")
	}
}

func TestTheGateForgetsWhatIsOver(t *testing.T) {
	now := time.Unix(0, 0)
	g := newGate(nil, func() time.Time { return now })
	addr := []ma.Multiaddr{ma.StringCast("/ip4/8.8.8.8/tcp/4001")}
	for i := range 3 * maxAsked {
		g.ask(peer.AddrInfo{ID: peer.ID(rune(i)), Addrs: addr})
		if now = now.Add(time.Millisecond); len(g.asked) > maxAsked {
			t.Fatalf("%d peers are remembered", len(g.asked))
		}
	}
	now = now.Add(time.Hour)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.forget(now); len(g.asked) != 0 {
		t.Errorf("%d peers are remembered that may not be dialed any more", len(g.asked))
	}
}

// A bootstrap peer that a name stands for is reached.
func TestAPeerBehindANameIsDialed(t *testing.T) {
	a := newNode(t).start(t, loopback(ProfileEdge, "/tcp/0"))
	b := newNode(t).start(t, loopback(ProfileEdge, "/tcp/0"))
	_, port := ma.SplitFirst(b.host.Network().ListenAddresses()[0])
	name := ma.StringCast("/dns4/localhost").Encapsulate(port)
	if err := a.Connect(t.Context(), name.Encapsulate(ma.StringCast("/p2p/"+b.ID().String()))); err != nil {
		t.Error(err)
	}
}

// Anybody on the local network makes up peers, and says where they are.
func TestPeersThatTheLocalNetworkMakesUpDoNotMakeANodeDialAHostOften(t *testing.T) {
	cfg := loopback(ProfileEdge, "/tcp/0")
	now := time.Now()
	cfg.Now = func() time.Time { return now }
	n := newNode(t).start(t, cfg)
	other, calls := thirdParty(t)
	low := ma.StringCast("/ip4/127.0.0.1/tcp/22")
	for _, key := range freshKeys(t, 3*toldPerHost) {
		id, err := peer.IDFromPrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		(*neighbors)(n.Mesh).HandlePeerFound(peer.AddrInfo{ID: id, Addrs: []ma.Multiaddr{low, other}})
	}
	eventually(t, "called", func() bool { return calls.Load() > 0 })
	if err := n.Close(); err != nil { // which waits for the dials
		t.Fatal(err)
	}
	if got := calls.Load(); got > toldPerHost {
		t.Errorf("one host was called %d times, want at most %d", got, toldPerHost)
	}
}
