package blocks

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"testing/synctest"

	"github.com/ipfs/go-cid"
)

// One set lacks a block. Another is removed all the same, with the blocks that it alone
// needs, and what remains of the first is kept.
func TestASetIsDiscardedWhileAnotherLacksABlock(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir, nil)
	defer s.Close()
	shared := []byte("in both sets")
	files := fstest.MapFS{"a": {Data: []byte("lost")}, "b": {Data: []byte("left")}, "c": {Data: shared}}
	broken, _ := add(t, s, files, "set")
	gone, _ := add(t, s, fstest.MapFS{"a": {Data: []byte("own")}, "c": {Data: shared}}, "set")
	has := func(data string) bool {
		ok, err := s.blocks.Has(t.Context(), rawRoot(t, data))
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	removeBlockFile(t, dir, rawRoot(t, "lost"))
	if err := s.Discard(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	if has("own") || !has("left") || !has(string(shared)) {
		t.Errorf("own %t, left %t, shared %t", has("own"), has("left"), has(string(shared)))
	}
	if _, err := s.PinOf(t.Context(), broken); err != nil {
		t.Error(err)
	}
	if err := s.Discard(t.Context(), gone); !errors.Is(err, ErrNotPinned) {
		t.Errorf("twice: %v", err)
	}
	// The one that lacks a block can be discarded as well.
	if err := s.Discard(t.Context(), broken); err != nil || has("left") || has(string(shared)) {
		t.Errorf("%v, left %t, shared %t", err, has("left"), has(string(shared)))
	}
}

// Forty fetches are complete at the same time.
func TestFewFetchesAreVerifiedSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := inMemory(DefaultOptions())
		if err != nil {
			t.Fatal(err)
		}
		var running, most atomic.Int64
		var all sync.WaitGroup
		for i := range 40 {
			root, _ := add(t, s, setOf(fmt.Sprint("set ", i), 100), "set")
			f := &fetch{root: root, arrivals: map[cid.Cid]int{}, opt: FetchOptions{Pin: "set", Verify: func(fs.FS) error {
				if n := running.Add(1); n > most.Load() {
					most.Store(n)
				}
				time.Sleep(time.Second)
				running.Add(-1)
				return nil
			}}.withDefaults()}
			all.Go(func() {
				if err := s.admit(t.Context(), f); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if most.Load() != verifiedAtOnce {
			t.Errorf("%d at once, want %d", most.Load(), verifiedAtOnce)
		}
	})
}
