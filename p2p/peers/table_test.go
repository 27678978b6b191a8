package peers

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"go.uber.org/goleak"

	"github.com/distillmesh/distillmesh/p2p/members"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	epoch  = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	silent = slog.New(slog.DiscardHandler)
	tcp    = ma.StringCast("/ip4/192.0.2.1/tcp/4001")
	quic   = ma.StringCast("/ip4/192.0.2.1/udp/4001/quic-v1")
)

// peerOf makes the same peer id for the same number.
func peerOf(n int) peer.ID {
	seed := bytes.Repeat([]byte{byte(n), byte(n >> 8)}, 32)
	_, pub, err := crypto.GenerateEd25519Key(bytes.NewReader(seed))
	if err != nil {
		panic(err)
	}
	p, err := peer.IDFromPublicKey(pub)
	if err != nil {
		panic(err)
	}
	return p
}

// without is a membership of all but some peers.
type without []peer.ID

func (w without) Admits(p peer.ID) error {
	if slices.Contains(w, p) {
		return errors.New("it is not on the list of members")
	}
	return nil
}

// testTable is a table with a clock that the test moves.
type testTable struct {
	*Table
	ds  datastore.Batching
	now time.Time
}

func newTestTable(t *testing.T, membership members.Membership) *testTable {
	t.Helper()
	tt := &testTable{ds: dssync.MutexWrap(datastore.NewMapDatastore()), now: epoch}
	tt.reopen(t, membership, 4)
	return tt
}

