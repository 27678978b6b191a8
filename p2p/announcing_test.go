package p2p

import (
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/marcopolo/simnet"

	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/catchup"
)

func TestRecordsAreAnnouncedAgainWithJitterUntilWithdrawn(t *testing.T) {
	simulated(t, func(t *testing.T, network *simnet.Simnet) {
		task := taskOf("digits")
		edge := newNode(t).start(t, onNetwork(ProfileEdge, network, address(0), 8000))
		hub := newNode(t).start(t, onNetwork(ProfileTrainer, network, address(1), 8000))
		if err := hub.Join(t.Context(), task); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var offers []time.Time
		hub.book.Watch(func(r announce.Record) {
			mu.Lock()
			defer mu.Unlock()
			if r.Kind == announce.Offer {
				offers = append(offers, time.Now())
			}
		})
		heard := func() []time.Time {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(offers)
		}
		connect(t, edge, hub)
		set := edge.publishSet(t, task, 1, 1000)
		time.Sleep(6 * time.Hour)
		if !hub.sees(set.Root)() {
			t.Error("the record lapsed although its owner is there")
		}
		pauses := map[time.Duration]int{}
		times := heard()
		for i := 1; i < len(times); i++ {
			pause := times[i].Sub(times[i-1])
			pauses[pause.Truncate(time.Second)]++
			if i > 1 && (pause < 10*time.Minute-time.Second || pause > 30*time.Minute+time.Second) {
				t.Errorf("round %d came after %v", i, pause)
			}
		}
		if len(times) < 12 || len(pauses) < 4 {
			t.Errorf("%d rounds in 6 h with pauses %v", len(times), pauses)
		}
		if err := edge.Withdraw(t.Context(), set); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		before := len(heard())
		time.Sleep(3 * time.Hour)
		if hub.sees(set.Root)() || len(heard()) != before {
			t.Errorf("after the withdrawal: live %v, %d more offers", hub.sees(set.Root)(), len(heard())-before)
		}
		edge.stop(t)
		hub.stop(t)
	})
}

