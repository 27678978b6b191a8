package holdings

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/blocks"
)

func open(t *testing.T, home string) *Holdings {
	t.Helper()
	h, err := Open(home, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func files(content string) fstest.MapFS { return fstest.MapFS{"data": {Data: []byte(content)}} }

func add(t *testing.T, h *Holdings, subject announce.Subject, task cid.Cid, content string) Holding {
	t.Helper()
	held, err := h.Add(t.Context(), subject, task, files(content))
	if err != nil {
		t.Fatal(err)
	}
	return held
}

func addTask(t *testing.T, h *Holdings, document string) cid.Cid {
	t.Helper()
	c, err := h.AddTask(t.Context(), []byte(document))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPinNamesAreReadAsTheyWereMade(t *testing.T) {
	task := cid.MustParse("bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy")
	for _, subject := range []announce.Subject{announce.SubjectSet, announce.SubjectModel} {
		name := PinName(subject, task)
		got, ok := holdingOf(blocks.Pin{Root: task, Name: name, Stat: blocks.Stat{Bytes: 3, Blocks: 1}})
		if !ok || got.Subject != subject || !got.Task.Equals(task) || !got.Root.Equals(task) || got.Bytes != 3 {
			t.Errorf("%s is %+v, %t", name, got, ok)
		}
	}
	for _, name := range []string{"", taskPin, "set", "set/", "set/x", "trainer/" + task.String(), task.String(),
		"/" + task.String(), "set/" + task.String() + "/x"} {
		if got, ok := holdingOf(blocks.Pin{Root: task, Name: name}); ok {
			t.Errorf("%q is %+v", name, got)
		}
	}
}

func TestWhatIsHereIsListedByTaskAndSubject(t *testing.T) {
	home := t.TempDir()
	h := open(t, home)
	t1, t2 := addTask(t, h, "one"), addTask(t, h, "two")
	set1, set2 := add(t, h, announce.SubjectSet, t1, "set of one"), add(t, h, announce.SubjectSet, t2, "set of two")
	model := add(t, h, announce.SubjectModel, t1, "model of one")
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	h = open(t, home) // it survives a restart
	defer h.Close()
	for name, c := range map[string]struct {
		subject announce.Subject
		task    cid.Cid
		want    []Holding
	}{
		"sets of one task":        {announce.SubjectSet, t1, []Holding{set1}},
		"sets of the other":       {announce.SubjectSet, t2, []Holding{set2}},
		"models of one task":      {announce.SubjectModel, t1, []Holding{model}},
		"models of the other":     {announce.SubjectModel, t2, nil},
		"sets of a foreign task":  {announce.SubjectSet, set1.Root, nil},
		"models of all tasks":     {announce.SubjectModel, cid.Undef, []Holding{model}},
		"trainers are not stored": {announce.SubjectTrainer, cid.Undef, nil},
	} {
		if got, err := h.List(t.Context(), c.subject, c.task); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, c.want)
		}
	}
	if all, err := h.List(t.Context(), announce.SubjectSet, cid.Undef); err != nil || len(all) != 2 {
		t.Errorf("all sets: %+v, %v", all, err)
	}
	sets, models, err := h.Count(t.Context())
	if err != nil || sets != 2 || models != 1 {
		t.Errorf("%d sets, %d models, %v", sets, models, err)
	}
	if roots, err := h.Roots(t.Context()); err != nil || len(roots) != 5 {
		t.Errorf("roots %v, %v: want two tasks, two sets and a model", roots, err)
	}
	if got := h.State.Tasks(); !slices.Equal(got, []cid.Cid{t1, t2}) {
		t.Errorf("tasks %v", got)
	}
}

func TestOneHoldingIsFound(t *testing.T) {
	h := open(t, t.TempDir())
	defer h.Close()
	task := addTask(t, h, "one")
	set := add(t, h, announce.SubjectSet, task, "set")
	if got, err := h.Find(t.Context(), set.Root); err != nil || got != set || set.Bytes == 0 || set.Blocks == 0 {
		t.Errorf("found %+v, %v, want %+v", got, err, set)
	}
	for name, root := range map[string]cid.Cid{"a task": task, "what is not here": blockOf(t, "elsewhere")} {
		if got, err := h.Find(t.Context(), root); !errors.Is(err, blocks.ErrNotPinned) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	fsys, err := h.Files(t.Context(), set.Root)
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(fsys, "data"); err != nil {
		t.Error(err)
	}
}

func blockOf(t *testing.T, content string) cid.Cid {
	t.Helper()
	root, _, err := blocks.RootOf(files(content))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func TestWhatIsRemovedIsGoneAndRemembered(t *testing.T) {
	h := open(t, t.TempDir())
	defer h.Close()
	task := addTask(t, h, "one")
	for name, c := range map[string]struct {
		do      func(root cid.Cid) error
		removed bool
	}{
		"removed":                        {func(c cid.Cid) error { return h.Remove(t.Context(), c) }, true},
		"discarded, to be fetched again": {func(c cid.Cid) error { return h.Discard(t.Context(), c) }, false},
	} {
		set := add(t, h, announce.SubjectSet, task, name)
		if err := h.State.AddOrigin(set.Root, "digits"); err != nil {
			t.Fatal(err)
		}
		if err := c.do(set.Root); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := h.Files(t.Context(), set.Root); !errors.Is(err, blocks.ErrNotFound) {
			t.Errorf("%s: its files are still here, %v", name, err)
		}
		if h.State.Removed(set.Root) != c.removed || (h.State.Origin(set.Root) == "") != c.removed {
			t.Errorf("%s: remembered as removed %t, made of %q", name, h.State.Removed(set.Root),
				h.State.Origin(set.Root))
		}
		if err := c.do(set.Root); !errors.Is(err, blocks.ErrNotPinned) {
			t.Errorf("%s twice: %v", name, err)
		}
	}
}

func TestAnnouncedRootsAreListedOnce(t *testing.T) {
	h := open(t, t.TempDir())
	defer h.Close()
	task, set := blockOf(t, "task"), blockOf(t, "set")
	for range 2 { // two signers
		key, _, err := crypto.GenerateEd25519Key(nil)
		if err != nil {
			t.Fatal(err)
		}
		draft := announce.Announcement{Task: task, Kind: announce.Offer, Subject: announce.SubjectSet, Root: set,
			Bytes: 9, Blocks: 1}
		if _, err := h.Book.Issue(t.Context(), key, draft); err != nil {
			t.Fatal(err)
		}
	}
	if got := h.Announced(task, announce.SubjectSet); len(got) != 1 || !got[0].Equals(set) {
		t.Errorf("announced sets %v", got)
	}
	if got := h.Announced(task, announce.SubjectModel); len(got) != 0 {
		t.Errorf("announced models %v", got)
	}
}

func TestOneProcessOpensAHome(t *testing.T) {
	home := t.TempDir()
	h := open(t, home)
	if again, err := Open(home, Options{QuotaBytes: 1 << 30, Lifetime: time.Hour}); err == nil {
		again.Close()
		t.Error("opened twice")
	} else if !errors.Is(err, blocks.ErrLocked) {
		t.Errorf("a second time: %v", err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	h = open(t, home)
	defer h.Close()
	if h.Blocks.Usage().QuotaBytes != 0 {
		t.Errorf("quota %d", h.Blocks.Usage().QuotaBytes)
	}
}

func TestAQuotaIsKept(t *testing.T) {
	h, err := Open(t.TempDir(), Options{QuotaBytes: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	task := addTask(t, h, "one")
	big := fstest.MapFS{"data": {Data: []byte(strings.Repeat("x", 20_000))}}
	if _, err := h.Add(t.Context(), announce.SubjectSet, task, big); !errors.Is(err, blocks.ErrFull) {
		t.Errorf("got %v", err)
	}
}
