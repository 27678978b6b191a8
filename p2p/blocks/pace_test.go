package blocks

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
)

// manyBlocks is a set whose leaves all differ.
func manyBlocks(t *testing.T, files, size int) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	for i := range files {
		data := make([]byte, size)
		rand.Read(data)
		out[fmt.Sprintf("file%03d", i)] = &fstest.MapFile{Data: data}
	}
	return out
}

// slow makes a node serve at most one block per interval.
func slow(n *node, interval time.Duration) {
	var next time.Time
	n.deny = func(peer.ID, cid.Cid) bool {
		now := time.Now()
		if now.Before(next) {
			return true
		}
		next = now.Add(interval)
		return false
	}
}

// A provider that sends one block per 25 seconds never lets 60 seconds pass without one.
func TestAProviderThatTricklesIsGivenUpByTheMinimumRate(t *testing.T) {
	withNodes(t, 2, func(t *testing.T, nodes []*node) {
		from, to := nodes[0], nodes[1]
		root, stat := add(t, from.Store, manyBlocks(t, 400, 10_000), "a")
		slow(from, 25*time.Second)
		to.find = peersOf(from)
		start := time.Now()
		_, err := to.Fetch(t.Context(), root, FetchOptions{Pin: "set", Size: stat.Bytes,
			Pace: Pace{Stall: time.Minute, MinRate: 16 << 10}})
		if !errors.Is(err, ErrStalled) {
			t.Errorf("fetch: %v, want ErrStalled", err)
		}
		if took := time.Since(start); took > 2*time.Minute {
			t.Errorf("given up after %v of virtual time", took)
		}
	})
}

func TestAFetchNeverLastsLongerThanItsSizeAtTheMinimumRate(t *testing.T) {
	f := &fetch{opt: FetchOptions{Pace: Pace{Stall: time.Minute, MinRate: 1 << 20}}.withDefaults()}
	synctest.Test(t, func(t *testing.T) {
		f.start = time.Now()
		if got := f.patience(0); got != time.Minute {
			t.Errorf("at the start: %v", got)
		}
		time.Sleep(100 * time.Second)
		for bytes, want := range map[int64]time.Duration{0: 0, 50 << 20: 10 * time.Second, 100 << 20: time.Minute} {
			if got := f.patience(bytes); got != want {
				t.Errorf("after 100 s, with %d bytes: %v, want %v", bytes, got, want)
			}
		}
	})
}

func TestAnotherProviderIsAskedMeanwhile(t *testing.T) {
	within := map[string]time.Duration{"of one that dies half way": 5 * time.Second}
	for name, spoil := range map[string]func(t *testing.T, bad *node, net func()){
		"of one that trickles": func(_ *testing.T, bad *node, _ func()) { slow(bad, 25*time.Second) },
		"of one that withholds one block": func(_ *testing.T, bad *node, _ func()) {
			var withheld cid.Cid
			bad.deny = func(_ peer.ID, c cid.Cid) bool {
				if !withheld.Defined() && c.Prefix().Codec == cid.Raw {
					withheld = c
				}
				return c.Equals(withheld)
			}
		},
		"of one that dies half way": func(_ *testing.T, bad *node, cut func()) {
			served := 0
			bad.deny = func(peer.ID, cid.Cid) bool {
				if served++; served == 10 {
					go cut()
				}
				return served > 10
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			withNodes(t, 3, func(t *testing.T, nodes []*node) {
				bad, good, to := nodes[0], nodes[1], nodes[2]
				set := manyBlocks(t, 40, 10_000)
				root, stat := add(t, bad.Store, set, "a")
				add(t, good.Store, set, "a")
				spoil(t, bad, func() { bad.host.Network().ClosePeer(to.host.ID()) })
				to.find = peersOf(bad, good)
				start := time.Now()
				res, err := to.Fetch(t.Context(), root, FetchOptions{Pin: "set", From: peersOf(bad), Size: stat.Bytes})
				if err != nil || res.Stat != stat {
					t.Errorf("fetch: %+v, %v", res, err)
				}
				if took := time.Since(start); took > cmp.Or(within[name], 40*time.Second) {
					t.Errorf("took %v of virtual time", took)
				}
			})
		})
	}
}

func TestCollectingAndOtherFetchesDoNotWaitForAFetch(t *testing.T) {
	withNodes(t, 3, func(t *testing.T, nodes []*node) {
		stuck, honest, to := nodes[0], nodes[1], nodes[2]
		set := manyBlocks(t, 10, 1000)
		slowRoot, _ := add(t, stuck.Store, set, "slow")
		quick, _ := add(t, honest.Store, manyBlocks(t, 10, 1000), "quick")
		gone, _ := add(t, to.Store, manyBlocks(t, 10, 1000), "gone")
		slow(stuck, 10*time.Second)
		var quickly atomic.Bool
		slowly := stuck.deny
		stuck.deny = func(p peer.ID, c cid.Cid) bool { return !quickly.Load() && slowly(p, c) }
		to.find = peersOf(stuck, honest)
		ended := make(chan error, 1)
		go func() {
			_, err := to.Fetch(t.Context(), slowRoot, FetchOptions{Pin: "slow"})
			ended <- err
		}()
		time.Sleep(35 * time.Second) // virtual: some blocks are here
		start := time.Now()
		before := to.Usage().Bytes
		if err := to.Unpin(t.Context(), gone); err != nil {
			t.Fatal(err)
		}
		freed, err := to.Collect(t.Context())
		if err != nil || freed < 10_000 || freed >= before {
			t.Errorf("freed %d of %d bytes, %v", freed, before, err)
		}
		if _, err := to.Fetch(t.Context(), quick, FetchOptions{Pin: "quick"}); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("collecting and a fetch beside a slow one took %v of virtual time", took)
		}
		quickly.Store(true)
		if err := <-ended; err != nil {
			t.Errorf("the slow fetch: %v", err)
		}
		if _, err := to.Collect(t.Context()); err != nil {
			t.Error(err)
		}
		for _, root := range []cid.Cid{slowRoot, quick} {
			if _, err := to.measure(t.Context(), root); err != nil {
				t.Errorf("after collecting: %v", err)
			}
		}
		if n := len(to.running.blocks); n != 0 {
			t.Errorf("%d blocks stay registered", n)
		}
	})
}

// The collector runs again and again while sets are fetched, verified and pinned.
func TestTheCollectorNeverTakesABlockOfAFetch(t *testing.T) {
	withNodes(t, 2, func(t *testing.T, nodes []*node) {
		from, to := nodes[0], nodes[1]
		to.find = peersOf(from)
		ctx, stop := context.WithCancel(t.Context())
		collected := make(chan int)
		go func() {
			n := 0
			for ctx.Err() == nil {
				if _, err := to.Collect(t.Context()); err != nil {
					t.Error(err)
				}
				n++
				time.Sleep(time.Millisecond) // virtual
			}
			collected <- n
		}()
		for i := range 20 {
			root, _ := add(t, from.Store, manyBlocks(t, 20, 100), fmt.Sprint(i))
			verify := func(fs.FS) error {
				_, err := to.Collect(t.Context())
				return err
			}
			if _, err := to.Fetch(t.Context(), root, FetchOptions{Pin: "set", Verify: verify}); err != nil {
				t.Fatal(err)
			}
			if _, err := to.measure(t.Context(), root); err != nil {
				t.Errorf("set %d: %v", i, err)
			}
		}
		stop()
		if n := <-collected; n < 20 {
			t.Errorf("collected only %d times", n)
		}
	})
}
