package state

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/train/data"
)

var (
	taskA = cid.MustParse("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy")
	setA  = cid.MustParse("bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi")
)

func opened(t *testing.T, path string) *State {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func entry(name, path string, part int, counts ...int) DataEntry {
	e := DataEntry{Name: name, Path: path, Counts: counts}
	if part >= 0 {
		e.Split, e.Part = &data.Split{Kind: data.Ring, Clients: 10, PerClient: 2}, part
	}
	return e
}

func TestWhatWasWrittenIsThereAfterARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes.json")
	s := opened(t, path)
	for what, err := range map[string]error{
		"task":        s.AddTask(taskA),
		"task again":  s.AddTask(taskA),
		"data":        s.Register(entry("digits", "/d", -1, 3, 4), entry("digits.ring2.1of10", "/d", 0, 3, 0)),
		"origin":      s.AddOrigin(setA, "digits"),
		"traffic":     s.AddTraffic(Traffic{In: 1, Out: 2, ByProtocol: map[string]Moved{"/x": {In: 1, Out: 2}}}),
		"traffic two": s.AddTraffic(Traffic{In: 10, ByProtocol: map[string]Moved{"/x": {In: 4}, "/y": {In: 6}}}),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	again := opened(t, path)
	if got := again.Tasks(); len(got) != 1 || !got[0].Equals(taskA) {
		t.Errorf("tasks %v", got)
	}
	if got := again.Data(); len(got) != 2 || got[0].Name != "digits" || got[0].Samples() != 7 || got[1].Samples() != 3 {
		t.Errorf("data %+v", got)
	}
	if got := again.Origin(setA); got != "digits" {
		t.Errorf("origin %q", got)
	}
	got := again.Traffic()
	if got.In != 11 || got.Out != 2 || got.ByProtocol["/x"] != (Moved{5, 2}) || got.ByProtocol["/y"] != (Moved{6, 0}) {
		t.Errorf("traffic %+v", got)
	}
}

func TestTheFileOfAnEarlierVersionIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes.json")
	file := `{"tasks": ["` + taskA.String() + `", "no CID"], "removed": {"` + setA.String() + `": true}}`
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	s := opened(t, path)
	if got := s.Tasks(); len(got) != 1 || !s.Removed(setA) {
		t.Errorf("tasks %v, removed %t", got, s.Removed(setA))
	}
	if err := errors.Join(s.Register(entry("a", "/a", -1, 1)), s.AddOrigin(setA, "a")); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil {
		t.Error("half a file was read")
	}
}

func TestAnEntryOfAnotherPathIsNotReplaced(t *testing.T) {
	s := opened(t, filepath.Join(t.TempDir(), "notes.json"))
	if err := s.Register(entry("a", "/a", -1, 1)); err != nil {
		t.Fatal(err)
	}
	err := s.Register(entry("b", "/b", -1, 1), entry("a", "/elsewhere", -1, 2))
	if d := api.Describe(err); d.Code != api.CodeUsage || d.Hint == "" {
		t.Errorf("got %v", err)
	}
	if got := s.Data(); len(got) != 1 || got[0].Path != "/a" {
		t.Errorf("a refused registration left %+v", got)
	}
	if err := s.Register(entry("a", "/a", -1, 5)); err != nil || s.Data()[0].Samples() != 5 {
		t.Errorf("the same path: %v, %+v", err, s.Data())
	}
}

func TestForgettingAWholeForgetsItsParts(t *testing.T) {
	all := []DataEntry{
		entry("d", "/d", -1, 1), entry("d.ring2.1of10", "/d", 0, 1), entry("d.ring2.2of10", "/d", 1, 1),
		entry("d.other", "/other", 0, 1), entry("deep", "/d", 0, 1), entry("d.whole", "/d", -1, 1),
	}
	for name, want := range map[string][]string{
		"d":             {"d", "d.ring2.1of10", "d.ring2.2of10"},
		"d.ring2.1of10": {"d.ring2.1of10"},
		"deep":          {"deep"},
	} {
		s := opened(t, filepath.Join(t.TempDir(), "notes.json"))
		if err := s.Register(all...); err != nil {
			t.Fatal(err)
		}
		gone, err := s.Forget(name)
		if err != nil || !slices.Equal(gone, want) || len(s.Data()) != len(all)-len(want) {
			t.Errorf("forgetting %s: %v, %v, want %v", name, gone, err, want)
		}
	}
	s := opened(t, filepath.Join(t.TempDir(), "notes.json"))
	if _, err := s.Forget("nothing"); api.Describe(err).Code != api.CodeUsage {
		t.Errorf("an unknown name: %v", err)
	}
}

func TestARemovedRootStaysRemovedUntilItIsWantedAgain(t *testing.T) {
	s := opened(t, filepath.Join(t.TempDir(), "notes.json"))
	removed := func(want bool, origin string) {
		t.Helper()
		if s.Removed(setA) != want || s.Origin(setA) != origin {
			t.Errorf("removed %t of %q, want %t of %q", s.Removed(setA), s.Origin(setA), want, origin)
		}
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	do(s.AddOrigin(setA, "a"))
	removed(false, "a")
	do(s.Remove(setA))
	removed(true, "")
	do(s.Restore(setA))
	removed(false, "")
	do(s.Restore(setA))
	do(s.Remove(setA))
	do(s.AddOrigin(setA, "b"))
	removed(false, "b")
}

func TestASetOfAnEmptyPartIsKnown(t *testing.T) {
	for name, c := range map[string]struct {
		origin DataEntry
		want   bool
	}{
		"a part without samples":  {entry("a", "/a", 0, 0, 0), true},
		"a part with samples":     {entry("a", "/a", 0, 1, 0), false},
		"a whole without samples": {entry("a", "/a", -1), false},
		"data that are forgotten": {entry("b", "/a", 0), false},
	} {
		s := opened(t, filepath.Join(t.TempDir(), "notes.json"))
		if err := errors.Join(s.Register(c.origin), s.AddOrigin(setA, "a")); err != nil {
			t.Fatal(err)
		}
		if of, empty := s.EmptyOrigin(setA); empty != c.want || of != "a" {
			t.Errorf("%s: %q %t", name, of, empty)
		}
	}
}

func TestAFailedWriteChangesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "home")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := opened(t, filepath.Join(dir, "notes.json"))
	if err := s.AddOrigin(setA, "a"); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	gone, forget := s.Forget("a")
	if err := s.AddTask(taskA); err == nil || forget == nil || gone != nil {
		t.Fatalf("written without a folder: %v, %v", err, forget)
	}
	if err := s.Remove(setA); err == nil || s.Removed(setA) || s.Origin(setA) != "a" || len(s.Tasks()) != 0 {
		t.Errorf("%v: removed %t, origin %q, tasks %v", err, s.Removed(setA), s.Origin(setA), s.Tasks())
	}
}
