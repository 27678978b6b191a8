package p2p

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/marcopolo/simnet"

	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/blocks"
	"github.com/distillmesh/distillmesh/p2p/members"
)

// allBut is a membership of all but one peer, which may change.
type allBut struct {
	mu  sync.Mutex
	who peer.ID
}

func (a *allBut) Admits(p peer.ID) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p == a.who {
		return errors.New("it is not on the list of members")
	}
	return nil
}

func (a *allBut) remove(p peer.ID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.who = p
}

// newNodeOf is newNode in a mesh of members.
func newNodeOf(t *testing.T, m members.Membership) *node {
	t.Helper()
	n := newNode(t)
	opt := announce.DefaultOptions()
	opt.Membership = m
	var err error
	if n.book, err = announce.OpenBook(n.ds, opt); err != nil {
		t.Fatal(err)
	}
	return n
}

const notAMember = "it is not on the list of members"

func TestAtHelloAPeerThatIsNoMemberIsToldWhyAndDisconnected(t *testing.T) {
	list := &allBut{}
	hub := newNodeOf(t, list).start(t, loopback(ProfileTrainer, "/tcp/0"))
	outsider := newNode(t).start(t, loopback(ProfileEdge, "/tcp/0"))
	member := newNode(t).start(t, loopback(ProfileEdge, "/tcp/0"))
	list.remove(outsider.ID())
	var refused *RefusedError
	if err := outsider.Connect(t.Context(), hub.Addrs()[0]); !errors.As(err, &refused) || refused.Reason != notAMember {
		t.Errorf("the outsider's connect: %v, want a refusal with its reason", err)
	}
	connect(t, member, hub)
	for _, p := range hub.Peers() {
		if (p.ID == outsider.ID()) != (p.Refused == notAMember) || (p.ID == member.ID()) != (p.Mesh == "test") {
			t.Errorf("the hub lists %+v", p)
		}
	}
	if got := hub.table.Met(); len(got) != 1 || got[0] != member.ID() {
		t.Errorf("the hub met %v, want the member alone", got)
	}
}

// The bootstrap peers of the hub are a member and a peer that is a member no more.
func TestAPeerThatIsNoMemberIsNotDialed(t *testing.T) {
	simulated(t, func(t *testing.T, net *simnet.Simnet) {
		outsider := newNode(t).start(t, onNetwork(ProfileEdge, net, address(0), 8000))
		member := newNode(t).start(t, onNetwork(ProfileEdge, net, address(1), 8000))
		dialed := 0
		outsider.host.Network().Notify(&network.NotifyBundle{ConnectedF: func(network.Network, network.Conn) { dialed++ }})
		cfg := onNetwork(ProfileTrainer, net, address(2), 8000)
		for _, n := range []*node{outsider, member} {
			info, err := peer.AddrInfoFromP2pAddr(n.Addrs()[0])
			if err != nil {
				t.Fatal(err)
			}
			cfg.Bootstrap = append(cfg.Bootstrap, *info)
		}
		hub := newNodeOf(t, &allBut{who: outsider.ID()}).start(t, cfg)
		time.Sleep(time.Hour)
		if !hub.host.Connected(member.ID()) || hub.host.Connected(outsider.ID()) || dialed != 0 {
			t.Errorf("connected to the member: %t, to the outsider: %t, which was dialed %d times",
				hub.host.Connected(member.ID()), hub.host.Connected(outsider.ID()), dialed)
		}
		var refused *RefusedError
		if err := hub.Connect(t.Context(), outsider.Addrs()[0]); !errors.As(err, &refused) || refused.Reason != notAMember {
			t.Errorf("connect by name: %v, want a refusal", err)
		}
		if err := hub.host.Connect(t.Context(), cfg.Bootstrap[0]); err == nil || dialed != 0 {
			t.Errorf("whatever asks the host to dial it: %v, %d dials", err, dialed)
		}
		for _, n := range []*node{hub, outsider, member} {
			n.stop(t)
		}
	})
}

