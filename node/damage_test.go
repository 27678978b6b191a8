package node

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/p2p/blocks"
)

// spoil changes the files of a home that match a pattern; nil removes them.
func spoil(t *testing.T, pattern string, change func([]byte) []byte) {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: %v, %v", pattern, names, err)
	}
	for _, name := range names {
		if change == nil {
			err = os.RemoveAll(name)
		} else {
			var content []byte
			if content, err = os.ReadFile(name); err == nil {
				err = os.WriteFile(name, change(content), 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// flipped turns one bit in the middle over.
func flipped(b []byte) []byte {
	if len(b) > 0 {
		b[len(b)/2] ^= 1
	}
	return b
}

// misplace puts a folder in the place of a file, or a link to target.
func misplace(t *testing.T, path, target string) {
	t.Helper()
	err := os.RemoveAll(path)
	if target == "" {
		err = errors.Join(err, os.Mkdir(path, 0o700))
	} else {
		err = errors.Join(err, os.Symlink(target, path))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// stored is a home with two sets.
func stored(t *testing.T) (home string, open func() (*Node, error)) {
	t.Helper()
	h, n, name := offline(t)
	makeSet(t, n, name, "gmm", 1)
	makeSet(t, n, name, "gmm", 2)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	n, err := OpenOffline(h, n.log) // the database makes its first table
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	return h.Path, func() (*Node, error) {
		n, err := OpenOffline(h, n.log)
		if err == nil {
			t.Cleanup(func() { n.Close() })
		}
		return n, err
	}
}

func TestDamagedRecordsAreSaidAndNoSetIsLost(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, home string){
		"the database is gone": func(t *testing.T, h string) { spoil(t, h+"/store/datastore", nil) },
		"a bit of the journal": func(t *testing.T, h string) { spoil(t, h+"/store/pins", flipped) },
		"both records are damaged": func(t *testing.T, h string) {
			spoil(t, h+"/store/datastore", nil)
			spoil(t, h+"/store/pins", func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("set/"), []byte("sat/")) })
		},
		"both records are gone": func(t *testing.T, h string) {
			spoil(t, h+"/store/datastore", nil)
			spoil(t, h+"/store/pins", nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			home, open := stored(t)
			damage(t, home)
			n, err := open()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := n.held.Blocks.Collect(t.Context()); err != nil {
				t.Error(err)
			}
			if all := sets(t, n); len(all) != 2 {
				t.Errorf("%d of 2 sets are listed", len(all))
			}
			problems := status(t, n).Problems
			if len(problems) != 1 || problems[0].Code != operations.ProblemStore || problems[0].Hint == "" {
				t.Errorf("problems %+v", problems)
			}
			if err := n.Close(); err != nil {
				t.Fatal(err)
			}
			if n, err = open(); err != nil {
				t.Fatal(err)
			}
			if all, problems := sets(t, n), status(t, n).Problems; len(all) != 2 || len(problems) != 0 {
				t.Errorf("opened again: %d sets, problems %+v", len(all), problems)
			}
		})
	}
}

func TestAMissingBlockIsSaidWithAHint(t *testing.T) {
	home, open := stored(t)
	err := filepath.WalkDir(home+"/store/blocks", func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".data") {
			return os.Remove(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	n, err := open()
	if err != nil {
		t.Fatal(err)
	}
	held, err := operations.HeldSets.Do(t.Context(), n, operations.TaskRequest{Name: "glyph-digits"}, nil)
	if err != nil || len(held) != 2 {
		t.Fatalf("%v, %v", held, err)
	}
	for what, call := range map[string]func(context.Context) error{
		"read": func(ctx context.Context) error {
			_, _, err := operations.Read.Do(ctx, n, operations.RootRequest{CID: held[0]}, nil)
			return err
		},
		"publish": func(ctx context.Context) error {
			_, err := operations.Publish.Do(ctx, n, operations.PublishRequest{CID: held[0]}, nil)
			return err
		},
		"fetch": func(ctx context.Context) error {
			_, err := operations.Fetch.Do(ctx, n, operations.RootRequest{CID: held[0]}, nil)
			return err
		},
	} {
		err := call(t.Context())
		if d := Describe(err); !errors.Is(err, blocks.ErrMissing) || d.Code.ExitCode() != 9 || d.Hint == "" {
			t.Errorf("%s: %v, code %s, hint %q", what, err, d.Code, d.Hint)
		}
	}
}

func TestADamagedBlockIsSaidAndMendedByTheSameContent(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"one bit":       flipped,
		"its end":       func(b []byte) []byte { return b[:len(b)/2] },
		"all of it":     func([]byte) []byte { return nil },
		"other content": func([]byte) []byte { return []byte("\x00\xff\x1b[31m{") },
	} {
		t.Run(name, func(t *testing.T) {
			home, open := stored(t)
			spoil(t, home+"/store/blocks/*/*.data", change)
			n, err := open()
			if err != nil {
				t.Fatal(err)
			}
			held, err := operations.HeldSets.Do(t.Context(), n, operations.TaskRequest{Name: "glyph-digits"}, nil)
			if err != nil || len(held) != 2 {
				t.Fatalf("%v, %v", held, err)
			}
			for _, set := range held {
				_, _, err := operations.Read.Do(t.Context(), n, operations.RootRequest{CID: set}, nil)
				if d := Describe(err); !errors.Is(err, blocks.ErrMissing) || d.Code.ExitCode() != 9 || d.Hint == "" {
					t.Errorf("%v, code %s, hint %q", err, d.Code, d.Hint)
				}
			}
			again := makeSet(t, n, n.held.State.Data()[1].Name, "gmm", 1).CID // of the same part
			if _, _, err := operations.Read.Do(t.Context(), n, operations.RootRequest{CID: again}, nil); err != nil ||
				!slices.Contains(held, again) {
				t.Errorf("made again: %v", err)
			}
		})
	}
}

func TestDamagedFilesOfAHomeGetHints(t *testing.T) {
	for name, tt := range map[string]struct {
		damage func(t *testing.T, home string)
		said   string // nothing when it is mended
	}{
		"one byte of the identity": {func(t *testing.T, h string) {
			spoil(t, h+"/identity", func(b []byte) []byte { b[20] ^= 1; return b })
		}, "the key is damaged"},
		"the public half of the identity": {func(t *testing.T, h string) {
			spoil(t, h+"/identity", func(b []byte) []byte { b[len(b)-1] ^= 1; return b })
		}, "the key is damaged"},
		"notes.json": {func(t *testing.T, h string) {
			spoil(t, h+"/notes.json", func(b []byte) []byte { return b[:len(b)/2] })
		}, "notes.json"},
		"a table of the database": {func(t *testing.T, h string) { spoil(t, h+"/store/datastore/*.ldb", flipped) },
			"datastore"},
		"a table of the database, cut": {func(t *testing.T, h string) {
			spoil(t, h+"/store/datastore/*.ldb", func(b []byte) []byte { return b[:len(b)/2] })
		}, "datastore"},
		"a folder in the place of the journal": {func(t *testing.T, h string) {
			misplace(t, h+"/store/pins", "")
		}, "pins"},
		"a link to itself in the place of a file of the database": {func(t *testing.T, h string) {
			misplace(t, h+"/store/datastore/CURRENT", "CURRENT")
		}, "datastore"},
		"a folder in the place of the version": {func(t *testing.T, h string) {
			misplace(t, h+"/version", "")
		}, "version"},
		"a link to itself in the place of the store": {func(t *testing.T, h string) {
			misplace(t, h+"/store", "store")
		}, "store"},
		"SHARDING":                {func(t *testing.T, h string) { spoil(t, h+"/store/blocks/SHARDING", flipped) }, ""},
		"SHARDING, which is gone": {func(t *testing.T, h string) { spoil(t, h+"/store/blocks/SHARDING", nil) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			home, open := stored(t)
			tt.damage(t, home)
			n, err := open()
			if tt.said == "" {
				if err != nil || len(sets(t, n)) != 2 {
					t.Errorf("not mended: %v", err)
				}
				return
			}
			if d := Describe(err); err == nil || d.Hint == "" || d.Code == api.CodeUsage ||
				!strings.Contains(d.Message, tt.said) {
				t.Errorf("%v (%+v)", err, d)
			}
		})
	}
}
