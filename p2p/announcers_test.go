package p2p

import (
	"fmt"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/marcopolo/simnet"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/distillmesh/distillmesh/p2p/announce"
)

// publishTask announces a task.
func (n *node) publishTask(t *testing.T, name string) announce.Record {
	t.Helper()
	task := taskOf(name)
	r, err := n.Publish(t.Context(), announce.Announcement{
		Task: task, Kind: announce.Offer, Subject: announce.SubjectTask, Root: task, Bytes: 1, Blocks: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A small device is the only peer that publisher and trainer both know. It has not
// joined the task, so it passes on that the task exists and nothing else.
func TestASetArrivesOverAnEdgeThatHasNotJoinedItsTask(t *testing.T) {
	for _, order := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		t.Run(fmt.Sprint(order), func(t *testing.T) {
			simulated(t, func(t *testing.T, network *simnet.Simnet) {
				nodes := []*node{newNode(t), newNode(t), newNode(t)} // publisher, edge, trainer
				edge, err := peer.IDFromPrivateKey(nodes[1].key)
				if err != nil {
					t.Fatal(err)
				}
				var set announce.Record
				for _, i := range order {
					profile := ProfileEdge
					if i == 2 {
						profile = ProfileTrainer
					}
					cfg := onNetwork(profile, network, address(i), 8000)
					if i != 1 {
						at := ma.StringCast(fmt.Sprintf("/ip4/%s/udp/8000/quic-v1", address(1)))
						cfg.Bootstrap = []peer.AddrInfo{{ID: edge, Addrs: []ma.Multiaddr{at}}}
					}
					nodes[i].start(t, cfg)
					switch i {
					case 0:
						nodes[i].publishTask(t, "digits")
						set = nodes[i].publishSet(t, taskOf("digits"), 1, 1000)
					case 2:
						if err := nodes[i].Join(t.Context(), taskOf("digits")); err != nil {
							t.Fatal(err)
						}
					}
					time.Sleep(20 * time.Second)
				}
				time.Sleep(3 * time.Minute) // pauses between dials of a bootstrap peer that is not up yet grow
				if !nodes[2].sees(set.Root)() {
					t.Error("the trainer never heard of the set")
				} else if _, err := nodes[2].Fetch(t.Context(), set.Root, FetchOptions{Pin: "set"}); err != nil {
					t.Error(err)
				}
				for _, n := range nodes {
					if err := n.Close(); err != nil {
						t.Error(err)
					}
				}
				time.Sleep(time.Minute)
			})
		})
	}
}