// The outsider and the hub are both connected to a node of an open mesh, which
// forwards the outsider's records by gossip and by catch-up.
func TestRecordsOfAPeerThatIsNoMemberAreNotAdmitted(t *testing.T) {
	simulated(t, func(t *testing.T, net *simnet.Simnet) {
		task := taskOf("digits")
		outsider := newNode(t).start(t, onNetwork(ProfileEdge, net, address(0), 8000))
		between := newNode(t).start(t, onNetwork(ProfileTrainer, net, address(1), 8000))
		list := &allBut{who: outsider.ID()}
		hub := newNodeOf(t, list).start(t, onNetwork(ProfileTrainer, net, address(2), 8000))
		for _, n := range []*node{between, hub} {
			if err := n.Join(t.Context(), task); err != nil {
				t.Fatal(err)
			}
		}
		connect(t, outsider, between)
		before := outsider.publishSet(t, task, 1, 1000) // the hub catches up on it
		connect(t, hub, between)
		time.Sleep(time.Minute)
		after := outsider.publishSet(t, task, 2, 1000) // gossip brings it
		member := between.publishSet(t, task, 3, 1000)
		time.Sleep(time.Minute)
		if !between.sees(before.Root)() || !between.sees(after.Root)() {
			t.Fatal("the node between did not receive the outsider's records")
		}
		if hub.sees(before.Root)() || hub.sees(after.Root)() {
			t.Error("the hub admitted records of a peer that is no member")
		}
		if !hub.sees(member.Root)() {
			t.Error("the hub misses the member's record")
		}
		v, err := hub.book.Put(t.Context(), after, announce.Source{})
		if v != announce.Ignore || !errors.Is(err, announce.ErrUnknownSigner) {
			t.Errorf("put: %v, %v", v, err)
		}
		list.remove("") // now it is a member
		time.Sleep(2 * time.Hour)
		if !hub.sees(before.Root)() || !hub.sees(after.Root)() {
			t.Error("the next announcements of a peer that became a member were not admitted")
		}
		for _, n := range []*node{hub, between, outsider} {
			n.stop(t)
		}
	})
}

// A membership that ends while the peer is connected: it knows of the set and has a
// connection, and gets no block.
func TestAPeerThatIsNoMemberIsServedNoBlocks(t *testing.T) {
	simulated(t, func(t *testing.T, net *simnet.Simnet) {
		task := taskOf("digits")
		list := &allBut{}
		hub := newNodeOf(t, list).start(t, onNetwork(ProfileTrainer, net, address(0), 8000))
		former := newNode(t).start(t, onNetwork(ProfileEdge, net, address(1), 8000))
		member := newNode(t).start(t, onNetwork(ProfileEdge, net, address(2), 8000))
		set := hub.publishSet(t, task, 1, 3<<20)
		for _, n := range []*node{former, member} {
			if err := n.Join(t.Context(), task); err != nil {
				t.Fatal(err)
			}
			connect(t, n, hub)
		}
		time.Sleep(time.Minute)
		list.remove(former.ID())
		opt := FetchOptions{Pin: "set", Pace: blocks.Pace{Stall: 10 * time.Second}}
		res, err := former.Fetch(t.Context(), set.Root, opt)
		if !errors.Is(err, ErrNoProviders) || res.Fetched.Blocks != 0 || former.store.Usage().Bytes != 0 {
			t.Errorf("the former member's fetch: %v, %+v", err, res)
		}
		if !former.host.Connected(hub.ID()) {
			t.Fatal("it was not served because it was not connected: the test shows nothing")
		}
		if _, err := member.Fetch(t.Context(), set.Root, opt); err != nil {
			t.Errorf("the member's fetch: %v", err)
		}
		list.remove("")
		if _, err := former.Fetch(t.Context(), set.Root, opt); err != nil {
			t.Errorf("after it became a member again: %v", err)
		}
		for _, n := range []*node{hub, former, member} {
			n.stop(t)
		}
	})
}
