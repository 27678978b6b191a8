package node

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"runtime"
	"testing"
	"testing/fstest"

	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/multiformats/go-multiaddr"

	"github.com/distillmesh/distillmesh/node/catalogue"
	"github.com/distillmesh/distillmesh/p2p"
	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/blocks"
)

// server is a stranger with a store, connected to a node.
func server(t *testing.T, addr string) (*p2p.Mesh, *blocks.Store) {
	t.Helper()
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	memory := func() datastore.Batching { return dssync.MutexWrap(datastore.NewMapDatastore()) }
	store, err := blocks.New(memory(), memory(), 0, blocks.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	book, err := announce.OpenBook(memory(), announce.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	cfg := p2p.DefaultConfig(p2p.ProfileEdge)
	cfg.Mesh, cfg.MDNS, cfg.PortMap = "test", false, false
	cfg.Listen = []multiaddr.Multiaddr{multiaddr.StringCast("/ip4/127.0.0.1/tcp/0")}
	m, err := p2p.Open(t.Context(), cfg, key, store, book, memory())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(m.Close(), store.Close()); err != nil {
			t.Error(err)
		}
	})
	if err := m.Connect(t.Context(), multiaddr.StringCast(addr)); err != nil {
		t.Fatal(err)
	}
	return m, store
}

// heap is how many bytes are in use.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A set of about 1 MB whose preview is one block, repeated 200 times, beside honest files.
func TestASetThatUnfoldsIsRefusedWithoutBeingRead(t *testing.T) {
	_, n, name := offline(t)
	made := makeSet(t, n, name, "gmm", 1)
	root := cid.MustParse(made.CID)
	files, err := n.held.Files(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	bomb := fstest.MapFS{"preview.png": {Data: make([]byte, 200<<20)}}
	for _, name := range []string{"manifest.json", "data.safetensors", "README.md"} {
		content, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		bomb[name] = &fstest.MapFile{Data: content}
	}
	receiver := start(t, shortHome(t), StartOptions{})
	if err := receiver.node.takePartIn(t.Context(), cid.MustParse(made.Task)); err != nil {
		t.Fatal(err)
	}
	m, store := server(t, receiver.addr)
	bombRoot, stat, err := store.AddFS(t.Context(), bomb, "bomb")
	bomb = nil
	if err != nil || stat.Bytes > 2<<20 {
		t.Fatalf("%+v, %v", stat, err)
	}
	before := heap()
	body := catalogue.SetBody{Method: "gmm", Images: made.Images, Counts: made.Counts, Formation: 1}
	say(t, m, announce.Announcement{Task: cid.MustParse(made.Task), Kind: announce.Offer, Subject: announce.SubjectSet,
		Root: bombRoot, Bytes: stat.Bytes, Blocks: stat.Blocks, Schema: catalogue.SchemaSet}, body)
	until(t, "announced", func() bool {
		return len(receiver.node.held.Book.Live(announce.Query{Root: bombRoot})) > 0
	})
	began := receiver.node.held.Blocks.Usage().Bytes
	_, err = receiver.node.fetchRoot(t.Context(), bombRoot, wish{})
	if d := Describe(err); !errors.Is(err, p2p.ErrTooLarge) {
		t.Errorf("fetch: %v (%s)", err, d.Code)
	}
	if more := heap() - before; more > 16<<20 {
		t.Errorf("%d bytes more are in use", more)
	}
	if more := receiver.node.held.Blocks.Usage().Bytes - began; more > 2<<20 {
		t.Errorf("%d bytes more are stored", more)
	}
	if _, err := receiver.node.held.Find(t.Context(), bombRoot); err == nil {
		t.Error("it is kept")
	}
	if limit := receiver.node.logicalBound(stat.Bytes); limit > 4<<20 {
		t.Errorf("files of %d bytes may come from %d", limit, stat.Bytes)
	}
}
