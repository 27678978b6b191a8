package catalogue

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/coreset"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/holdings"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/blocks"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/open"
)

// world is a home, who owns it, and somebody else.
type world struct {
	t           *testing.T
	held        *holdings.Holdings
	known       *Catalogue
	self, other crypto.PrivKey
}

func newWorld(t *testing.T) *world {
	t.Helper()
	held, err := holdings.Open(t.TempDir(), holdings.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { held.Close() })
	w := &world{t: t, held: held}
	for _, key := range []*crypto.PrivKey{&w.self, &w.other} {
		if *key, _, err = crypto.GenerateEd25519Key(nil); err != nil {
			t.Fatal(err)
		}
	}
	w.known = New(held, w.id(w.self), 2, slog.New(slog.DiscardHandler))
	return w
}

func (w *world) id(key crypto.PrivKey) peer.ID {
	w.t.Helper()
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// glyphs is the task of the built-in digits.
func glyphs(t *testing.T) (cid.Cid, *data.Task) {
	t.Helper()
	task := data.WellKnownTask("glyph-digits")
	c, err := artifact.TaskCID(task)
	if err != nil {
		t.Fatal(err)
	}
	return c, task
}

// set writes a set of one random digit per class.
func set(t *testing.T, seed uint64) fs.FS {
	t.Helper()
	ds, err := open.Path(data.GlyphPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	samples, err := data.Load(ds.Task, ds.Train, []int{0, 1, 2, 3, 4, 5, 6, 7})
	if err != nil {
		t.Fatal(err)
	}
	made, err := artifact.Make(t.Context(), artifact.Request{Task: ds.Task, Method: coreset.Random{}, Pixels: artifact.U8,
		Request: distill.Request{Samples: samples, IPC: 1, Seed: seed}})
	if err != nil {
		t.Fatal(err)
	}
	return made.Files
}

func (w *world) add(files fs.FS) holdings.Holding {
	w.t.Helper()
	task, _ := glyphs(w.t)
	held, err := w.held.Add(w.t.Context(), announce.SubjectSet, task, files)
	if err != nil {
		w.t.Fatal(err)
	}
	return held
}

// announce puts a record of somebody into the book.
func (w *world) announce(key crypto.PrivKey, draft announce.Announcement, body Body) {
	w.t.Helper()
	if body != nil {
		encoded, err := EncodeBody(body)
		if err != nil {
			w.t.Fatal(err)
		}
		draft.Body = encoded
	}
	if _, err := w.held.Book.Issue(w.t.Context(), key, draft); err != nil {
		w.t.Fatal(err)
	}
}

func root(t *testing.T, files fs.FS) cid.Cid {
	t.Helper()
	c, _, err := blocks.RootOf(files)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWhatIsHereIsMergedWithWhatIsAnnounced(t *testing.T) {
	w := newWorld(t)
	task, _ := glyphs(t)
	here := w.add(set(t, 1))
	if err := w.held.State.AddOrigin(here.Root, "mine"); err != nil {
		t.Fatal(err)
	}
	away := root(t, set(t, 2))
	body := SetBody{Method: "gmm", Images: 3, Counts: []int{1, 1, 1, 0, 0, 0, 0, 0, 0, 0}, Consumer: "lenet",
		Formation: 1}
	draft := announce.Announcement{Task: task, Kind: announce.Offer, Subject: announce.SubjectSet, Root: away,
		Bytes: 5000, Blocks: 4, Schema: SchemaSet}
	w.announce(w.other, draft, body)
	draft.Kind = announce.Have
	w.announce(w.self, draft, body)
	draft.Root, draft.Kind, draft.Bytes = here.Root, announce.Offer, 1 // what is here is believed first
	w.announce(w.self, draft, body)
	draft.Root, draft.Schema = root(t, set(t, 3)), "set/9" // cannot be read
	w.announce(w.other, draft, body)

	all, err := w.known.Sets(t.Context(), task)
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v, want two sets", all, err)
	}
	i := slices.IndexFunc(all, func(s operations.SetInfo) bool { return s.Here })
	mine, theirs := all[i], all[1-i]
	self, other := w.id(w.self).String(), w.id(w.other).String()
	if mine.CID != here.Root.String() || mine.Method != "random" || mine.Bytes != here.Bytes || mine.Origin != "mine" ||
		!mine.Published || !slices.Equal(mine.Signers, []string{self}) {
		t.Errorf("here: %+v", mine)
	}
	holders := slices.Sorted(slices.Values(theirs.Holders))
	if theirs.CID != away.String() || theirs.Method != "gmm" || theirs.Images != 3 || theirs.Bytes != 5000 ||
		theirs.Here ||
		!slices.Equal(theirs.Signers, []string{other}) || !slices.Equal(holders,
		slices.Sorted(slices.Values([]string{self, other}))) {
		t.Errorf("away: %+v", theirs)
	}
	if none, err := w.known.Sets(t.Context(), away); err != nil || len(none) != 0 {
		t.Errorf("of another task: %+v, %v", none, err)
	}
	if got, subject := w.known.SubjectOf(t.Context(), here.Root); !got.Equals(task) || subject != announce.SubjectSet {
		t.Errorf("what is here is a %q of %s", subject, got)
	}
	if got, subject := w.known.SubjectOf(t.Context(), away); !got.Equals(task) || subject != announce.SubjectSet {
		t.Errorf("what is announced is a %q of %s", subject, got)
	}
	if got, subject := w.known.SubjectOf(t.Context(), task); got.Defined() || subject != "" {
		t.Errorf("what is neither is a %q of %s", subject, got)
	}
}

func TestAnnouncedModelsAreListed(t *testing.T) {
	w := newWorld(t)
	task, _ := glyphs(t)
	draft := announce.Announcement{Task: task, Kind: announce.Offer, Subject: announce.SubjectModel,
		Root: root(t, set(t, 1)), Bytes: 9, Blocks: 1, Schema: SchemaModel}
	w.announce(w.other, draft, ModelBody{Model: "lenet", Sets: 3})
	draft.Root, draft.Schema = root(t, set(t, 2)), "model/9"
	w.announce(w.other, draft, ModelBody{Model: "lenet"})
	all, err := w.known.Models(t.Context())
	if err != nil || len(all) != 1 || all[0].Model != "lenet" || all[0].Sets != 3 || all[0].Here ||
		all[0].Signer != w.id(w.other).String() || all[0].TaskName != "glyph-digits" {
		t.Errorf("listed %+v, %v", all, err)
	}
}

func TestRootsAreFoundByWhatPeopleType(t *testing.T) {
	w := newWorld(t)
	here := w.add(set(t, 1)).Root.String()
	for typed, want := range map[string]string{
		here:                                 here,
		here[:24]:                            here,
		here[:4] + ".." + here[len(here)-8:]: here,
		here[:3]:                             "",
		"bafynope":                           "",
		"":                                   "",
	} {
		got, err := w.known.FindRoot(t.Context(), typed)
		if want != "" && (err != nil || got.String() != want) {
			t.Errorf("%q finds %s, %v, want %s", typed, got, err, want)
		}
		if want == "" && api.Describe(err).Code != api.CodeNotFound {
			t.Errorf("%q finds %s, %v", typed, got, err)
		}
	}
	other := w.add(set(t, 2)).Root.String()
	if _, err := w.known.FindRoot(t.Context(), "bafy"); api.Describe(err).Code != api.CodeUsage {
		t.Errorf("a prefix of %s and %s: %v", here, other, err)
	}
}

// A stranger announces more fake tasks than a refresh looks at.
func TestARefreshLooksAtATaskOfEverySigner(t *testing.T) {
	w := newWorld(t)
	c, doc := own(t, "honest")
	mesh := &remote{w: w, docs: map[cid.Cid][]byte{c: doc}}
	w.known.GoOnline(mesh)
	liar := stranger(t)
	for i := range 20 {
		fake, _ := own(t, strings.Repeat("x", i+1))
		w.announce(liar, announce.Announcement{Task: fake, Kind: announce.Offer, Subject: announce.SubjectTask, Root: fake,
			Bytes: 1, Blocks: 1}, nil)
	}
	w.announceTask(c, doc)
	w.known.Refresh(t.Context(), cid.Undef)
	if !slices.Contains(mesh.asked, c) || len(mesh.asked) != 3 {
		t.Errorf("asked %v, want the mesh and a task of both signers", mesh.asked)
	}
}

// remote is a mesh that answers from maps.
type remote struct {
	w     *world
	docs  map[cid.Cid][]byte
	asked []cid.Cid
	tells func()
}

func (r *remote) Learn(_ context.Context, topics ...cid.Cid) {
	r.asked = append(r.asked, topics...)
	if r.tells != nil {
		r.tells()
	}
}

func (r *remote) FetchRaw(_ context.Context, c cid.Cid, most int64) ([]byte, error) {
	if doc, ok := r.docs[c]; ok && int64(len(doc)) <= most {
		return doc, nil
	}
	return nil, errors.New("nobody has it")
}

// own makes a task that is not built in.
func own(t *testing.T, name string) (cid.Cid, []byte) {
	t.Helper()
	doc, err := artifact.EncodeTask(&data.Task{Version: data.TaskVersion, Name: name, Classes: []string{"a", "b"},
		Shape: data.Shape{C: 1, H: 1, W: 2}, Mean: []float64{0, 0}, Std: []float64{1, 1}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := artifact.RawCID(doc)
	if err != nil {
		t.Fatal(err)
	}
	return c, doc
}

func (w *world) announceTask(c cid.Cid, doc []byte) {
	w.announce(w.other, announce.Announcement{Task: c, Kind: announce.Offer, Subject: announce.SubjectTask, Root: c,
		Bytes: int64(len(doc)), Blocks: 1}, nil)
}
