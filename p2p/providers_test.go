package p2p

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"golang.org/x/time/rate"

	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/peers"
)

// fakeMesh is a book and connected peers in memory.
type fakeMesh struct {
	records   []announce.Record
	connected []peer.ID
	served    []peer.ID
	noAddrs   bool // of peers that are not connected
}

// providers searches a fakeMesh, with a clock that stands unless one is given.
func (f *fakeMesh) providers(self peer.ID, now func() time.Time) *providers {
	if now == nil {
		now = func() time.Time { return time.Unix(1e9, 0) }
	}
	own := func() []ma.Multiaddr { return []ma.Multiaddr{ma.StringCast("/ip4/8.8.1.1/tcp/4001")} }
	p := &providers{self: self, book: f, network: f, ask: func(peer.AddrInfo) {}, now: now,
		reach: peers.NewReach(own, now, providersPerHost),
		dials: rate.NewLimiter(providersPerSec, providersAtOnce), served: map[peer.ID]struct{}{},
		asked: map[askedFor]askedTimes{}, dialed: map[peer.ID]dialedAt{}, admits: func(p peer.ID) error {
			if p == "refused" {
				return ErrRefused
			}
			return nil
		}}
	for _, s := range f.served {
		p.sent(s)
	}
	return p
}

func (f *fakeMesh) Live(announce.Query) []announce.Record { return slices.Clone(f.records) }
func (f *fakeMesh) Connected(p peer.ID) bool              { return slices.Contains(f.connected, p) }
func (f *fakeMesh) connectedPeers() []peer.ID             { return f.connected }
func (f *fakeMesh) listenAddrs(p peer.ID) peer.AddrInfo {
	if f.noAddrs {
		return peer.AddrInfo{ID: p}
	}
	return peer.AddrInfo{ID: p, Addrs: []ma.Multiaddr{ma.StringCast("/ip4/8.8.8.2/tcp/4001")}}
}

