package p2p

import (
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/x/simlibp2p"
	"github.com/marcopolo/simnet"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/distillmesh/distillmesh/p2p/announce"
)

// simulated runs a test in virtual time on a network without sockets, where
// addresses are public and nothing is exempt as loopback is.
func simulated(t *testing.T, f func(t *testing.T, net *simnet.Simnet)) {
	synctest.Test(t, func(t *testing.T) {
		network := &simnet.Simnet{LatencyFunc: simnet.StaticLatency(20 * time.Millisecond)}
		network.Start()
		t.Cleanup(network.Close) // last, after the nodes
		f(t, network)
	})
}

// onNetwork is a configuration for a node at ip and port of a simulated network.
func onNetwork(p Profile, n *simnet.Simnet, ip string, port int) Config {
	link := simnet.NodeBiDiLinkSettings{
		Downlink: simnet.LinkSettings{BitsPerSecond: 100 * simlibp2p.OneMbps},
		Uplink:   simnet.LinkSettings{BitsPerSecond: 100 * simlibp2p.OneMbps},
	}
	cfg := loopback(p)
	cfg.Listen = []ma.Multiaddr{ma.StringCast(fmt.Sprintf("/ip4/%s/udp/%d/quic-v1", ip, port))}
	cfg.Simulated = true
	cfg.Options = []libp2p.Option{simlibp2p.QUICSimnet(n, link)}
	return cfg
}

func address(i int) string { return net.IP(simnet.IntToPublicIPv4(i)).String() }

// stop closes the node inside the bubble, before the network goes.
func (n *node) stop(t *testing.T) {
	t.Helper()
	if err := n.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	time.Sleep(time.Minute) // virtual: lets connections time out at the other end
}

func (n *node) live(task cid.Cid) int {
	return len(n.book.Live(announce.Query{Task: task, Subject: announce.SubjectSet}))
}

// One node joins late; one is off for longer than gossip keeps messages. Meanwhile a
// set is withdrawn. Both end with exactly the live records.
func TestCatchUpGivesTheLateAndTheAbsentEveryLiveAnnouncement(t *testing.T) {
	simulated(t, func(t *testing.T, network *simnet.Simnet) {
		task := taskOf("digits")
		hub := newNode(t).start(t, onNetwork(ProfileTrainer, network, address(0), 8000))
		edge := newNode(t).start(t, onNetwork(ProfileEdge, network, address(1), 8000))
		away := newNode(t).start(t, onNetwork(ProfileEdge, network, address(2), 8000))
		for _, n := range []*node{hub, edge, away} {
			if err := n.Join(t.Context(), task); err != nil {
				t.Fatal(err)
			}
		}
		connect(t, edge, hub)
		connect(t, away, hub)
		taken := edge.publishSet(t, task, 1, 1000)
		kept := edge.publishSet(t, task, 2, 1000)
		await(t, away.book, "the node hears of both sets before it leaves", func() bool { return away.live(task) == 2 })

		away.stop(t)
		edge.publishSet(t, task, 3, 1000)
		if err := edge.Withdraw(t.Context(), taken); err != nil {
			t.Fatal(err)
		}
		time.Sleep(15 * time.Minute) // longer than the 10 minutes that gossip remembers

		// The node that was away still lists the withdrawn set. It learns of the
		// withdrawal from the hub, since the edge is off by now.
		edge.stop(t)
		if away.live(task) != 2 {
			t.Fatalf("the absent node holds %d sets before it returns, want 2", away.live(task))
		}
		back := away.start(t, onNetwork(ProfileEdge, network, address(3), 8000))
		late := newNode(t).start(t, onNetwork(ProfileEdge, network, address(4), 8000))
		for _, n := range []*node{back, late} {
			if err := n.Join(t.Context(), task); err != nil {
				t.Fatal(err)
			}
			connect(t, n, hub)
		}
		synctest.Wait()
		time.Sleep(5 * time.Second)
		for name, n := range map[string]*node{"returned": back, "late": late} {
			if n.live(task) != 2 || n.sees(taken.Root)() || !n.sees(kept.Root)() {
				t.Errorf("the %s node sees %d sets, want 2; the withdrawn one: %t, the kept one: %t",
					name, n.live(task), n.sees(taken.Root)(), n.sees(kept.Root)())
			}
		}

		// A replay of the withdrawn offer changes nothing, as long as it has not expired.
		_, verdict, err := late.book.Receive(t.Context(), taken.Envelope, announce.Source{}, task)
		if verdict != announce.Ignore {
			t.Errorf("replayed offer: %v (%v), want ignore", verdict, err)
		}
		for _, n := range []*node{hub, back, late} {
			n.stop(t)
		}
	})
}

// The library's defaults keep 8 of these 40 connected.
func TestFortyDevicesBehindOneAddressStayConnectedAndFetch(t *testing.T) {
	simulated(t, func(t *testing.T, network *simnet.Simnet) {
		const devices = 40
		task := taskOf("digits")
		hub := newNode(t).start(t, onNetwork(ProfileTrainer, network, address(0), 8000))
		if err := hub.Join(t.Context(), task); err != nil {
			t.Fatal(err)
		}
		set := hub.publishSet(t, task, 1, 300<<10)
		nodes := make([]*node, devices)
		var wg sync.WaitGroup
		for i := range nodes {
			nodes[i] = newNode(t).start(t, onNetwork(ProfileEdge, network, address(1), 8000+i))
		}
		for _, n := range nodes {
			wg.Go(func() {
				if err := n.Join(t.Context(), task); err != nil {
					t.Error(err)
				}
				if err := n.Connect(t.Context(), hub.Addrs()[0]); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		time.Sleep(time.Minute)
		if n := len(hub.Peers()); n != devices {
			t.Errorf("%d of %d devices are connected after a minute", n, devices)
		}
		for _, n := range nodes {
			wg.Go(func() {
				if _, err := n.Fetch(t.Context(), set.Root, FetchOptions{Pin: "set"}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, n := range append(nodes, hub) {
			if err := n.Close(); err != nil {
				t.Error(err)
			}
		}
		time.Sleep(time.Minute)
	})
}
