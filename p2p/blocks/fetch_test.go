package blocks

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	mocknet "github.com/libp2p/go-libp2p/p2p/net/mock"
)

// node is a store with an exchange in a network in memory.
type node struct {
	*Store
	*Exchange
	host host.Host
	find []peer.ID                   // whom it finds for any content
	deny func(peer.ID, cid.Cid) bool // whom it serves nothing; nil serves all
}

func (n *node) Close() error { return errors.Join(n.Exchange.Close(), n.Store.Close()) }

// withNodes runs a test in virtual time with connected nodes that find nobody.
func withNodes(t *testing.T, count int, test func(t *testing.T, nodes []*node)) {
	synctest.Test(t, func(t *testing.T) {
		network, err := mocknet.FullMeshConnected(count)
		if err != nil {
			t.Fatal(err)
		}
		nodes := make([]*node, count)
		for i, h := range network.Hosts() {
			store, err := inMemory(DefaultOptions())
			if err != nil {
				t.Fatal(err)
			}
			nodes[i] = exchangeOn(t, h, store, i%2 == 0)
		}
		test(t, nodes)
		for _, n := range nodes {
			if err := n.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := network.Close(); err != nil {
			t.Error(err)
		}
	})
}

// exchangeOn makes a node of a store that finds nobody.
func exchangeOn(t *testing.T, h host.Host, store *Store, small bool) *node {
	t.Helper()
	n := &node{host: h, Store: store}
	var err error
	n.Exchange, err = n.OpenExchange(h, ExchangeOptions{
		Small: small,
		Find: func(context.Context, cid.Cid) (out []peer.AddrInfo) {
			for _, p := range n.find {
				out = append(out, peer.AddrInfo{ID: p})
			}
			return out
		},
		Serve: func(p peer.ID, c cid.Cid) bool { return n.deny == nil || !n.deny(p, c) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// leaf is the CID of the first MiB of the data of setOf(seed, size).
func leaf(t *testing.T, seed string) cid.Cid {
	t.Helper()
	c, err := rawPrefix.Sum(setOf(seed, 1<<20)["data.safetensors"].Data)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAFetchEndsCompleteVerifiedAndPinned(t *testing.T) {
	withNodes(t, 2, func(t *testing.T, nodes []*node) {
		from, to := nodes[0], nodes[1]
		root, stat := add(t, from.Store, setOf("a", 3<<20), "a")
		to.find = []peer.ID{from.host.ID()}
		verified := 0
		var last, total atomic.Int64
		res, err := to.Fetch(t.Context(), root, FetchOptions{
			Pin: "set", Size: stat.Bytes,
			Progress: func(bytes, of int64) { last.Store(max(bytes, last.Load())); total.Store(of) },
			Verify: func(dir fs.FS) error {
				data, err := fs.ReadFile(dir, "data.safetensors")
				verified = len(data)
				return err
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if res.Stat != stat || res.Fetched != stat || !slices.Equal(res.Providers, []peer.ID{from.host.ID()}) {
			t.Errorf("result %+v, the set has %+v", res, stat)
		}
		if verified != 3<<20 || last.Load() != stat.Bytes || total.Load() != stat.Bytes {
			t.Errorf("verified %d bytes, progress %d of %d", verified, last.Load(), total.Load())
		}
		if pins, err := to.Pins(t.Context()); err != nil || len(pins) != 1 ||
			pins[0] != (Pin{Root: root, Name: "set", Stat: stat}) {
			t.Errorf("pins %+v, %v", pins, err)
		}
		// What is here needs no network.
		if err := from.Exchange.bitswap.Close(); err != nil {
			t.Fatal(err)
		}
		if res, err := to.Fetch(t.Context(), root, FetchOptions{Pin: "again"}); err != nil || res.Stat != stat ||
			res.Fetched != (Stat{}) {
			t.Errorf("fetched again: %+v, %v", res, err)
		}
	})
}

func TestOnlyMissingBlocksAreFetched(t *testing.T) {
	withNodes(t, 2, func(t *testing.T, nodes []*node) {
		from, to := nodes[0], nodes[1]
		root, stat := add(t, from.Store, setOf("a", 3<<20), "a") // three equal leaves, so one block
		if _, err := to.AddRaw(t.Context(), setOf("a", 1<<20)["data.safetensors"].Data, "leaf"); err != nil {
			t.Fatal(err)
		}
		to.find = []peer.ID{from.host.ID()}
		res, err := to.Fetch(t.Context(), root, FetchOptions{Pin: "set"})
		if err != nil || res.Stat != stat || res.Fetched.Blocks != stat.Blocks-1 || res.Fetched.Bytes != stat.Bytes-1<<20 {
			t.Errorf("result %+v, %v; the set has %+v, of which one leaf of 1 MiB was here", res, err, stat)
		}
	})
}

func TestFetchesThatCannotSucceedSayWhy(t *testing.T) {
	const stall = 10 * time.Second
	refused := errors.New("labels out of range")
	for _, tt := range []struct {
		name    string
		prepare func(t *testing.T, from, to *node)
		opt     FetchOptions
		want    error
	}{
		{"nobody is known to have it", func(_ *testing.T, _, to *node) { to.find = nil }, FetchOptions{}, ErrNoProviders},
		{"nobody answers", func(_ *testing.T, from, _ *node) {
			from.deny = func(peer.ID, cid.Cid) bool { return true }
		}, FetchOptions{}, ErrNoProviders},
		{"a provider withholds one block", func(t *testing.T, from, _ *node) {
			withheld := leaf(t, "a")
			from.deny = func(_ peer.ID, c cid.Cid) bool { return c.Equals(withheld) }
		}, FetchOptions{}, ErrStalled},
		{"it is larger than allowed", nil, FetchOptions{MaxBytes: 1 << 20}, ErrTooLarge},
		{"it was announced larger than allowed", nil, FetchOptions{MaxBytes: 1 << 20, Size: 2 << 20}, ErrTooLarge},
		{"it has more blocks than allowed", nil, FetchOptions{MaxBlocks: 2}, ErrTooLarge},
		{"it is deeper than allowed", nil, FetchOptions{MaxDepth: 1}, ErrTooLarge},
		{"it has more entries than allowed", nil, FetchOptions{MaxEntries: 1}, ErrTooLarge},
		{"it fails verification", nil, FetchOptions{Verify: func(fs.FS) error { return refused }}, ErrRefused},
		{"the store is full", func(_ *testing.T, _, to *node) {
			to.opt.QuotaBytes, to.quota.opt.QuotaBytes = 1<<20, 1<<20
		}, FetchOptions{}, ErrFull},
		{"the store is too small for the announced size", func(_ *testing.T, _, to *node) {
			to.opt.QuotaBytes, to.quota.opt.QuotaBytes = 1<<20, 1<<20
		}, FetchOptions{Size: 2 << 20}, ErrFull},
	} {
		t.Run(tt.name, func(t *testing.T) {
			withNodes(t, 2, func(t *testing.T, nodes []*node) {
				from, to := nodes[0], nodes[1]
				root, _ := add(t, from.Store, setOf("a", 3<<20), "a")
				to.find = []peer.ID{from.host.ID()}
				if tt.prepare != nil {
					tt.prepare(t, from, to)
				}
				tt.opt.Pin, tt.opt.Stall = "set", stall
				if _, err := to.Fetch(t.Context(), root, tt.opt); !errors.Is(err, tt.want) {
					t.Errorf("fetch: %v, want %v", err, tt.want)
				}
				if pins, err := to.Pins(t.Context()); err != nil || len(pins) != 0 {
					t.Errorf("pins %v, %v", pins, err)
				}
				if n := to.quota.reserved.Load(); n != 0 {
					t.Errorf("%d bytes stay reserved", n)
				}
				if _, err := to.Collect(t.Context()); err != nil || to.Usage().Bytes != 0 {
					t.Errorf("%d bytes stay after collecting, %v", to.Usage().Bytes, err)
				}
			})
		})
	}
}

func TestAnotherProviderCompletesWhatOneWithheld(t *testing.T) {
	withNodes(t, 3, func(t *testing.T, nodes []*node) {
		partial, complete, to := nodes[0], nodes[1], nodes[2]
		root, stat := add(t, partial.Store, setOf("a", 3<<20), "a")
		add(t, complete.Store, setOf("a", 3<<20), "a")
		withheld := leaf(t, "a")
		partial.deny = func(_ peer.ID, c cid.Cid) bool { return c.Equals(withheld) }
		complete.deny = func(_ peer.ID, c cid.Cid) bool { return !c.Equals(withheld) }
		res, err := to.Fetch(t.Context(), root, FetchOptions{
			Pin: "set", From: []peer.ID{partial.host.ID(), complete.host.ID()}, Pace: Pace{Stall: time.Minute},
		})
		want := []peer.ID{partial.host.ID(), complete.host.ID()}
		slices.Sort(want)
		if err != nil || res.Stat != stat || !slices.Equal(res.Providers, want) {
			t.Errorf("result %+v, %v; want the set from both providers", res, err)
		}
	})
}

func TestAFetchEndsWithItsContext(t *testing.T) {
	withNodes(t, 2, func(t *testing.T, nodes []*node) {
		from, to := nodes[0], nodes[1]
		root, _ := add(t, from.Store, setOf("a", 3<<20), "a")
		from.deny = func(peer.ID, cid.Cid) bool { return true }
		to.find = []peer.ID{from.host.ID()}
		stopped := errors.New("stopped by the user")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(stopped) })
		if _, err := to.Fetch(ctx, root, FetchOptions{}); !errors.Is(err, stopped) {
			t.Errorf("fetch: %v, want the cause of the context", err)
		}
		if len(to.fetches) != 0 {
			t.Errorf("%d fetches are still listed", len(to.fetches))
		}
	})
}

func TestOneBlockIsFetchedUpToItsLimit(t *testing.T) {
	withNodes(t, 2, func(t *testing.T, nodes []*node) {
		from, to := nodes[0], nodes[1]
		c, err := from.AddRaw(t.Context(), []byte("task document"), "task")
		if err != nil {
			t.Fatal(err)
		}
		to.find = []peer.ID{from.host.ID()}
		if _, err := to.FetchRaw(t.Context(), c, 5); !errors.Is(err, ErrTooLarge) {
			t.Errorf("above its limit: %v, want ErrTooLarge", err)
		}
		if got, err := to.FetchRaw(t.Context(), c, 13); err != nil || string(got) != "task document" {
			t.Errorf("fetched %q, %v", got, err)
		}
		root, _ := add(t, from.Store, setOf("a", 1000), "a")
		if _, err := to.FetchRaw(t.Context(), root, 1<<20); !errors.Is(err, ErrTooLarge) {
			t.Errorf("a directory as one block: %v, want ErrTooLarge", err)
		}
	})
}

func TestAnExchangeNeedsAFinder(t *testing.T) {
	s := openStore(t, nil)
	if _, err := s.OpenExchange(nil, ExchangeOptions{}); err == nil {
		t.Error("opened without a way to find providers")
	}
}

// peersOf are the ids of nodes.
func peersOf(nodes ...*node) (out []peer.ID) {
	for _, n := range nodes {
		out = append(out, n.host.ID())
	}
	return out
}
