package blocks

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
)

func openAt(t *testing.T, dir string, change func(*Options)) *Store {
	t.Helper()
	opt := DefaultOptions()
	if change != nil {
		change(&opt)
	}
	s, err := Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func openStore(t *testing.T, change func(*Options)) *Store {
	t.Helper()
	s := openAt(t, t.TempDir(), change)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// setOf is a directory with one file of size bytes that differs by seed.
// inMemory is a store in memory. The database of one on disk leaves a goroutine behind
// for a while, which tests in virtual time cannot wait for.
func inMemory(opt Options) (*Store, error) {
	memory := func() datastore.Batching { return dssync.MutexWrap(datastore.NewMapDatastore()) }
	return New(memory(), memory(), 0, opt)
}

func setOf(seed string, size int) fstest.MapFS {
	return fstest.MapFS{
		"manifest.json":    {Data: []byte(`{"seed":"` + seed + `"}`)},
		"data.safetensors": {Data: bytes.Repeat([]byte(seed), size/len(seed)+1)[:size]},
	}
}

func add(t *testing.T, s *Store, fsys fs.FS, name string) (cid.Cid, Stat) {
	t.Helper()
	root, stat, err := s.AddFS(t.Context(), fsys, name)
	if err != nil {
		t.Fatal(err)
	}
	return root, stat
}

func TestADirectoryComesBackAsItWentIn(t *testing.T) {
	in := fstest.MapFS{
		"manifest.json":      {Data: []byte("{}")},
		"empty":              {},
		"deep/er/file":       {Data: []byte("deep")},
		"data.safetensors":   {Data: bytes.Repeat([]byte("0123456789abcdef"), 200_000)}, // 3.2 MB: four leaves
		"preview.png":        {Data: []byte("png")},
		"deep/exactly-1-MiB": {Data: make([]byte, 1<<20)},
	}
	dir := t.TempDir()
	s := openAt(t, dir, nil)
	root, stat := add(t, s, in, "set")
	if again, same, err := RootOf(in); err != nil || !again.Equals(root) || same != stat {
		t.Errorf("RootOf gives %s %+v (%v), AddFS %s %+v", again, same, err, root, stat)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, dir, nil)
	defer s.Close()
	out, err := s.FS(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for name, f := range in {
		names = append(names, name)
		if got, err := fs.ReadFile(out, name); err != nil || !bytes.Equal(got, f.Data) {
			t.Errorf("%s: %d bytes back, %v; want %d", name, len(got), err, len(f.Data))
		}
	}
	if err := fstest.TestFS(out, names...); err != nil {
		t.Error(err)
	}
	if u := s.Usage(); u.Bytes != stat.Bytes {
		t.Errorf("usage after reopening is %d, the set has %d bytes", u.Bytes, stat.Bytes)
	}
	pins, err := s.Pins(t.Context())
	if err != nil || len(pins) != 1 || pins[0] != (Pin{Root: root, Name: "set", Stat: stat}) {
		t.Errorf("pins %+v, %v", pins, err)
	}
}

// The roots of fixed bytes. A change here is a change of every CID in the mesh.
func TestRootsOfFixedBytesNeverChange(t *testing.T) {
	tests := []struct {
		name string
		fsys fs.FS
		want string
	}{
		{"an empty directory", fstest.MapFS{}, "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"},
		{"a small file", fstest.MapFS{"a.txt": {Data: []byte("hello\n")}}, goldenSmall},
		{"two leaves", fstest.MapFS{"data": {Data: make([]byte, 1<<20+1)}}, goldenTwoLeaves},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root, _, err := RootOf(tt.fsys)
			if err != nil || root.String() != tt.want {
				t.Errorf("root %s, %v; want %s", root, err, tt.want)
			}
		})
	}
}

func TestALargeDirectoryIsShardedAlikeInMemoryAndInTheStore(t *testing.T) {
	in := fstest.MapFS{}
	for i := range 4000 { // links of about 90 bytes: above the 256 KiB of one block
		in[fmt.Sprintf("file-with-a-fairly-long-name-%06d", i)] = &fstest.MapFile{Data: []byte{byte(i), byte(i >> 8)}}
	}
	s, err := inMemory(DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	root, stat := add(t, s, in, "large")
	planned, same, err := RootOf(in)
	if err != nil || !planned.Equals(root) || same != stat {
		t.Errorf("RootOf %s %+v, AddFS %s %+v, %v", planned, same, root, stat, err)
	}
	if measured, err := s.measure(t.Context(), root); err != nil || measured.Blocks > stat.Blocks {
		t.Errorf("stored %+v, %v; planned %+v", measured, err, stat)
	}
	dir, err := s.FS(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	if entries, err := fs.ReadDir(dir, "."); err != nil || len(entries) != len(in) {
		t.Errorf("%d entries back, %v", len(entries), err)
	}
}

func TestAnAddAboveTheQuotaIsRefusedWhole(t *testing.T) {
	s := openStore(t, func(o *Options) { o.QuotaBytes = 100_000 })
	kept, stat := add(t, s, setOf("kept", 50_000), "kept")
	_, _, err := s.AddFS(t.Context(), setOf("much", 60_000), "much")
	var full *FullError
	if !errors.Is(err, ErrFull) || !errors.As(err, &full) || full.QuotaBytes != 100_000 ||
		full.UsedBytes != stat.Bytes || full.NeedBytes < 60_000 {
		t.Fatalf("error %v (%+v)", err, full)
	}
	if u := s.Usage(); u.Bytes != stat.Bytes {
		t.Errorf("%d bytes used, want the %d from before: something is half-stored", u.Bytes, stat.Bytes)
	}
	if ok, err := s.Has(t.Context(), kept); !ok || err != nil {
		t.Errorf("what was there is gone: %v", err)
	}
	if again, _ := add(t, s, setOf("kept", 50_000), "kept"); !again.Equals(kept) {
		t.Error("adding again what is there needs no room, and failed")
	}
	if err := s.Unpin(t.Context(), kept); err != nil {
		t.Fatal(err)
	}
	add(t, s, setOf("much", 60_000), "much") // the unpinned set makes room
	if ok, _ := s.Has(t.Context(), kept); ok {
		t.Error("the unpinned set is still there although its room was needed")
	}
	if n := s.quota.reserved.Load(); n != 0 {
		t.Errorf("%d bytes stay reserved", n)
	}
}

func TestCollectTakesTheUnpinnedAndNothingElse(t *testing.T) {
	s := openStore(t, nil)
	a, stat := add(t, s, setOf("a", 3<<20), "a")
	b, _ := add(t, s, setOf("b", 2<<20), "b")
	shared := setOf("a", 3<<20)
	shared["more"] = &fstest.MapFile{Data: []byte("more")}
	c, _ := add(t, s, shared, "c") // shares leaves with a
	raw, err := s.AddRaw(t.Context(), []byte("task document"), "task")
	if err != nil {
		t.Fatal(err)
	}
	for _, root := range []cid.Cid{b, c} {
		if err := s.Unpin(t.Context(), root); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Unpin(t.Context(), b); !errors.Is(err, ErrNotPinned) {
		t.Errorf("unpinned twice: %v", err)
	}
	before := s.Usage().Bytes
	freed, err := s.Collect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if after := s.Usage().Bytes; after != stat.Bytes+int64(len("task document")) || freed != before-after {
		t.Errorf("%d bytes left, %d freed of %d; the pinned have %d", after, freed, before, stat.Bytes)
	}
	for root, want := range map[cid.Cid]bool{a: true, b: false, c: false} {
		if ok, err := s.Has(t.Context(), root); ok != want || err != nil {
			t.Errorf("%s: present %v, want %v (%v)", root, ok, want, err)
		}
	}
	if got, err := s.Raw(t.Context(), raw); err != nil || string(got) != "task document" {
		t.Errorf("pinned block: %q, %v", got, err)
	}
}

func TestAnUnreadablePinnedBlockStopsTheCollectorBeforeItDeletes(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir, nil)
	defer s.Close()
	damaged, _ := add(t, s, setOf("damaged", 3<<20), "damaged")
	loose, _ := add(t, s, setOf("loose", 1000), "loose")
	if err := s.Unpin(t.Context(), loose); err != nil {
		t.Fatal(err)
	}
	removeBlockFile(t, dir, damaged)
	before := s.Usage().Bytes
	if _, err := s.Collect(t.Context()); err == nil {
		t.Fatal("collected although a pinned block cannot be read")
	}
	if ok, err := s.Has(t.Context(), loose); !ok || err != nil || s.Usage().Bytes != before {
		t.Errorf("something was deleted: present %v, %v", ok, err)
	}
}

// removeBlockFile deletes a block behind the store's back.
func removeBlockFile(t *testing.T, dir string, c cid.Cid) {
	t.Helper()
	removed := 0
	err := filepath.WalkDir(filepath.Join(dir, "blocks"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".data") {
			if data, _ := os.ReadFile(path); len(data) > 0 {
				if sum, _ := c.Prefix().Sum(data); sum.Equals(c) {
					removed++
					return os.Remove(path)
				}
			}
		}
		return err
	})
	if err != nil || removed != 1 {
		t.Fatalf("removed %d block files, %v", removed, err)
	}
}

func TestASetIsCompleteOrAbsent(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir, nil)
	defer s.Close()
	root, _ := add(t, s, setOf("x", 3<<20), "x")
	if err := s.Unpin(t.Context(), root); err != nil {
		t.Fatal(err)
	}
	leaf, err := rawPrefix.Sum(bytes.Repeat([]byte("x"), 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	removeBlockFile(t, dir, leaf)
	if ok, err := s.Has(t.Context(), root); ok || err != nil {
		t.Errorf("a set with a hole is called complete (%v)", err)
	}
	if _, err := s.FS(t.Context(), root); !errors.Is(err, ErrNotFound) {
		t.Errorf("open: %v, want ErrNotFound", err)
	}
	if err := s.Pin(t.Context(), root, "x"); !errors.Is(err, ErrNotFound) {
		t.Errorf("pin: %v, want ErrNotFound", err)
	}
}

func TestYoungBlocksSurviveTheHighWaterMarkButNotTheQuota(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := openStore(t, func(o *Options) {
		o.QuotaBytes, o.MinAge, o.Now = 100_000, time.Minute, func() time.Time { return now }
	})
	young, _ := add(t, s, setOf("young", 40_000), "young")
	if err := s.Unpin(t.Context(), young); err != nil {
		t.Fatal(err)
	}
	add(t, s, setOf("second", 52_000), "second") // above 90 %, below the quota
	if ok, _ := s.Has(t.Context(), young); !ok {
		t.Error("a young block was taken at the high-water mark")
	}
	now = now.Add(time.Minute)
	add(t, s, setOf("third", 1_000), "third")
	if ok, _ := s.Has(t.Context(), young); ok {
		t.Error("an old unpinned block survived the high-water mark")
	}
}

func TestASecondProcessIsToldThatTheStoreIsInUse(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir, nil)
	defer s.Close()
	if _, err := Open(dir, DefaultOptions()); !errors.Is(err, ErrLocked) {
		t.Errorf("second open: %v, want ErrLocked", err)
	}
}

func TestOnlyRegularFilesAndDirectoriesAreAdded(t *testing.T) {
	s := openStore(t, nil)
	in := fstest.MapFS{"link": {Data: []byte("target"), Mode: fs.ModeSymlink}}
	if _, _, err := s.AddFS(t.Context(), in, "x"); !errors.Is(err, ErrNotAFile) {
		t.Errorf("add a link: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.AddFS(ctx, setOf("a", 10), "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("add after canceling: %v", err)
	}
	if u := s.Usage().Bytes; u != 0 {
		t.Errorf("%d bytes stored by refused adds", u)
	}
}

func BenchmarkAddFS(b *testing.B) {
	s, err := inMemory(DefaultOptions())
	if err != nil {
		b.Fatal(err)
	}
	in := setOf("bench", 1<<20)
	b.SetBytes(1 << 20)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := s.AddFS(b.Context(), in, "x"); err != nil {
			b.Fatal(err)
		}
	}
}

const (
	goldenSmall     = "bafybeihm2fwylxiush5wrtgc2kxhfwffodhjhfdickb6qc6zufwiu6uwty"
	goldenTwoLeaves = "bafybeiblu4kvrj4eh7vpmnb53cd35bsrosyaoivdhu6ybkys2m3puot4ra"
)

func TestOnePinIsFoundWithoutListingAll(t *testing.T) {
	s := openStore(t, nil)
	root, stat := add(t, s, setOf("one", 3000), "set/one")
	add(t, s, setOf("two", 3000), "set/two")
	if got, err := s.PinOf(t.Context(), root); err != nil || got != (Pin{Root: root, Name: "set/one", Stat: stat}) {
		t.Errorf("found %+v, %v", got, err)
	}
	if err := s.Pin(t.Context(), root, "renamed"); err != nil {
		t.Fatal(err)
	}
	if got, err := s.PinOf(t.Context(), root); err != nil || got.Name != "renamed" {
		t.Errorf("renamed: %+v, %v", got, err)
	}
	if err := s.Unpin(t.Context(), root); err != nil {
		t.Fatal(err)
	}
	if got, err := s.PinOf(t.Context(), root); !errors.Is(err, ErrNotPinned) {
		t.Errorf("unpinned: %+v, %v", got, err)
	}
}
