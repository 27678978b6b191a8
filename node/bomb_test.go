package node

import (
	"errors"
	"runtime"
	"testing"
	"testing/fstest"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/node/catalogue"
	"github.com/distillmesh/distillmesh/p2p"
	"github.com/distillmesh/distillmesh/p2p/announce"
)

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
	bomb := contentOf(t, n, made.CID)
	bomb["preview.png"] = &fstest.MapFile{Data: make([]byte, 200<<20)}
	receiver := start(t, shortHome(t), StartOptions{})
	if err := receiver.node.takePartIn(t.Context(), cid.MustParse(made.Task)); err != nil {
		t.Fatal(err)
	}
	liar := strangerAt(t, receiver.addr)
	offer := liar.add(t, cid.MustParse(made.Task), bomb)
	bomb = nil
	if offer.Bytes > 2<<20 {
		t.Fatalf("%+v", offer)
	}
	before := heap()
	body := catalogue.SetBody{Method: "gmm", Images: made.Images, Counts: made.Counts, Formation: 1}
	liar.say(t, offer, body)
	until(t, "announced", func() bool {
		return len(receiver.node.held.Book.Live(announce.Query{Root: offer.Root})) > 0
	})
	began := receiver.node.held.Blocks.Usage().Bytes
	_, err := receiver.node.fetchRoot(t.Context(), offer.Root, wish{})
	if d := Describe(err); !errors.Is(err, p2p.ErrTooLarge) {
		t.Errorf("fetch: %v (%s)", err, d.Code)
	}
	if more := heap() - before; more > 16<<20 {
		t.Errorf("%d bytes more are in use", more)
	}
	if more := receiver.node.held.Blocks.Usage().Bytes - began; more > 2<<20 {
		t.Errorf("%d bytes more are stored", more)
	}
	if _, err := receiver.node.held.Find(t.Context(), offer.Root); err == nil {
		t.Error("it is kept")
	}
	if limit := receiver.node.logicalBound(offer.Bytes); limit > 4<<20 {
		t.Errorf("files of %d bytes may come from %d", limit, offer.Bytes)
	}
}
