package node

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
	dssync "github.com/ipfs/go-datastore/sync"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/multiformats/go-multiaddr"

	"github.com/distillmesh/distillmesh/node/catalogue"
	"github.com/distillmesh/distillmesh/p2p"
	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/blocks"
)

// stranger is a peer with a fresh key that says, and serves, what a test wants.
type stranger struct {
	*p2p.Mesh
	key   crypto.PrivKey
	store *blocks.Store
	shelf *shelf
}

func inMemory() datastore.Batching { return dssync.MutexWrap(datastore.NewMapDatastore()) }

// newStranger makes a stranger that knows nobody.
func newStranger(t *testing.T) *stranger {
	t.Helper()
	s := &stranger{shelf: &shelf{Batching: inMemory(), over: make(chan struct{})}}
	var err error
	if s.key, _, err = crypto.GenerateEd25519Key(rand.Reader); err != nil {
		t.Fatal(err)
	}
	if s.store, err = blocks.New(s.shelf, inMemory(), 0, blocks.DefaultOptions()); err != nil {
		t.Fatal(err)
	}
	book, err := announce.OpenBook(inMemory(), announce.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	cfg := p2p.DefaultConfig(p2p.ProfileEdge)
	cfg.Mesh, cfg.MDNS, cfg.PortMap = "test", false, false
	cfg.Listen = []multiaddr.Multiaddr{multiaddr.StringCast("/ip4/127.0.0.1/tcp/0")}
	if s.Mesh, err = p2p.Open(t.Context(), cfg, s.key, s.store, book, inMemory()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.shelf.serve()
		if err := errors.Join(s.Close(), s.store.Close()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// strangerAt makes a stranger that is connected to a node.
func strangerAt(t *testing.T, addr string) *stranger {
	t.Helper()
	s := newStranger(t)
	s.connect(t, addr)
	return s
}

func (s *stranger) connect(t *testing.T, addr string) {
	t.Helper()
	if err := s.Connect(t.Context(), multiaddr.StringCast(addr)); err != nil {
		t.Fatal(err)
	}
}

// say announces a draft with a body.
func (s *stranger) say(t *testing.T, draft announce.Announcement, body catalogue.Body) {
	t.Helper()
	if _, err := s.Publish(t.Context(), withBody(t, draft, body)); err != nil {
		t.Fatal(err)
	}
}

func withBody(t *testing.T, draft announce.Announcement, body catalogue.Body) announce.Announcement {
	t.Helper()
	var err error
	if body != nil {
		if draft.Body, err = catalogue.EncodeBody(body); err != nil {
			t.Fatal(err)
		}
	}
	return draft
}

// add stores files and returns the draft that offers them as a set.
func (s *stranger) add(t *testing.T, task cid.Cid, content fs.FS) announce.Announcement {
	t.Helper()
	root, stat, err := s.store.AddFS(t.Context(), content, "set")
	if err != nil {
		t.Fatal(err)
	}
	return announce.Announcement{Task: task, Kind: announce.Offer, Subject: announce.SubjectSet, Root: root,
		Bytes: stat.Bytes, Blocks: stat.Blocks, Schema: catalogue.SchemaSet}
}

// shelf has the blocks of a store, which a test holds back.
type shelf struct {
	datastore.Batching
	over    chan struct{} // closed when none is held back any more
	once    sync.Once
	waiting atomic.Int64 // reads that are held back

	mu   sync.Mutex
	hold bool          // reads wait
	free int           // but for so many
	lack datastore.Key // the block that is said not to be there
}

// holdBack makes all reads wait but for some.
func (f *shelf) holdBack(free int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hold, f.free = true, free
}

// lackBlock makes the store say that it lacks a block with this content.
func (f *shelf) lackBlock(t *testing.T, content []byte) {
	t.Helper()
	results, err := f.Query(t.Context(), query.Query{})
	if err != nil {
		t.Fatal(err)
	}
	entries, err := results.Rest()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(entries, func(e query.Entry) bool { return bytes.Equal(e.Value, content) })
	if i < 0 {
		t.Fatal("the store has no such block")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lack = datastore.NewKey(entries[i].Key)
}

// serve lets all reads go on.
func (f *shelf) serve() {
	f.mu.Lock()
	f.hold, f.lack = false, datastore.Key{}
	f.mu.Unlock()
	f.once.Do(func() { close(f.over) })
}

func (f *shelf) lacks(key datastore.Key) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return key == f.lack
}

// Get implements datastore.Read.
func (f *shelf) Get(ctx context.Context, key datastore.Key) ([]byte, error) {
	f.mu.Lock()
	wait := f.hold && f.free == 0
	f.free = max(0, f.free-1)
	f.mu.Unlock()
	if wait {
		f.waiting.Add(1)
		<-f.over
		f.waiting.Add(-1)
	}
	if f.lacks(key) {
		return nil, datastore.ErrNotFound
	}
	return f.Batching.Get(ctx, key)
}

// Has implements datastore.Read.
func (f *shelf) Has(ctx context.Context, key datastore.Key) (bool, error) {
	if f.lacks(key) {
		return false, nil
	}
	return f.Batching.Has(ctx, key)
}

// GetSize implements datastore.Read.
func (f *shelf) GetSize(ctx context.Context, key datastore.Key) (int, error) {
	if f.lacks(key) {
		return -1, datastore.ErrNotFound
	}
	return f.Batching.GetSize(ctx, key)
}

// contentOf reads the files of a set into memory.
func contentOf(t *testing.T, n *Node, set string) fstest.MapFS {
	t.Helper()
	files, err := n.held.Files(t.Context(), cid.MustParse(set))
	if err != nil {
		t.Fatal(err)
	}
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		t.Fatal(err)
	}
	out := fstest.MapFS{}
	for _, e := range entries {
		content, err := fs.ReadFile(files, e.Name())
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = &fstest.MapFile{Data: content}
	}
	return out
}
