package p2p

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/blocks"
)

// fetchMemory is how much more memory all fetches of a node may take at their peak.
const fetchMemory = 64 << 20

// heapPeak samples the bytes of objects on the heap, those that are garbage but not yet collected
// too, until stop, which returns how many more than before there were at most. Garbage is collected
// as in the process of an edge.
func heapPeak() (stop func() int64) {
	percent := debug.SetGCPercent(50)
	alloc := func() int64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	runtime.GC()
	before := alloc()
	peak := before
	ctx, cancel := context.WithCancel(context.Background())
	var sampler sync.WaitGroup
	sampler.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			select {
			case <-tick.C:
				peak = max(peak, alloc())
			case <-ctx.Done():
			}
		}
	})
	return func() int64 {
		cancel()
		sampler.Wait()
		debug.SetGCPercent(percent)
		return max(peak, alloc()) - before
	}
}

// serveLargest is set in the process that serves a set nearly as large as trainers admit.
const serveLargest = "DISTILLMESH_TEST_SERVE"

const largestSet = 64 << 20

// serveLargestSet serves a set until its input ends. It prints the set's root and size, and where
// it is served.
func serveLargestSet() int {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	content := make([]byte, largestSet-64<<10)
	r := mathrand.NewPCG(1, 2)
	for i := 0; i < len(content); i += 8 {
		binary.LittleEndian.PutUint64(content[i:], r.Uint64())
	}
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return fail(err)
	}
	store, err := blocks.New(memory(), memory(), 0, blocks.DefaultOptions())
	if err != nil {
		return fail(err)
	}
	book, err := announce.OpenBook(memory(), announce.DefaultOptions())
	if err != nil {
		return fail(err)
	}
	root, stat, err := store.AddFS(context.Background(),
		fstest.MapFS{"data.safetensors": {Data: content}, "manifest.json": {Data: []byte("{}")}}, "set")
	if err != nil {
		return fail(err)
	}
	m, err := Open(context.Background(), loopback(ProfileEdge, "/tcp/0"), key, store, book, memory())
	if err != nil {
		return fail(err)
	}
	fmt.Println(root, stat.Bytes, m.Addrs()[0])
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return fail(err)
	}
	if err := m.Close(); err != nil {
		return fail(err)
	}
	return 0
}

// A node fetches the largest set that it admits from a node in another process, verifies it, and
// keeps it on its disk.
func TestTheFetchOfTheLargestSetTakesLittleMemory(t *testing.T) {
	server := exec.CommandContext(t.Context(), os.Args[0])
	server.Env = append(os.Environ(), serveLargest+"=yes")
	server.Stderr = os.Stderr
	in, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		in.Close()
		if err := server.Wait(); err != nil {
			t.Error(err)
		}
	}()
	var rootText, addrText string
	var size int64
	if _, err := fmt.Fscan(bufio.NewReader(out), &rootText, &size, &addrText); err != nil {
		t.Fatal(err)
	}
	addr := ma.StringCast(addrText)
	n := newNode(t)
	if n.store, err = blocks.Open(t.TempDir(), blocks.DefaultOptions()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // after the node's own
		if err := n.store.Close(); err != nil {
			t.Error(err)
		}
	})
	n.start(t, loopback(ProfileTrainer, "/tcp/0"))
	if err := n.Connect(t.Context(), addr); err != nil {
		t.Fatal(err)
	}
	from, err := peer.AddrInfoFromP2pAddr(addr)
	if err != nil {
		t.Fatal(err)
	}
	stop := heapPeak()
	got, err := n.Fetch(t.Context(), cid.MustParse(rootText), FetchOptions{
		Pin: "set", MaxBytes: largestSet, MaxLogical: largestSet, Size: size, From: []peer.ID{from.ID},
		Verify: func(files fs.FS) error {
			f, err := files.Open("data.safetensors")
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = io.Copy(io.Discard, f)
			return err
		},
	})
	more := stop()
	t.Logf("%d bytes fetched, %.1f MiB more on the heap at the peak", got.Bytes, float64(more)/(1<<20))
	if err != nil || got.Bytes != size || got.Fetched.Bytes != size {
		t.Errorf("fetched %+v of %d bytes, %v", got, size, err)
	}
	if more > fetchMemory {
		t.Errorf("%d bytes more on the heap at the peak, at most %d wanted", more, fetchMemory)
	}
}

// A peer announces a hundred large messages by a few bytes each, and sends none of them.
func TestMessagesThatAreOnlyAnnouncedTakeLittleMemoryAndStopNoFetch(t *testing.T) {
	_, trainer, set := pair(t)
	liar := newNode(t).start(t, loopback(ProfileTrainer, "/tcp/0"))
	connect(t, liar, trainer)
	stop := heapPeak()
	for i := range 100 {
		s, err := liar.host.NewStream(t.Context(), trainer.ID(), "/ipfs/bitswap/1.2.0")
		if err != nil {
			t.Fatal(err)
		}
		size := uint64(2 << 20) // as much as a block may have
		if i%4 == 0 {
			size += 100
		}
		if _, err := s.Write(binary.AppendUvarint(nil, size)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := trainer.Fetch(t.Context(), set.Root, FetchOptions{Pin: "set"})
	if err != nil || got.Bytes != set.Bytes {
		t.Errorf("fetched %d of %d bytes meanwhile, %v", got.Bytes, set.Bytes, err)
	}
	more := stop()
	t.Logf("%.1f MiB more on the heap at the peak", float64(more)/(1<<20))
	if more > fetchMemory {
		t.Errorf("%d bytes more on the heap at the peak, at most %d wanted", more, fetchMemory)
	}
}