// What a stopped node issued is announced by its next run, and reaches nodes that it
// is not connected to.
func TestWhatAStoppedNodeIssuedIsAnnouncedAtItsNextStart(t *testing.T) {
	simulated(t, func(t *testing.T, network *simnet.Simnet) {
		task := taskOf("digits")
		hub := newNode(t).start(t, onNetwork(ProfileTrainer, network, address(0), 8000))
		far := newNode(t).start(t, onNetwork(ProfileTrainer, network, address(1), 8000))
		for _, n := range []*node{hub, far} {
			if err := n.Join(t.Context(), task); err != nil {
				t.Fatal(err)
			}
		}
		connect(t, far, hub)
		edge := newNode(t)
		set, err := edge.book.Issue(t.Context(), edge.key, announce.Announcement{
			Task: task, Kind: announce.Offer, Subject: announce.SubjectSet, Root: taskOf("set"), Bytes: 1, Blocks: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(24 * time.Hour) // long expired
		edge.start(t, onNetwork(ProfileEdge, network, address(2), 8000))
		connect(t, edge, hub)
		time.Sleep(10 * time.Second)
		if !hub.sees(set.Root)() || !far.sees(set.Root)() {
			t.Errorf("seen by its neighbor: %v, by the next node: %v", hub.sees(set.Root)(), far.sees(set.Root)())
		}
		for _, n := range []*node{edge, far, hub} {
			n.stop(t)
		}
	})
}

// A node that restarts finds its peers again without a configuration that names them.
func TestKnownPeersAreDialedUntilTheyAreReached(t *testing.T) {
	simulated(t, func(t *testing.T, network *simnet.Simnet) {
		hubCfg := onNetwork(ProfileTrainer, network, address(0), 8000)
		hub := newNode(t).start(t, hubCfg)
		edge := newNode(t).start(t, onNetwork(ProfileEdge, network, address(1), 8000))
		connect(t, edge, hub)
		synctest.Wait()
		edge.stop(t)
		edge.start(t, onNetwork(ProfileEdge, network, address(1), 8001))
		time.Sleep(10 * time.Second)
		if len(edge.Peers()) != 1 {
			t.Errorf("after a restart %d peers, want the hub", len(edge.Peers()))
		}
		hub.stop(t)
		time.Sleep(24 * time.Hour)
		if len(edge.Peers()) != 0 {
			t.Fatal("connected to a hub that is not there")
		}
		hub.start(t, hubCfg)
		time.Sleep(20 * time.Minute) // the longest pause, with jitter
		if len(edge.Peers()) != 1 {
			t.Errorf("20 minutes after the hub came back: %d peers", len(edge.Peers()))
		}
		edge.stop(t)
		hub.stop(t)
	})
}

func TestWithoutBootstrapAndDiscoveryANodeHasNoPeers(t *testing.T) {
	simulated(t, func(t *testing.T, network *simnet.Simnet) {
		a := newNode(t).start(t, onNetwork(ProfileEdge, network, address(0), 8000))
		b := newNode(t).start(t, onNetwork(ProfileEdge, network, address(1), 8000))
		time.Sleep(24 * time.Hour)
		if len(a.Peers()) != 0 || len(b.Peers()) != 0 {
			t.Errorf("peers %v, %v", a.Peers(), b.Peers())
		}
		a.stop(t)
		b.stop(t)
	})
}

// A peer resets the stream when it is busy answering an earlier request.
func TestLearnAsksABusyPeerAgain(t *testing.T) {
	for _, tt := range []struct {
		name    string
		busy    int // requests that get no answer
		learned bool
	}{
		{"a peer that answers at once", 0, true},
		{"a peer that is busy until the last try", learnTries - 1, true},
		{"a peer that is busy for longer", learnTries, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			simulated(t, func(t *testing.T, net *simnet.Simnet) {
				task := taskOf("digits")
				hub := newNode(t).start(t, onNetwork(ProfileTrainer, net, address(0), 8000))
				asker := newNode(t).start(t, onNetwork(ProfileEdge, net, address(1), 8000))
				connect(t, asker, hub)
				time.Sleep(time.Minute)
				set := hub.publishSet(t, task, 1, 1000) // of a task that the asker has not joined
				requests := 0
				hub.host.SetStreamHandler(catchup.Protocol, func(s network.Stream) {
					if requests++; requests <= tt.busy {
						_ = s.Reset()
						return
					}
					hub.catchup.Answer(s)
				})
				asker.Learn(t.Context(), task)
				if got := asker.sees(set.Root)(); got != tt.learned || requests != min(tt.busy+1, learnTries) {
					t.Errorf("learned: %t after %d requests, want %t", got, requests, tt.learned)
				}
				asker.stop(t)
				hub.stop(t)
			})
		})
	}
}

// Any peer can take a question and never answer it, or answer without end.
func TestASilentPeerDoesNotHoldUpWhoLearnsOfOthers(t *testing.T) {
	simulated(t, func(t *testing.T, net *simnet.Simnet) {
		task := taskOf("digits")
		hub := newNode(t).start(t, onNetwork(ProfileTrainer, net, address(0), 8000))
		silent := newNode(t).start(t, onNetwork(ProfileEdge, net, address(1), 8000))
		asker := newNode(t).start(t, onNetwork(ProfileEdge, net, address(2), 8000))
		connect(t, asker, hub)
		connect(t, asker, silent)
		time.Sleep(time.Minute)
		set := hub.publishSet(t, task, 1, 1000)
		silent.host.SetStreamHandler(catchup.Protocol, func(s network.Stream) {
			_, _ = io.Copy(io.Discard, s) // until the asker has had enough
		})
		start := time.Now()
		asker.Learn(t.Context(), task)
		if took := time.Since(start); !asker.sees(set.Root)() || took > time.Second {
			t.Errorf("learned: %t after %v", asker.sees(set.Root)(), took)
		}
		for _, n := range []*node{asker, silent, hub} {
			n.stop(t)
		}
	})
}
