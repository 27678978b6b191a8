package catalogue

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/blocks"
	"github.com/distillmesh/distillmesh/train/data"
)

func TestTasksAreFoundHereBeforeTheMeshIsAsked(t *testing.T) {
	w := newWorld(t)
	mesh := &remote{w: w, docs: map[cid.Cid][]byte{}}
	w.known.GoOnline(mesh)
	c, doc := own(t, "flowers")
	if _, err := w.held.AddTask(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	for _, typed := range []string{"flowers", c.String(), c.String()[:20]} {
		got, task, err := w.known.FindTask(t.Context(), typed)
		if err != nil || !got.Equals(c) || task.Name != "flowers" {
			t.Errorf("%q finds %s, %v", typed, got, err)
		}
	}
	if got, task, err := w.known.FindTask(t.Context(), "mnist"); err != nil || task.Name != "mnist" {
		t.Errorf("a built-in task: %s, %v", got, err)
	}
	if len(mesh.asked) != 0 {
		t.Errorf("the mesh was asked for %v", mesh.asked)
	}
	info := w.known.TaskInfo(t.Context(), c, mustTask(t, doc))
	if !info.Joined || info.BuiltIn || info.Sets != 0 {
		t.Errorf("described as %+v", info)
	}
	if all := w.known.Tasks(t.Context()); !slices.IsSortedFunc(all,
		func(a, b operations.TaskInfo) int { return strings.Compare(a.Name, b.Name) }) ||
		len(all) != len(data.WellKnownTasks())+1 {
		t.Errorf("listed %+v", all)
	}
}

func mustTask(t *testing.T, doc []byte) *data.Task {
	t.Helper()
	task, err := artifact.DecodeTask(doc)
	if err != nil {
		t.Fatal(err)
	}
	return task
}

func TestTasksOfOthersAreFoundOnTheMesh(t *testing.T) {
	w := newWorld(t)
	c, doc := own(t, "theirs")
	if _, _, err := w.known.FindTask(t.Context(), "theirs"); api.Describe(err).Code != api.CodeNotFound {
		t.Errorf("offline: %v", err)
	}
	if _, _, err := w.known.FindTask(t.Context(), c.String()); !errors.Is(err, blocks.ErrNotFound) {
		t.Errorf("offline, by its CID: %v", err)
	}
	mesh := &remote{w: w, docs: map[cid.Cid][]byte{c: doc}}
	mesh.tells = func() { w.announceTask(c, doc) }
	w.known.GoOnline(mesh)
	got, task, err := w.known.FindTask(t.Context(), c.String())
	if err != nil || !got.Equals(c) || task.Name != "theirs" || len(mesh.asked) != 0 {
		t.Errorf("by its CID: %s, %v, asked %v", got, err, mesh.asked)
	}
	// By name it needs its document, which a refresh brings where a node keeps it.
	if _, _, err := w.known.FindTask(t.Context(), "theirs"); api.Describe(err).Code != api.CodeNotFound {
		t.Errorf("by a name that nobody here has read: %v", err)
	}
	if !slices.Equal(mesh.asked, []cid.Cid{cid.Undef, c}) {
		t.Errorf("asked %v, want the mesh and the task", mesh.asked)
	}
}

func TestARefreshAsksForAFewTasksOnly(t *testing.T) {
	w := newWorld(t)
	w.known.Refresh(t.Context(), cid.Undef) // offline: nothing happens
	mesh := &remote{w: w}
	w.known.GoOnline(mesh)
	for _, name := range []string{"one", "two", "three"} {
		c, doc := own(t, name)
		w.announceTask(c, doc)
	}
	w.known.Refresh(t.Context(), cid.Undef)
	if len(mesh.asked) != 3 || mesh.asked[0].Defined() {
		t.Errorf("asked %v, want the mesh and two tasks", mesh.asked)
	}
	mesh.asked = nil
	c, _ := own(t, "one")
	w.known.Refresh(t.Context(), c)
	if !slices.Equal(mesh.asked, []cid.Cid{c}) {
		t.Errorf("of one task: asked %v", mesh.asked)
	}
}

func TestTasksOfOneNameAreToldApartByCID(t *testing.T) {
	w := newWorld(t)
	for _, classes := range []string{"b", "c"} {
		doc, err := artifact.EncodeTask(&data.Task{Version: data.TaskVersion, Name: "same", Classes: []string{"a",
			classes},
			Shape: data.Shape{C: 1, H: 1, W: 2}, Mean: []float64{0, 0}, Std: []float64{1, 1}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.held.AddTask(t.Context(), doc); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := w.known.FindTask(t.Context(), "same"); api.Describe(err).Code != api.CodeUsage {
		t.Errorf("got %v", err)
	}
	if got := w.known.TasksNamed(t.Context(), "same"); len(got) != 2 {
		t.Errorf("found %v", got)
	}
}

// Strangers announce tasks called as a built-in one, a joined one, and as each other's.
func TestNamesOfStrangersNeverHideNorBlurOurs(t *testing.T) {
	w := newWorld(t)
	mesh := &remote{w: w, docs: map[cid.Cid][]byte{}}
	w.known.GoOnline(mesh)
	mine, doc := own(t, "flowers")
	if _, err := w.held.AddTask(t.Context(), doc); err != nil {
		t.Fatal(err)
	}
	liars := map[cid.Cid]crypto.PrivKey{}
	for i, name := range []string{"mnist", "flowers", "birds", "birds"} {
		doc, err := artifact.EncodeTask(&data.Task{Version: data.TaskVersion, Name: name,
			Classes: []string{"a", strings.Repeat("z", i+1)},
			Shape:   data.Shape{C: 1, H: 1, W: 2}, Mean: []float64{0, 0}, Std: []float64{1, 1}})
		if err != nil {
			t.Fatal(err)
		}
		c, err := w.held.Blocks.AddRaw(t.Context(), doc, "task")
		if err != nil {
			t.Fatal(err)
		}
		liars[c] = stranger(t)
		w.announce(liars[c], announce.Announcement{Task: c, Kind: announce.Offer, Subject: announce.SubjectTask, Root: c,
			Bytes: int64(len(doc)), Blocks: 1}, nil)
	}
	if c, _, err := w.known.FindTask(t.Context(), "mnist"); err != nil || liars[c] != nil {
		t.Errorf("mnist: %s, %v", c, err)
	}
	if c, _, err := w.known.FindTask(t.Context(), "flowers"); err != nil || !c.Equals(mine) {
		t.Errorf("flowers: %s, %v", c, err)
	}
	if _, _, err := w.known.FindTask(t.Context(), "birds"); api.Describe(err).Code != api.CodeUsage {
		t.Errorf("a name of two strangers: %v", err)
	}
	for c, key := range liars {
		task, err := w.known.TaskHere(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		id := w.id(key).String()
		for _, typed := range []string{task.Name + "@" + id, task.Name + "@" + id[:20], task.Name + "@" + id[8:16]} {
			if got, _, err := w.known.FindTask(t.Context(), typed); err != nil || !got.Equals(c) {
				t.Errorf("%s: %s, %v, want %s", typed, got, err, c)
			}
		}
	}
	if got := w.known.OwnTasksNamed(t.Context(), "birds"); got != nil {
		t.Errorf("the name birds is taken by %v", got)
	}
}
