package peers

import (
	"fmt"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// testAnnouncers are Announcers on a network of fakes, with a clock that the test moves.
type testAnnouncers struct {
	*Announcers
	net    *fakeNetwork
	now    time.Time
	wanted []peer.AddrInfo
	own    []ma.Multiaddr
}

func newTestAnnouncers(own ...string) *testAnnouncers {
	a := &testAnnouncers{net: newFakeNetwork(), now: epoch}
	for _, o := range own {
		a.own = append(a.own, ma.StringCast(o))
	}
	a.Announcers = NewAnnouncers(a.net, AnnouncersOptions{
		Wanted: func() []peer.AddrInfo { return append([]peer.AddrInfo{}, a.wanted...) },
		Admits: func(peer.ID) error { return nil },
		Own:    func() []ma.Multiaddr { return a.own }, Now: func() time.Time { return a.now }, Logger: silent,
	})
	return a
}

func (a *testAnnouncers) want(n int, addrs ...string) {
	p := peer.AddrInfo{ID: peerOf(n)}
	for _, s := range addrs {
		p.Addrs = append(p.Addrs, ma.StringCast(s))
	}
	a.wanted = append(a.wanted, p)
}

// dialAll dials what is due, again and again for a time, and counts attempts.
func (a *testAnnouncers) dialAll(t *testing.T, d time.Duration) (attempts int) {
	t.Helper()
	for end := a.now.Add(d); a.now.Before(end); a.now = a.now.Add(announcerEvery) {
		for _, p := range a.due() {
			attempts++
			a.dial(t.Context(), p)
		}
	}
	return attempts
}

func TestOnlyAddressesThatAPeerCanHaveAreDialed(t *testing.T) {
	const tls, mesh = "/tcp/443", "/tcp/4001"
	public := []string{"/ip4/8.8.1.1/tcp/4001", "/ip4/127.0.0.1/tcp/4001"}
	home := []string{"/ip4/192.168.7.2/tcp/4001", "/ip4/127.0.0.1/tcp/4001"}
	for _, tt := range []struct {
		name string
		own  []string
		addr string
		want bool
	}{
		{"a public one", public, "/ip4/8.8.8.8" + mesh, true},
		{"a public one over QUIC", public, "/ip4/8.8.8.8/udp/4001/quic-v1", true},
		{"a public one of IPv6", public, "/ip6/2606:4700::1" + mesh, true},
		{"a port of another service", public, "/ip4/8.8.8.8" + tls, false},
		{"a name", public, "/dns4/example.org" + mesh, false},
		{"a relay", public, "/ip4/8.8.8.8/tcp/4001/p2p/" + peerOf(5).String() + "/p2p-circuit", false},
		{"a private one, from outside", public, "/ip4/192.168.7.3" + mesh, false},
		{"a private one of this network", home, "/ip4/192.168.9.3" + mesh, true},
		{"a private one of another network of the site", []string{"/ip4/10.9.1.1/tcp/4001"}, "/ip4/10.1.2.3" + mesh, true},
		{"a unique local one of this site", []string{"/ip6/fd00:1:2::1/tcp/4001"}, "/ip6/fd00:1:2:3::9" + mesh, true},
		{"a unique local one of another site", []string{"/ip6/fd00:1:2::1/tcp/4001"}, "/ip6/fd00:9:9::9" + mesh, false},
		{"a private one of another block", home, "/ip4/10.1.2.3" + mesh, false},
		{"a public one, from a private network", home, "/ip4/8.8.8.8" + mesh, true},
		{"loopback, from a network", home, "/ip4/127.0.0.1/tcp/5000", false},
		{"loopback, where all is one computer", []string{"/ip4/127.0.0.1/tcp/4001"}, "/ip4/127.0.0.1/tcp/5000", true},
		{"link-local", home, "/ip4/169.254.1.1" + mesh, false},
		{"link-local, where this node has no other", []string{"/ip4/169.254.7.7/tcp/4001"}, "/ip4/169.254.1.1" + mesh, true},
		{"one of an overlay network", home, "/ip4/100.100.1.1" + mesh, false},
		{"one of an overlay network of this node", []string{"/ip4/100.64.7.7/tcp/4001"}, "/ip4/100.100.1.1" + mesh, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := newTestAnnouncers(tt.own...)
			a.want(1, tt.addr)
			if got := len(a.due()) == 1; got != tt.want {
				t.Errorf("dialed: %t", got)
			}
		})
	}
}

// A thousand signers, and then one with many addresses, name a host that is none of
// theirs.
func TestRecordsDoNotMakeANodeDialAHostOften(t *testing.T) {
	a := newTestAnnouncers("/ip4/8.8.1.1/tcp/4001")
	for i := range 1000 {
		a.want(i, fmt.Sprintf("/ip4/9.9.9.9/tcp/%d", 2000+i))
	}
	if n := a.dialAll(t, 10*time.Minute); n > dialsPerHost*11 {
		t.Errorf("%d attempts at one host in 10 minutes", n)
	}
	a = newTestAnnouncers("/ip4/8.8.1.1/tcp/4001")
	var many []string
	for i := range 16 {
		many = append(many, fmt.Sprintf("/ip4/9.9.9.%d/tcp/2000", i+1))
	}
	a.want(1, many...)
	due := a.due()
	if len(due) != 1 || len(due[0].Addrs) != signedAddrs {
		t.Errorf("due %v", due)
	}
	if n := a.dialAll(t, announcerAgain); n != 0 {
		t.Errorf("one signer was dialed %d times more", n)
	}
}

func TestAnnouncersAreDialedAFewAtATime(t *testing.T) {
	a := newTestAnnouncers("/ip4/8.8.1.1/tcp/4001")
	for i := range 100 {
		a.want(i, fmt.Sprintf("/ip4/9.9.%d.9/tcp/2000", i))
		a.net.up[peerOf(i)] = true
	}
	if n := len(a.due()); n != announcerDials {
		t.Errorf("%d at once, want %d", n, announcerDials)
	}
	if n := a.dialAll(t, time.Minute); n != 0 {
		t.Errorf("%d more while those still run", n)
	}
	a.running = 0
	if n := a.dialAll(t, 5*time.Minute); n > 6*dialsPerMinute {
		t.Errorf("%d attempts in 5 minutes", n)
	}
}
