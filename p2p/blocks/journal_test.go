package blocks

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
)

// kept opens a store in dir with some pinned sets, and closes it again.
func kept(t *testing.T, dir string, sets int) (roots []cid.Cid) {
	t.Helper()
	s := openAt(t, dir, nil)
	for i := range sets {
		root, _ := add(t, s, setOf(fmt.Sprint("set ", i), 3000), fmt.Sprint("set/", i))
		roots = append(roots, root)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return roots
}

// edit changes every file that matches a pattern.
func edit(t *testing.T, pattern string, change func([]byte) []byte) {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: %v, %v", pattern, names, err)
	}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, change(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// flip turns one bit in the middle over.
func flip(b []byte) []byte {
	if len(b) > 0 {
		b[len(b)/2] ^= 4
	}
	return b
}

func remove(t *testing.T, pattern string) {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := os.RemoveAll(name); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNoDamageToOneRecordLosesAPin(t *testing.T) {
	for name, tt := range map[string]struct {
		damage func(t *testing.T, dir string)
		noted  bool
		doubt  bool
	}{
		"no damage": {func(*testing.T, string) {}, false, false},
		"the database is gone": {func(t *testing.T, dir string) {
			remove(t, filepath.Join(dir, "datastore"))
		}, true, false},
		"a bit of the journal is flipped": {func(t *testing.T, dir string) {
			edit(t, filepath.Join(dir, journalName), flip)
		}, true, true},
		"the first line of the journal is damaged": {func(t *testing.T, dir string) {
			edit(t, filepath.Join(dir, journalName), func(b []byte) []byte { b[0] ^= 1; return b })
		}, true, true},
		"the journal ends in the middle of a line": {func(t *testing.T, dir string) {
			edit(t, filepath.Join(dir, journalName), func(b []byte) []byte { return b[:len(b)-9] })
		}, false, false},
		"the journal is gone, as in a home of an earlier version": {func(t *testing.T, dir string) {
			remove(t, filepath.Join(dir, journalName))
		}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			roots := kept(t, dir, 5)
			tt.damage(t, dir)
			for _, again := range []bool{false, true} {
				s := openAt(t, dir, nil)
				if d := s.Damage(); !again && (d.Any() != tt.noted || d.Doubt != tt.doubt) {
					t.Errorf("damage %+v, want it noted: %t, doubt: %t", d, tt.noted, tt.doubt)
				} else if again && d.Any() {
					t.Errorf("damage is not mended: %+v", d)
				}
				if _, err := s.Collect(t.Context()); errors.Is(err, ErrDoubt) != (tt.doubt && !again) {
					t.Errorf("collect: %v", err)
				}
				for i, root := range roots {
					p, err := s.PinOf(t.Context(), root)
					if err != nil || p.Name != fmt.Sprint("set/", i) || p.Bytes < 3000 || p.Blocks != 3 {
						t.Errorf("set %d: %+v, %v", i, p, err)
					}
					if _, err := s.measure(t.Context(), root); err != nil {
						t.Error(err)
					}
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// Every bit of the database that is flipped leaves the pins, noted or not.
func TestAnyFlippedBitOfTheDatabaseLeavesThePins(t *testing.T) {
	dir := t.TempDir()
	roots := kept(t, dir, 5)
	files, err := filepath.Glob(filepath.Join(dir, "datastore", "*"))
	if err != nil {
		t.Fatal(err)
	}
	source, noted := rand.New(rand.NewPCG(1, 2)), 0
	for range 25 {
		trial := t.TempDir()
		if err := os.CopyFS(trial, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(files[source.IntN(len(files))])
		edit(t, filepath.Join(trial, "datastore", name), func(b []byte) []byte {
			if len(b) > 0 {
				b[source.IntN(len(b))] ^= 1 << source.IntN(8)
			}
			return b
		})
		s, err := Open(trial, DefaultOptions())
		if err != nil {
			noted++ // said, and nothing was lost
			continue
		}
		if s.Damage().Any() {
			noted++
		}
		if pins, err := s.Pins(t.Context()); err != nil || len(pins) != len(roots) {
			t.Errorf("%s: %d pins, %v", name, len(pins), err)
		}
		if _, err := s.Collect(t.Context()); err != nil && !errors.Is(err, ErrDoubt) {
			t.Error(err)
		}
		for _, root := range roots {
			if _, err := s.measure(t.Context(), root); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if noted == 0 {
		t.Error("no damage was noted")
	}
}

func TestNothingIsCollectedWhenBothRecordsAreDamaged(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, dir string){
		"both are gone": func(t *testing.T, dir string) { remove(t, filepath.Join(dir, journalName)) },
		"lines of the journal are damaged, and the database is gone": func(t *testing.T, dir string) {
			edit(t, filepath.Join(dir, journalName), flip)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			roots := kept(t, dir, 5)
			remove(t, filepath.Join(dir, "datastore"))
			damage(t, dir)
			s := openAt(t, dir, nil)
			defer s.Close()
			if _, err := s.Collect(t.Context()); !errors.Is(err, ErrDoubt) {
				t.Errorf("collect: %v, want ErrDoubt", err)
			}
			found, err := s.Directories(t.Context(), "manifest.json")
			if err != nil || len(found) != len(roots) {
				t.Errorf("found %v, %v", found, err)
			}
			for _, root := range found {
				if err := s.Pin(t.Context(), root, "again"); err != nil {
					t.Error(err)
				}
			}
			s.Settle()
			if _, err := s.Collect(t.Context()); err != nil {
				t.Error(err)
			}
			for _, root := range roots {
				if _, err := s.measure(t.Context(), root); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestTheJournalStaysAboutAsLongAsThePins(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir, nil)
	for i := range 200 {
		c, err := s.AddRaw(t.Context(), []byte(fmt.Sprint(i)), "raw")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Unpin(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.AddRaw(t.Context(), []byte("kept"), "name with \"quotes\"\nand lines"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, journalName))
	if n := bytes.Count(text, []byte("\n")); err != nil || n > 2+spareLines+2 ||
		!strings.HasPrefix(string(text), journalHeader) {
		t.Errorf("%d lines for one pin, %v", n, err)
	}
	s = openAt(t, dir, nil)
	if pins, err := s.Pins(t.Context()); err != nil || len(pins) != 1 ||
		pins[0].Name != "name with \"quotes\"\nand lines" {
		t.Errorf("%+v, %v", pins, err)
	}
	// The database is changed after the journal: a crash between leaves it behind.
	if err := s.table.journal.add(entry{Pin: Pin{Root: rawRoot(t, "kept")}, removed: true}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, dir, nil)
	defer s.Close()
	if pins, err := s.Pins(t.Context()); err != nil || len(pins) != 0 || s.Damage().Any() {
		t.Errorf("after a crash: %+v, %v, %+v", pins, err, s.Damage())
	}
}

// rawRoot is the root that AddRaw gives data.
func rawRoot(t *testing.T, data string) cid.Cid {
	t.Helper()
	c, err := rawPrefix.Sum([]byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return c
}
