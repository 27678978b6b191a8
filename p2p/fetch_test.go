package p2p

import (
	"errors"
	"io/fs"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/blocks"
)

// pair is an edge with a published set of 3 MB and a trainer that knows of it.
func pair(t *testing.T) (edge, trainer *node, set announce.Record) {
	t.Helper()
	edge = newNode(t).start(t, loopback(ProfileEdge, "/tcp/0"))
	trainer = newNode(t).start(t, loopback(ProfileTrainer, "/tcp/0"))
	task := taskOf("digits")
	if err := trainer.Join(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	set = edge.publishSet(t, task, 1, 3<<20)
	connect(t, trainer, edge)
	await(t, trainer.book, "catch-up brings the set", trainer.sees(set.Root))
	return edge, trainer, set
}

func TestAFetchThatBreaksALimitOrFailsVerificationLeavesNothingThatCounts(t *testing.T) {
	_, trainer, set := pair(t)
	bad := errors.New("labels out of range")
	tests := []struct {
		name string
		opt  FetchOptions
		want error
	}{
		{"announced above the byte limit", FetchOptions{MaxBytes: 1 << 20}, ErrTooLarge},
		{"larger than announced", FetchOptions{MaxBytes: 1 << 20, Size: 1 << 19}, ErrTooLarge},
		{"too many blocks", FetchOptions{MaxBlocks: 2}, ErrTooLarge},
		{"too deep", FetchOptions{MaxDepth: 1}, ErrTooLarge},
		{"too many entries", FetchOptions{MaxEntries: 1}, ErrTooLarge},
		{"refused by the caller", FetchOptions{Verify: func(fs.FS) error { return bad }}, blocks.ErrRefused},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.opt.Pin = "set"
			if _, err := trainer.Fetch(t.Context(), set.Root, tt.opt); !errors.Is(err, tt.want) {
				t.Errorf("fetch: %v, want %v", err, tt.want)
			}
			if pins, err := trainer.store.Pins(t.Context()); err != nil || len(pins) != 0 {
				t.Errorf("pins %v, %v", pins, err)
			}
			if _, err := trainer.store.Collect(t.Context()); err != nil || trainer.store.Usage().Bytes != 0 {
				t.Errorf("%d bytes stay after collecting, %v", trainer.store.Usage().Bytes, err)
			}
		})
	}
}

func TestAFetchAboveTheQuotaIsRefusedBeforeTheFirstBlock(t *testing.T) {
	_, trainer, set := pair(t)
	opt := blocks.DefaultOptions()
	opt.QuotaBytes = 1 << 20
	small := newNode(t)
	var err error
	if small.store, err = blocks.New(memory(), memory(), 0, opt); err != nil {
		t.Fatal(err)
	}
	small.start(t, loopback(ProfileTrainer, "/tcp/0"))
	if err := small.Join(t.Context(), set.Task); err != nil {
		t.Fatal(err)
	}
	connect(t, small, trainer)
	await(t, small.book, "catch-up through a third node", small.sees(set.Root))
	res, err := small.Fetch(t.Context(), set.Root, FetchOptions{Pin: "set"})
	if !errors.Is(err, ErrFull) || res.Fetched.Blocks != 0 || small.store.Usage().Bytes != 0 {
		t.Errorf("fetch: %v, %+v, %d bytes stored", err, res, small.store.Usage().Bytes)
	}
}

func TestWhatNobodyHasIsAnErrorAndNotAWait(t *testing.T) {
	alone := newNode(t).start(t, loopback(ProfileEdge, "/tcp/0"))
	if _, err := alone.Fetch(t.Context(), taskOf("nowhere"), FetchOptions{}); !errors.Is(err, ErrNoProviders) {
		t.Errorf("without peers: %v, want ErrNoProviders", err)
	}
	_, trainer, _ := pair(t)
	_, err := trainer.Fetch(t.Context(), taskOf("nowhere"), FetchOptions{Pace: blocks.Pace{Stall: 200 * time.Millisecond}})
	if !errors.Is(err, ErrNoProviders) {
		t.Errorf("with peers that lack it: %v, want ErrNoProviders", err)
	}
}

