package p2p

import (
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/marcopolo/simnet"

	"github.com/distillmesh/distillmesh/p2p/announce"
)

// offers counts the live offers of a root.
func (n *node) offers(root cid.Cid) int {
	return len(n.book.Live(announce.Query{Root: root, Kinds: []announce.Kind{announce.Offer}}))
}

// A withdrawal ends its signer's offer everywhere. Forged ones do nothing, and neither
// do replays of the offer, by gossip, by catch-up, and after a restart. Who holds a copy
// goes on serving it.
func TestAWithdrawalEndsAnOfferForGoodAndAForgedOneDoesNothing(t *testing.T) {
	simulated(t, func(t *testing.T, network *simnet.Simnet) {
		task := taskOf("digits")
		start := func(n *node, i int) *node {
			n.start(t, onNetwork(ProfileTrainer, network, address(256*i), 8000))
			if err := n.Join(t.Context(), task); err != nil {
				t.Fatal(err)
			}
			return n
		}
		edge, hub, attacker := start(newNode(t), 0), start(newNode(t), 1), start(newNode(t), 2)
		connect(t, edge, hub)
		connect(t, attacker, hub)
		set := edge.publishSet(t, task, 1, 1000)
		time.Sleep(time.Second)

		forged := announce.Announcement{Version: announce.Version, Task: task, Kind: announce.Withdraw,
			Subject: announce.SubjectSet, Root: set.Root, Issued: time.Now().UTC().Truncate(time.Second),
			Expires: time.Now().Add(time.Hour).UTC().Truncate(time.Second), Seq: 1000}
		r, err := announce.Seal(forged, attacker.key)
		if err != nil {
			t.Fatal(err)
		}
		send := func(envelope []byte) {
			if err := attacker.bus.Publish(t.Context(), task, envelope); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
		}
		send(r.Envelope)
		if hub.offers(set.Root) != 1 {
			t.Fatal("a stranger's withdrawal ended the offer")
		}
		if _, err := hub.Fetch(t.Context(), set.Root, FetchOptions{Pin: "set"}); err != nil {
			t.Fatal(err)
		}
		if _, err := hub.Publish(t.Context(), announce.Announcement{Task: task, Kind: announce.Have,
			Subject: announce.SubjectSet, Root: set.Root, Bytes: set.Bytes, Blocks: set.Blocks}); err != nil {
			t.Fatal(err)
		}
		if err := edge.Withdraw(t.Context(), set); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		edge.stop(t)
		gone := func(when string, nodes ...*node) {
			t.Helper()
			for i, n := range nodes {
				if n.offers(set.Root) != 0 {
					t.Errorf("%s: node %d holds the offer", when, i)
				}
			}
		}
		gone("after the withdrawal", hub, attacker)
		time.Sleep(11 * time.Minute) // gossip has forgotten that it saw the offer
		send(set.Envelope)
		gone("after a replay", hub)

		hub.stop(t)
		if hub.book, err = announce.OpenBook(hub.ds, announce.DefaultOptions()); err != nil {
			t.Fatal(err)
		}
		// The attacker keeps nothing but the offer, and hands it to whoever asks.
		attacker.stop(t)
		attacker.ds = memory()
		if attacker.book, err = announce.OpenBook(attacker.ds, announce.DefaultOptions()); err != nil {
			t.Fatal(err)
		}
		if v, err := attacker.book.Put(t.Context(), set, announce.Source{}); v != announce.Accept {
			t.Fatal(v, err)
		}
		start(hub, 3)
		start(attacker, 4)
		connect(t, attacker, hub)
		time.Sleep(10 * time.Second)
		send(set.Envelope)
		gone("after a restart and a replay", hub)

		// One that was never there hears of the offer first, and then of its end.
		late := start(newNode(t), 5)
		connect(t, late, attacker)
		time.Sleep(10 * time.Second)
		connect(t, late, hub)
		time.Sleep(10 * time.Second)
		gone("at a node that came late", late)
		if _, err := late.Fetch(t.Context(), set.Root, FetchOptions{Pin: "set"}); err != nil {
			t.Errorf("the copy of a holder: %v", err)
		}
		for _, n := range []*node{hub, attacker, late} {
			n.stop(t)
		}
	})
}

// Clocks ten minutes ahead and ten minutes behind: what one announces and withdraws is
// live, and gone, at the others.
func TestClocksTenMinutesApartDoNotMatter(t *testing.T) {
	simulated(t, func(t *testing.T, network *simnet.Simnet) {
		task := taskOf("digits")
		var nodes []*node
		for i, off := range []time.Duration{0, 5 * time.Minute, -5 * time.Minute} {
			n, now := newNodeAt(t, off)
			cfg := onNetwork(ProfileTrainer, network, address(256*i), 8000)
			cfg.Now = now
			cfg.AnnounceMin, cfg.AnnounceMax = time.Second, 3*time.Second // the shortest lives
			n.start(t, cfg)
			if err := n.Join(t.Context(), task); err != nil {
				t.Fatal(err)
			}
			nodes = append(nodes, n)
		}
		connect(t, nodes[1], nodes[0])
		connect(t, nodes[2], nodes[0])
		for i, from := range nodes {
			set := from.publishSet(t, task, i, 1000)
			time.Sleep(30 * time.Second)
			for j, n := range nodes {
				if !n.sees(set.Root)() {
					t.Errorf("node %d does not see the set of node %d", j, i)
				}
				if c := n.Clocks(); len(c.Differ) != 0 && j == 0 {
					t.Errorf("node %d reports %+v", j, c)
				}
			}
			if err := from.Withdraw(t.Context(), set); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Second)
			for j, n := range nodes {
				if n.sees(set.Root)() {
					t.Errorf("node %d still sees the set that node %d withdrew", j, i)
				}
			}
		}
		for _, n := range nodes {
			n.stop(t)
		}
	})
}