func (tt *testTable) reopen(t *testing.T, membership members.Membership, knownPeers int) {
	t.Helper()
	var err error
	tt.Table, err = OpenTable(t.Context(), tt.ds, TableOptions{
		Membership: members.OrEverybody(membership), RefusedFor: 10 * time.Minute, KnownPeers: knownPeers,
		Now: func() time.Time { return tt.now }, Logger: silent,
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestARefusedPeerIsKeptOutUntilItsTimeIsUpOrAUserAsks(t *testing.T) {
	p := peerOf(1)
	for _, tt := range []struct {
		name  string
		then  func(*testTable)
		admit bool
	}{
		{"right after the refusal", func(*testTable) {}, false},
		{"shortly before its time is up", func(tt *testTable) { tt.now = epoch.Add(10*time.Minute - 1) }, false},
		{"when its time is up", func(tt *testTable) { tt.now = epoch.Add(10 * time.Minute) }, true},
		{"when a user asks for it", func(tt *testTable) { tt.ClearRefusal(p) }, true},
		{"when a later hello goes through", func(tt *testTable) { tt.Meet(p, Hello{Mesh: "test"}) }, true},
		{"when another peer is admitted", func(tt *testTable) { tt.Meet(peerOf(2), Hello{Mesh: "test"}) }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			table := newTestTable(t, nil)
			if err := table.Admits(p); err != nil {
				t.Fatalf("before the refusal: %v", err)
			}
			table.Refuse(p, "another mesh")
			tt.then(table)
			err := table.Admits(p)
			var refused *RefusedError
			if (err == nil) != tt.admit {
				t.Fatalf("admits: %v, want %t", err, tt.admit)
			}
			if err != nil && (!errors.As(err, &refused) || refused.Reason != "another mesh" || !errors.Is(err, ErrRefused)) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestAPeerThatIsNoMemberIsNotAdmittedAndTheReasonIsGiven(t *testing.T) {
	table := newTestTable(t, without{peerOf(1)})
	var refused *RefusedError
	if err := table.Admits(peerOf(1)); !errors.As(err, &refused) || refused.Reason != "it is not on the list of members" {
		t.Errorf("admits: %v", err)
	}
	table.ClearRefusal(peerOf(1))
	if table.Admits(peerOf(1)) == nil {
		t.Error("a user's wish overrides the membership")
	}
	if err := table.Admits(peerOf(2)); err != nil {
		t.Errorf("a member: %v", err)
	}
}

func TestRefusalsAreBoundedAndTheOldestGoesFirst(t *testing.T) {
	table := newTestTable(t, nil)
	for i := range maxRefused + 2 {
		table.now = table.now.Add(time.Second)
		table.Refuse(peerOf(i), fmt.Sprint(i))
	}
	got := table.Refusals()
	if len(got) != maxRefused || !slices.IsSortedFunc(got, func(x, y Refusal) int { return compare(x.Peer, y.Peer) }) {
		t.Fatalf("%d refusals, sorted by peer: want %d", len(got), maxRefused)
	}
	for i, want := range map[int]bool{0: true, 1: true, 2: false, maxRefused + 1: false} {
		if admitted := table.Admits(peerOf(i)) == nil; admitted != want {
			t.Errorf("peer %d is admitted: %t, want %t", i, admitted, want)
		}
	}
}

func compare(x, y peer.ID) int { return slices.Compare([]byte(x), []byte(y)) }

func TestTheTableKnowsWhoIsConnected(t *testing.T) {
	table := newTestTable(t, nil)
	member, other, parted := peerOf(1), peerOf(2), peerOf(3)
	hello := Hello{Version: 1, Mesh: "test", Role: "edge"}
	if !table.Meet(member, hello) || table.Meet(member, hello) {
		t.Error("only the first hello of a connection is the first")
	}
	table.Meet(other, Hello{}) // other software
	table.Meet(parted, hello)
	table.Refuse(parted, "it left")
	if got := table.Met(); !slices.Equal(got, []peer.ID{member}) {
		t.Errorf("met %v, want the member alone", got)
	}
	if h, ok := table.Hello(member); !ok || !reflect.DeepEqual(h, hello) {
		t.Errorf("hello %+v, %t", h, ok)
	}
	if _, ok := table.Hello(other); !ok {
		t.Error("other software counts as greeted")
	}
	table.Drop(member)
	if _, ok := table.Hello(member); ok || len(table.Met()) != 0 {
		t.Error("a peer that left is still listed")
	}
	if !table.Meet(member, hello) {
		t.Error("a peer that came back is met for the first time again")
	}
}

func TestKnownPeersSurviveRestartsWithTheirAddresses(t *testing.T) {
	table := newTestTable(t, nil)
	table.Remember(peerOf(1), []ma.Multiaddr{tcp, quic})
	table.Remember(peerOf(2), []ma.Multiaddr{tcp})
	table.Remember(peerOf(1), nil) // met again, at an address nobody knows
	want := table.Known()
	table.reopen(t, nil, 4)
	got := table.Known()
	if len(got) != 2 || !reflect.DeepEqual(got, want) {
		t.Errorf("known after a restart %v, before %v", got, want)
	}
	i := slices.IndexFunc(got, func(p peer.AddrInfo) bool { return p.ID == peerOf(1) })
	if !slices.EqualFunc(got[i].Addrs, []ma.Multiaddr{tcp, quic}, ma.Multiaddr.Equal) {
		t.Errorf("addresses %v", got[i].Addrs)
	}
	table.reopen(t, nil, 0)
	if n := len(table.Known()); n != 0 {
		t.Errorf("%d peers are known where none may be", n)
	}
	table.Remember(peerOf(3), []ma.Multiaddr{tcp})
	if table.reopen(t, nil, 4); len(table.Known()) != 0 {
		t.Error("peers were kept where none may be")
	}
}

func TestTheKnownPeerNotMetForLongestGoesFirst(t *testing.T) {
	table := newTestTable(t, nil)
	for i := range 4 {
		table.now = table.now.Add(time.Minute)
		table.Remember(peerOf(i), []ma.Multiaddr{tcp})
	}
	table.now = table.now.Add(time.Minute)
	table.Remember(peerOf(0), nil) // met again
	table.now = table.now.Add(time.Minute)
	table.Remember(peerOf(9), []ma.Multiaddr{tcp})
	for name, check := range map[string]func(){"before": func() {},
		"after a restart": func() { table.reopen(t, nil, 4) }} {
		check()
		var got []peer.ID
		for _, p := range table.Known() {
			got = append(got, p.ID)
		}
		want := []peer.ID{peerOf(0), peerOf(2), peerOf(3), peerOf(9)}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: known %v, want %v", name, got, want)
		}
	}
}

func TestWhatIsKeptOfOnePeerIsBounded(t *testing.T) {
	table := newTestTable(t, nil)
	var many []ma.Multiaddr
	for i := range 2 * maxKnownAddrs {
		many = append(many, ma.StringCast(fmt.Sprintf("/ip4/192.0.2.1/tcp/%d", 1000+i)))
	}
	table.Remember(peerOf(1), many)
	if got := table.Known()[0].Addrs; len(got) != maxKnownAddrs || !got[0].Equal(many[0]) {
		t.Errorf("%d addresses are kept, want the first %d", len(got), maxKnownAddrs)
	}
}

// The entry of a known peer as earlier versions wrote it.
const knownEntry = "a2647365656e1a695735a5656164647273824804c0000201060fa14b04c000020191020fa1cd03"

func TestEntriesOfEarlierVersionsAreReadAndDamagedOnesDropped(t *testing.T) {
	table := newTestTable(t, nil)
	good, err := hex.DecodeString(knownEntry)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string][]byte{
		peerOf(1).String(): good, "no-peer": good, peerOf(2).String(): good[:20],
		peerOf(3).String(): append(bytes.Clone(good), 0),
	} {
		if err := table.ds.Put(t.Context(), datastore.NewKey(name), value); err != nil {
			t.Fatal(err)
		}
	}
	table.reopen(t, nil, 4)
	got := table.Known()
	if len(got) != 1 || got[0].ID != peerOf(1) ||
		!slices.EqualFunc(got[0].Addrs, []ma.Multiaddr{tcp, quic}, ma.Multiaddr.Equal) {
		t.Fatalf("known %v", got)
	}
	written, err := knownPeer{info: got[0], seen: epoch}.encode()
	if err != nil || hex.EncodeToString(written) != knownEntry {
		t.Errorf("today's entry is %x, %v; earlier ones %s", written, err, knownEntry)
	}
}

func FuzzDecodeKnown(f *testing.F) {
	good, err := hex.DecodeString(knownEntry)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(peerOf(1).String(), good)
	f.Add("no-peer", []byte{0xa0})
	f.Fuzz(func(t *testing.T, name string, value []byte) {
		p, err := decodeKnown(name, value)
		if err == nil && (p.info.ID == "" || len(p.info.Addrs) > maxKnownAddrs) {
			t.Errorf("accepted %+v", p)
		}
	})
}

// Three hundred fresh keys say hello and send a record each. Those that stayed, and that
// sent blocks, are known afterwards, also after a restart, and are dialed first.
func TestHellosOfStrangersDoNotPushOutPeersThatWereOfUse(t *testing.T) {
	table := newTestTable(t, nil)
	table.reopen(t, nil, 64)
	hello := Hello{Version: 1, Mesh: "test"}
	none := func() []ma.Multiaddr { return nil }
	var honest []peer.ID
	for i := range 20 {
		p := peerOf(1000 + i)
		honest = append(honest, p)
		table.Meet(p, hello)
		table.Remember(p, []ma.Multiaddr{tcp})
	}
	for _, p := range honest[:10] {
		table.Used(p, SentBlocks, none)
	}
	table.now = table.now.Add(StayedAfter)
	for _, p := range honest[10:] {
		table.Drop(p)
	}
	for i := range 300 {
		table.now = table.now.Add(13 * time.Millisecond)
		table.Meet(peerOf(i), hello)
		table.Remember(peerOf(i), []ma.Multiaddr{ma.StringCast(fmt.Sprintf("/ip4/8.%d.%d.1/tcp/1", i%20, i%256))})
		table.Used(peerOf(i), SentRecord, none)
		table.Drop(peerOf(i))
	}
	table.reopen(t, nil, 64)
	known := table.Known()
	if len(known) != 64 {
		t.Errorf("%d peers are known, want 64", len(known))
	}
	for _, p := range honest {
		if !slices.ContainsFunc(known, func(k peer.AddrInfo) bool { return k.ID == p }) {
			t.Errorf("%s was pushed out", p)
		}
	}
	d := newTestDialer(t, table)
	for _, p := range d.targets()[:20] {
		if !slices.Contains(honest, p.ID) {
			t.Errorf("%s is dialed before the peers that were of use", p.ID)
		}
	}
}

func TestPeersOfOnePublicRangeTakeAPartOfTheTable(t *testing.T) {
	for name, tt := range map[string]struct {
		addr string
		want int
	}{
		"public addresses of one range": {"/ip4/8.8.8.%d/tcp/1", 8}, "private addresses": {"/ip4/192.168.1.%d/tcp/1", 40},
		"loopback": {"/ip4/127.0.0.1/tcp/%d", 40},
	} {
		t.Run(name, func(t *testing.T) {
			table := newTestTable(t, nil)
			table.reopen(t, nil, 64)
			for i := range 40 {
				table.Remember(peerOf(i), []ma.Multiaddr{ma.StringCast(fmt.Sprintf(tt.addr, i+1))})
			}
			if n := len(table.Known()); n != tt.want {
				t.Errorf("%d known, want %d", n, tt.want)
			}
		})
	}
}
