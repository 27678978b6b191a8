package p2p

import (
	"errors"
	"io/fs"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

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
	second.providers.sent(trainer.ID())
	second.providers.sent(edge.ID())
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
