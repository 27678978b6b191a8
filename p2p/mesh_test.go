package p2p

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	mh "github.com/multiformats/go-multihash"
	"go.uber.org/goleak"

	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/blocks"
)

func TestMain(m *testing.M) {
	if os.Getenv(serveLargest) != "" {
		os.Exit(serveLargestSet())
	}
	goleak.VerifyTestMain(m)
}

// node is a mesh node with what it stores over restarts.
type node struct {
	*Mesh
	key   crypto.PrivKey
	store *blocks.Store
	book  *announce.Book
	ds    datastore.Batching
	known datastore.Batching
}

func memory() datastore.Batching { return dssync.MutexWrap(datastore.NewMapDatastore()) }

// newNode prepares a node without starting it.
func newNode(t *testing.T) *node { return newNodeWith(t, announce.DefaultOptions()) }

// newNodeWith prepares a node whose book has these options.
func newNodeWith(t *testing.T, opt announce.Options) *node {
	t.Helper()
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{key: key, ds: memory(), known: memory()}
	if n.store, err = blocks.New(memory(), memory(), 0, blocks.DefaultOptions()); err != nil {
		t.Fatal(err)
	}
	if n.book, err = announce.OpenBook(n.ds, opt); err != nil {
		t.Fatal(err)
	}
	return n
}

// start runs the node; stop it before the test ends, or cleanup does.
func (n *node) start(t *testing.T, cfg Config) *node {
	t.Helper()
	m, err := Open(t.Context(), cfg, n.key, n.store, n.book, n.known)
	if err != nil {
		t.Fatal(err)
	}
	n.Mesh = m
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return n
}

// loopback is a configuration without discovery, on loopback addresses.
func loopback(p Profile, transports ...string) Config {
	cfg := DefaultConfig(p)
	cfg.Mesh, cfg.MDNS, cfg.PortMap = "test", false, false
	cfg.Listen = nil
	if len(transports) == 0 {
		transports = []string{"/tcp/0", "/udp/0/quic-v1"}
	}
	for _, tr := range transports {
		cfg.Listen = append(cfg.Listen, ma.StringCast("/ip4/127.0.0.1"+tr))
	}
	return cfg
}

func connect(t *testing.T, from, to *node) {
	t.Helper()
	if err := from.Connect(t.Context(), to.Addrs()[0]); err != nil {
		t.Fatal(err)
	}
}

// taskOf makes a task CID out of a name.
func taskOf(name string) cid.Cid {
	c, err := cid.V1Builder{Codec: cid.Raw, MhType: mh.SHA2_256}.Sum([]byte(name))
	if err != nil {
		panic(err)
	}
	return c
}

// setOf is a directory like a distilled set's; different seeds, different content.
func setOf(seed, size int) fs.FS {
	data := bytes.Repeat([]byte(fmt.Sprintf("set %8d ", seed)), size/13+1)[:size]
	return fstest.MapFS{
		"manifest.json":    {Data: []byte(fmt.Sprintf(`{"seed":%d}`, seed))},
		"data.safetensors": {Data: data},
	}
}