func TestProvidersAreTheAnnouncersElseConnectedPeers(t *testing.T) {
	record := func(kind announce.Kind, signer peer.ID) announce.Record {
		return announce.Record{Signer: signer, Announcement: announce.Announcement{
			Kind: kind, Root: taskOf("set"), Addrs: []ma.Multiaddr{ma.StringCast("/ip4/8.8.8.1/tcp/4001")},
		}}
	}
	many := make([]peer.ID, 2*maxFallbackPeers)
	for i := range many {
		many[i] = peer.ID(rune('a' + i))
	}
	for _, tt := range []struct {
		name string
		mesh fakeMesh
		want []peer.ID
	}{
		{"nobody announced it: the connected peers", fakeMesh{connected: []peer.ID{"a", "b"}}, []peer.ID{"a", "b"}},
		{"no more than a bounded number of them", fakeMesh{connected: many}, many[:maxFallbackPeers]},
		{"without those that were refused", fakeMesh{connected: []peer.ID{"a", "refused"}}, []peer.ID{"a"}},
		{"the announcer alone, connected or not", fakeMesh{
			records: []announce.Record{record(announce.Offer, "maker")}, connected: []peer.ID{"a"},
		}, []peer.ID{"maker"}},
		{"of strangers who made it before who has it", fakeMesh{
			records: []announce.Record{record(announce.Have, "stranger"), record(announce.Offer, "maker")},
		}, []peer.ID{"maker", "stranger"}},
		{"of those who sent content, who fetched it before who made it", fakeMesh{
			records: []announce.Record{record(announce.Offer, "maker"), record(announce.Have, "trainer")},
			served:  []peer.ID{"maker", "trainer"},
		}, []peer.ID{"trainer", "maker"}},
		{"who sent content before who says more", fakeMesh{
			records: []announce.Record{record(announce.Offer, "stranger"), record(announce.Have, "trainer")},
			served:  []peer.ID{"trainer"},
		}, []peer.ID{"trainer", "stranger"}},
		{"each announcer once", fakeMesh{
			records: []announce.Record{record(announce.Offer, "both"), record(announce.Have, "both")},
		}, []peer.ID{"both"}},
		{"neither this node nor a refused announcer", fakeMesh{
			records:   []announce.Record{record(announce.Offer, "self"), record(announce.Have, "refused")},
			connected: []peer.ID{"a"},
		}, []peer.ID{"a"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := tt.mesh.providers("self", nil)
			var got []peer.ID
			for _, p := range f.find(t.Context(), taskOf("set")) {
				got = append(got, p.ID)
				if addrs := len(p.Addrs); addrs != 1 && len(tt.mesh.connected) > 0 && len(tt.mesh.records) == 0 {
					t.Errorf("%s has %d addresses", p.ID, addrs)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("providers %q, want %q", got, tt.want)
			}
		})
	}
}

func TestNodesAskEquallyGoodProvidersInDifferentOrders(t *testing.T) {
	var mesh fakeMesh
	for _, signer := range []peer.ID{"a", "b", "c", "d"} {
		mesh.records = append(mesh.records, announce.Record{Signer: signer,
			Announcement: announce.Announcement{Kind: announce.Have, Root: taskOf("set"),
				Addrs: []ma.Multiaddr{ma.StringCast("/ip4/8.8.8.1/tcp/4001")}}})
	}
	first := map[peer.ID]int{}
	for i := range 100 {
		f := mesh.providers(peer.ID(rune(i+1000)), nil)
		order := f.find(t.Context(), taskOf("set"))
		sameID := func(x, y peer.AddrInfo) bool { return x.ID == y.ID }
		if again := f.find(t.Context(), taskOf("set")); !slices.EqualFunc(order, again, sameID) {
			t.Fatal("one node's order changes")
		}
		first[order[0].ID]++
	}
	for _, r := range mesh.records {
		if n := first[r.Signer]; n < 10 || n > 50 {
			t.Errorf("%d of 100 nodes ask %s first, want about 25", n, r.Signer)
		}
	}
}

// Sixty strangers say that they have a set, or that they made it, at addresses where
// nobody answers. Whoever made it is asked after a few rounds at the latest, and no host
// is dialed more often than may be.
func TestWhoOnlySaysThatHeHasContentDoesNotKeepItsMakerFromBeingAsked(t *testing.T) {
	for _, kind := range []announce.Kind{announce.Have, announce.Offer} {
		now := time.Unix(1e9, 0)
		var mesh fakeMesh
		add := func(kind announce.Kind, p peer.ID, addr string) {
			mesh.records = append(mesh.records, announce.Record{Signer: p, Announcement: announce.Announcement{
				Kind: kind, Root: taskOf("set"), Addrs: []ma.Multiaddr{ma.StringCast(addr)}}})
		}
		for i := range 60 {
			add(kind, peer.ID(fmt.Sprint("liar ", i)), fmt.Sprintf("/ip4/9.9.9.9/tcp/%d", 2000+i))
		}
		add(announce.Offer, "maker", "/ip4/8.8.8.8/tcp/4001")
		f := mesh.providers("self", func() time.Time { return now })
		rounds, dialed := 0, map[peer.ID]bool{}
		for found := false; !found && rounds < 20; rounds++ {
			for _, p := range f.find(t.Context(), taskOf("set")) {
				found = found || p.ID == "maker"
				dialed[p.ID] = true
			}
			now = now.Add(askAgain)
		}
		most := 1
		if kind == announce.Offer {
			most = 9 // 61 offers, 8 at a time
		}
		if rounds > most {
			t.Errorf("%s: the maker was asked in round %d, want %d at the latest", kind, rounds, most)
		}
		if len(dialed) > providersPerHost+5 {
			t.Errorf("%s: %d dials to one host", kind, len(dialed))
		}
	}
}

// Signed addresses that are none of a peer's are not dialed, and a peer without others is
// not asked.
func TestFetchesDialOnlyAddressesThatAPeerCanHave(t *testing.T) {
	var mesh fakeMesh
	for i, addr := range []string{"/ip4/127.0.0.1/tcp/5000", "/ip4/192.168.1.1/tcp/4001", "/ip4/8.8.8.8/tcp/25",
		"/dns4/example.org/tcp/4001", "/ip4/8.8.8.8/tcp/4001"} {
		mesh.records = append(mesh.records, announce.Record{Signer: peer.ID(rune('a' + i)),
			Announcement: announce.Announcement{Kind: announce.Offer, Root: taskOf("set"),
				Addrs: []ma.Multiaddr{ma.StringCast(addr)}}})
	}
	mesh.noAddrs = true
	got := mesh.providers("self", nil).find(t.Context(), taskOf("set"))
	if len(got) != 1 || got[0].ID != "e" || len(got[0].Addrs) != 1 {
		t.Errorf("asks %v", got)
	}
}