func TestATrainerServesOnWhatItFetched(t *testing.T) {
	edge, trainer, set := pair(t)
	if _, err := trainer.Fetch(t.Context(), set.Root, FetchOptions{Pin: "set"}); err != nil {
		t.Fatal(err)
	}
	if _, err := trainer.Publish(t.Context(), announce.Announcement{
		Task: set.Task, Kind: announce.Have, Subject: set.Subject, Root: set.Root, Bytes: set.Bytes, Blocks: set.Blocks,
	}); err != nil {
		t.Fatal(err)
	}
	if err := edge.Close(); err != nil {
		t.Fatal(err)
	}
	second := newNode(t).start(t, loopback(ProfileTrainer, "/tcp/0"))
	if err := second.Join(t.Context(), set.Task); err != nil {
		t.Fatal(err)
	}
	connect(t, second, trainer)
	both := func() bool { return len(second.book.Live(announce.Query{Root: set.Root})) == 2 }
	await(t, second.book, "the newcomer hears the offer and the have", both)
	if first := second.providers.find(t.Context(), set.Root); first[0].ID != trainer.ID() {
		t.Errorf("asks %v first, want the trainer", first[0].ID)
	}
	res, err := second.Fetch(t.Context(), set.Root, FetchOptions{Pin: "set"})
	if err != nil || !slices.Equal(res.Providers, []peer.ID{trainer.ID()}) {
		t.Errorf("fetch: %v from %v", err, res.Providers)
	}
}

func TestATaskDocumentIsFetchedAsOneBlock(t *testing.T) {
	edge, trainer, _ := pair(t)
	c, err := edge.store.AddRaw(t.Context(), []byte("task document"), "task")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := edge.Publish(t.Context(), announce.Announcement{
		Task: c, Root: c, Kind: announce.Offer, Subject: announce.SubjectTask, Bytes: 13, Blocks: 1,
	}); err != nil {
		t.Fatal(err)
	}
	await(t, trainer.book, "the trainer hears of the task", trainer.sees(c))
	if got, err := trainer.FetchRaw(t.Context(), c, 1<<10); err != nil || string(got) != "task document" {
		t.Errorf("fetched %q, %v", got, err)
	}
	if _, err := newNodeKnowing(t, edge).FetchRaw(t.Context(), c, 5); !errors.Is(err, ErrTooLarge) {
		t.Errorf("above the limit: %v", err)
	}
}

// newNodeKnowing starts a trainer connected to n.
func newNodeKnowing(t *testing.T, n *node) *node {
	t.Helper()
	other := newNode(t).start(t, loopback(ProfileTrainer, "/tcp/0"))
	connect(t, other, n)
	return other
}

func TestCloseEndsRunningFetches(t *testing.T) {
	_, trainer, _ := pair(t)
	done := make(chan error)
	started := make(chan struct{})
	go func() {
		close(started)
		_, err := trainer.Fetch(t.Context(), taskOf("nowhere"), FetchOptions{})
		done <- err
	}()
	<-started
	if err := trainer.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err == nil {
		t.Error("a fetch succeeded on a closed mesh")
	}
}

// fakeMesh is a book and connected peers in memory.
type fakeMesh struct {
	records   []announce.Record
	connected []peer.ID
}

func (f *fakeMesh) Live(announce.Query) []announce.Record { return slices.Clone(f.records) }
func (f *fakeMesh) connectedPeers() []peer.ID             { return f.connected }
func (f *fakeMesh) listenAddrs(p peer.ID) peer.AddrInfo {
	return peer.AddrInfo{ID: p, Addrs: []ma.Multiaddr{ma.StringCast("/ip4/192.0.2.2/tcp/2")}}
}

func TestProvidersAreTheAnnouncersElseConnectedPeers(t *testing.T) {
	record := func(kind announce.Kind, signer peer.ID) announce.Record {
		return announce.Record{Signer: signer, Announcement: announce.Announcement{
			Kind: kind, Root: taskOf("set"), Addrs: []ma.Multiaddr{ma.StringCast("/ip4/192.0.2.1/tcp/1")},
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
		{"who fetched it before who made it", fakeMesh{
			records: []announce.Record{record(announce.Offer, "maker"), record(announce.Have, "trainer")},
		}, []peer.ID{"trainer", "maker"}},
		{"each announcer once", fakeMesh{
			records: []announce.Record{record(announce.Offer, "both"), record(announce.Have, "both")},
		}, []peer.ID{"both"}},
		{"neither this node nor a refused announcer", fakeMesh{
			records:   []announce.Record{record(announce.Offer, "self"), record(announce.Have, "refused")},
			connected: []peer.ID{"a"},
		}, []peer.ID{"a"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := &providers{self: "self", book: &tt.mesh, network: &tt.mesh, admits: func(p peer.ID) error {
				if p == "refused" {
					return ErrRefused
				}
				return nil
			}}
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
			Announcement: announce.Announcement{Kind: announce.Have, Root: taskOf("set")}})
	}
	first := map[peer.ID]int{}
	for i := range 100 {
		f := &providers{self: peer.ID(rune(i + 1000)), book: &mesh, network: &mesh,
			admits: func(peer.ID) error { return nil }}
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