// publishSet stores a set at n and announces it.
func (n *node) publishSet(t *testing.T, task cid.Cid, seed, size int) announce.Record {
	t.Helper()
	root, stat, err := n.store.AddFS(t.Context(), setOf(seed, size), fmt.Sprintf("set/%d", seed))
	if err != nil {
		t.Fatal(err)
	}
	r, err := n.Publish(t.Context(), announce.Announcement{
		Task: task, Kind: announce.Offer, Subject: announce.SubjectSet, Root: root, Bytes: stat.Bytes, Blocks: stat.Blocks,
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// await returns once b holds a live record for which want holds, or fails when
// the test's time is up. It reacts to the book, it does not poll.
func await(t *testing.T, b *announce.Book, what string, want func() bool) {
	t.Helper()
	changed := make(chan struct{}, 1)
	cancel := b.Watch(func(announce.Record) {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	defer cancel()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	for !want() {
		select {
		case <-changed:
		case <-ctx.Done():
			t.Fatalf("never happened: %s", what)
		}
	}
}

func (n *node) sees(root cid.Cid) func() bool {
	return func() bool { return len(n.book.Live(announce.Query{Root: root})) > 0 }
}

func TestTwoNodesAnnounceAndFetch(t *testing.T) {
	for _, transport := range []string{"/tcp/0", "/udp/0/quic-v1"} {
		t.Run(transport, func(t *testing.T) {
			edge := newNode(t).start(t, loopback(ProfileEdge, transport))
			trainer := newNode(t).start(t, loopback(ProfileTrainer, transport))
			task := taskOf("digits")
			if err := trainer.Join(t.Context(), task); err != nil {
				t.Fatal(err)
			}
			connect(t, trainer, edge)
			set := edge.publishSet(t, task, 1, 3<<20)
			await(t, trainer.book, "the trainer hears of the set", trainer.sees(set.Root))

			var last atomic.Int64
			res, err := trainer.Fetch(t.Context(), set.Root, FetchOptions{
				Pin: "task/set", Progress: func(_, total int64) { last.Store(total) },
				Verify: func(dir fs.FS) error { _, err := fs.ReadFile(dir, "manifest.json"); return err },
			})
			if err != nil {
				t.Fatal(err)
			}
			// Bitswap asks again when an answer is slow, so on a busy machine a
			// block may arrive twice, which is counted as a duplicate.
			if res.Bytes != set.Bytes || res.Blocks != set.Blocks || res.Duplicates >= int64(set.Blocks) ||
				last.Load() != set.Bytes {
				t.Errorf("fetched %+v (total %d), announced %d bytes in %d blocks", res, last.Load(), set.Bytes, set.Blocks)
			}
			if !slices.Equal(res.Providers, []peer.ID{edge.ID()}) {
				t.Errorf("providers %v, want the edge", res.Providers)
			}
			dir, err := trainer.store.FS(t.Context(), set.Root)
			if err != nil {
				t.Fatal(err)
			}
			if err := fstest.TestFS(dir, "manifest.json", "data.safetensors"); err != nil {
				t.Error(err)
			}
			if c := trainer.Ledger().ByPeer()[edge.ID()]; c.In < set.Bytes {
				t.Errorf("ledger counts %d bytes in, the set has %d", c.In, set.Bytes)
			}
		})
	}
}

func TestHelloRefusesAnotherMeshAndSaysWhy(t *testing.T) {
	a := newNode(t).start(t, loopback(ProfileEdge))
	other := loopback(ProfileEdge)
	other.Mesh = "elsewhere"
	b := newNode(t).start(t, other)
	err := a.Connect(t.Context(), b.Addrs()[0])
	var refused *RefusedError
	if !errors.As(err, &refused) || !errors.Is(err, ErrRefused) {
		t.Fatalf("connect: %v, want a refusal", err)
	}
	if want := `it belongs to mesh "test", this node to "elsewhere"`; refused.Reason != want {
		t.Errorf("reason %q, want %q", refused.Reason, want)
	}
	for _, p := range a.Peers() {
		if p.ID == b.ID() && p.Refused == "" {
			t.Errorf("peer listed without the reason: %+v", p)
		}
	}
}

func TestAPortInUseIsNamed(t *testing.T) {
	a := newNode(t).start(t, loopback(ProfileEdge, "/tcp/0"))
	cfg := loopback(ProfileEdge)
	cfg.Listen = []ma.Multiaddr{a.host.Addrs()[0]}
	b := newNode(t)
	_, err := Open(t.Context(), cfg, b.key, b.store, b.book, b.known)
	var taken *AddrInUseError
	if !errors.Is(err, ErrAddrInUse) || !errors.As(err, &taken) || !taken.Addr.Equal(cfg.Listen[0]) {
		t.Errorf("open on a used port: %v", err)
	}
}
