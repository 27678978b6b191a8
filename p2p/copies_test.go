package p2p

import (
	"log/slog"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/marcopolo/simnet"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/distillmesh/distillmesh/p2p/announce"
)

// twin is a node with the key of another, as when a home was copied.
func twin(t *testing.T, of *node) *node {
	n := newNode(t)
	n.key = of.key
	return n
}

func TestTwoNodesWithOneKeyAreNoticed(t *testing.T) {
	for name, first := range map[string]bool{"both connected": true, "one comes later": false} {
		simulated(t, func(t *testing.T, network *simnet.Simnet) {
			task := taskOf("digits")
			hub := newNode(t).start(t, onNetwork(ProfileTrainer, network, address(0), 8000))
			seen := newLines()
			cfg := onNetwork(ProfileEdge, network, address(1), 8000)
			cfg.Logger = slog.New(seen)
			a := newNode(t).start(t, cfg)
			b := twin(t, a).start(t, onNetwork(ProfileEdge, network, address(2), 8000))
			for _, n := range []*node{hub, a} {
				if err := n.Join(t.Context(), task); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(2 * time.Second) // virtual: announcements hold whole seconds
			if first {
				connect(t, a, hub)
			}
			connect(t, b, hub)
			b.publishSet(t, task, 1, 1000)
			time.Sleep(time.Minute)
			if !first {
				connect(t, a, hub)
			}
			time.Sleep(2 * time.Hour)
			if c, ok := a.Copy(); !ok || c.How == "" || c.At.IsZero() || seen.count("another node uses this node's key") != 1 {
				t.Errorf("%s: %+v, %t", name, c, ok)
			}
			for _, n := range []*node{a, b, hub} {
				n.stop(t)
			}
		})
	}
}

// Records that this node or an earlier run of it signed are not another node's.
func TestOwnAnnouncementsAreNoCopy(t *testing.T) {
	simulated(t, func(t *testing.T, network *simnet.Simnet) {
		task := taskOf("digits")
		hub := newNode(t).start(t, onNetwork(ProfileTrainer, network, address(0), 8000))
		if err := hub.Join(t.Context(), task); err != nil {
			t.Fatal(err)
		}
		a := newNode(t).start(t, onNetwork(ProfileEdge, network, address(1), 8000))
		connect(t, a, hub)
		a.publishSet(t, task, 1, 1000)
		time.Sleep(3 * time.Hour)
		old := a.book.Own(a.ID())[0]
		a.stop(t)
		hub.stop(t)

		// The book is lost, and peers hand over what the node signed before.
		again := twin(t, a).start(t, onNetwork(ProfileEdge, network, address(2), 8000))
		again.copies.judge(old, hub.ID())
		time.Sleep(2 * time.Second) // virtual: it is signed in a second after the start
		now := again.publishSet(t, task, 2, 1000)
		time.Sleep(2 * time.Hour)
		again.copies.judge(now, hub.ID())
		if c, ok := again.Copy(); ok {
			t.Errorf("own records are taken for another node's: %+v", c)
		}
		other := twin(t, a)
		time.Sleep(2 * time.Second)
		r, err := other.book.Issue(t.Context(), other.key,
			announce.Announcement{Task: task, Kind: announce.Offer, Subject: announce.SubjectSet, Root: taskOf("other"),
				Bytes: 1, Blocks: 1})
		if err != nil {
			t.Fatal(err)
		}
		if again.copies.judge(r, hub.ID()); again.copies.found == nil {
			t.Error("an announcement of another node with the key is taken for an own one")
		}
		again.stop(t)
	})
}

// After the clock was set, records of earlier runs are still not another node's.
func TestASteppedClockIsAllowedFor(t *testing.T) {
	for _, c := range []struct{ wall, elapsed, want time.Duration }{
		{time.Hour, time.Hour, 0}, {48 * time.Hour, time.Minute, 48*time.Hour - time.Minute}, {time.Minute, time.Hour, 0},
		{61 * time.Second, 59 * time.Second, 0},
	} {
		if got := stepped(c.wall, c.elapsed); got != c.want {
			t.Errorf("%v on the wall, %v in fact: %v, want %v", c.wall, c.elapsed, got, c.want)
		}
	}
}

func TestTheLocalNetworkShowsACopy(t *testing.T) {
	a := newNode(t).start(t, loopback(ProfileEdge))
	found := (*neighbors)(a.Mesh)
	found.HandlePeerFound(peer.AddrInfo{ID: a.ID(), Addrs: a.host.Addrs()})
	found.HandlePeerFound(peer.AddrInfo{ID: a.ID(), Addrs: []ma.Multiaddr{ma.StringCast("/ip4/127.0.0.1/tcp/1")}})
	a.copies.local = []ma.Multiaddr{ma.StringCast("/ip4/10.0.0.7/tcp/4001")} // advertised before the network changed
	found.HandlePeerFound(peer.AddrInfo{ID: a.ID(), Addrs: a.copies.local})
	if c, ok := a.Copy(); ok {
		t.Errorf("this node's own addresses: %+v", c)
	}
	found.HandlePeerFound(peer.AddrInfo{ID: a.ID(),
		Addrs: append(a.host.Addrs(), ma.StringCast("/ip4/192.0.2.9/tcp/4001"))})
	if c, ok := a.Copy(); !ok || c.How == "" {
		t.Error("a node of this id elsewhere is not noticed")
	}
}
