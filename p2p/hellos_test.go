package p2p

import (
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/marcopolo/simnet"
)

// More strangers say hello than a node remembers peers. After a restart it dials the
// peers that had stayed with it.
func TestANodeStillKnowsItsPeersAfterAFloodOfHellos(t *testing.T) {
	simulated(t, func(t *testing.T, network *simnet.Simnet) {
		const honest, strangers = 4, 20
		var nodes []*node
		start := func(i int) *node {
			cfg := onNetwork(ProfileEdge, network, address(256*i), 8000)
			cfg.KnownPeers = 0 // so that it is the other one that dials
			n := newNode(t).start(t, cfg)
			nodes = append(nodes, n)
			return n
		}
		cfg := onNetwork(ProfileEdge, network, address(256*100), 8000)
		cfg.KnownPeers = 8
		hub := newNode(t).start(t, cfg)
		for i := range honest {
			connect(t, start(i), hub)
		}
		time.Sleep(11 * time.Minute)
		for _, n := range nodes {
			for _, p := range hub.Peers() {
				if err := n.host.Network().ClosePeer(p.ID); err != nil {
					t.Fatal(err)
				}
			}
			if err := n.host.Network().ClosePeer(hub.ID()); err != nil {
				t.Fatal(err)
			}
		}
		for i := range strangers {
			n := start(honest + i)
			connect(t, n, hub)
			n.publishSet(t, taskOf("digits"), i, 100)
			time.Sleep(200 * time.Millisecond)
		}
		hub.stop(t)
		for _, n := range nodes[honest:] {
			n.stop(t)
		}
		var known []peer.ID
		for _, n := range nodes[:honest] {
			known = append(known, n.ID())
		}
		hub.start(t, cfg)
		time.Sleep(5 * time.Minute)
		back := 0
		for _, p := range hub.Peers() {
			if slices.Contains(known, p.ID) {
				back++
			}
		}
		if back != honest {
			t.Errorf("%d of %d peers are connected again", back, honest)
		}
		for _, n := range append(nodes[:honest:honest], hub) {
			n.stop(t)
		}
	})
}
