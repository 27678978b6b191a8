package catalogue

import (
	"crypto/rand"
	"errors"
	"fmt"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/blocks"
)

// stranger returns a fresh key.
func stranger(t *testing.T) crypto.PrivKey {
	t.Helper()
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// honest is what the maker of a set of glyphs announces.
func honest(t *testing.T, seed uint64) (announce.Announcement, SetBody) {
	t.Helper()
	task, _ := glyphs(t)
	return announce.Announcement{Task: task, Kind: announce.Offer, Subject: announce.SubjectSet,
			Root: root(t, set(t, seed)), Bytes: 5000, Blocks: 4, Schema: SchemaSet},
		SetBody{Method: "gmm", Images: 3, Counts: []int{1, 1, 1, 0, 0, 0, 0, 0, 0, 0}, Formation: 1}
}

// What twenty strangers say of a set neither hides it nor replaces what its maker says.
func TestClaimsOfStrangersStandBesideTheTrueOne(t *testing.T) {
	w := newWorld(t)
	truth, body := honest(t, 1)
	elsewhere, _ := own(t, "elsewhere")
	for i := range 20 {
		lie := truth
		lie.Kind = announce.Have
		switch i % 4 {
		case 0:
			lie.Subject, lie.Schema = announce.SubjectModel, SchemaModel
			w.announce(stranger(t), lie, ModelBody{Model: "lenet"})
		case 1:
			lie.Bytes = 1 << 50
			w.announce(stranger(t), lie, body)
		case 2:
			lie.Task = elsewhere
			w.announce(stranger(t), lie, body)
		case 3:
			lie.Bytes = 0
			w.announce(stranger(t), lie, body)
		}
	}
	w.announce(w.other, truth, body)
	claims := w.known.Claims(t.Context(), announce.Query{Root: truth.Root})
	if len(claims) != 16 {
		t.Errorf("%d claims, want 16: all but the 5 without a size", len(claims))
	}
	all, err := w.known.Sets(t.Context(), truth.Task)
	if err != nil || len(all) != 1 || all[0].CID != truth.Root.String() || all[0].Bytes != 5000 ||
		len(all[0].Signers) != 1 || all[0].Signers[0] != w.id(w.other).String() {
		t.Errorf("listed %+v, %v", all, err)
	}
}

func TestContentRefutesAClaimAndLeavesTheOthers(t *testing.T) {
	tests := []struct {
		name   string
		lie    func(*announce.Announcement)
		judged error
		left   int // of two claims, the true one and the false one
		proven bool
	}{
		{"a size too small", func(a *announce.Announcement) { a.Bytes = 1000 }, blocks.ErrTooLarge, 1, false},
		{"another subject", func(a *announce.Announcement) { a.Subject, a.Schema = announce.SubjectModel, SchemaModel },
			blocks.ErrRefused, 1, false},
		{"content that did not arrive", func(a *announce.Announcement) { a.Bytes = 1000 }, blocks.ErrStalled, 2, false},
		{"no error, which refutes the rest", func(a *announce.Announcement) { a.Bytes = 1000 }, nil, 1, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			truth, body := honest(t, 1)
			w.announce(w.other, truth, body)
			lie, liar := truth, stranger(t)
			tt.lie(&lie)
			says := Body(body)
			if lie.Subject == announce.SubjectModel {
				says = ModelBody{Model: "lenet"}
			}
			w.announce(liar, lie, says)
			q := announce.Query{Root: truth.Root}
			for _, claim := range w.known.Claims(t.Context(), q) {
				if claim.Signer == w.id(liar) {
					w.known.Judge(claim, 1000, tt.judged)
				}
			}
			left := w.known.Claims(t.Context(), q)
			if len(left) != tt.left {
				t.Fatalf("%d claims left, want %d", len(left), tt.left)
			}
			if tt.judged != nil && tt.left == 1 && left[0].Signer != w.id(w.other) {
				t.Error("the true claim was refuted")
			}
			if got := w.known.Proven(w.id(liar)); got != tt.proven {
				t.Errorf("signer proven: %t", got)
			}
			// Signing the same again, with another key, does not bring it back.
			w.announce(stranger(t), lie, says)
			more := 0
			if tt.judged == nil || tt.left == 2 {
				more = 1
			}
			if got := len(w.known.Claims(t.Context(), q)); got != tt.left+more {
				t.Errorf("%d claims after it was signed again, want %d", got, tt.left+more)
			}
		})
	}
}

func TestOnlyLimitsAndVerificationRefute(t *testing.T) {
	for err, want := range map[error]bool{
		fmt.Errorf("fetch: %w", blocks.ErrTooLarge): true, fmt.Errorf("fetch: %w", blocks.ErrRefused): true,
		blocks.ErrNoProviders: false, blocks.ErrStalled: false, blocks.ErrFull: false, errors.New("other"): false, nil: false,
	} {
		if Refutes(err) != want {
			t.Errorf("%v refutes: %t", err, !want)
		}
	}
}

// Roots that resemble one that is here do not make its short name ambiguous.
func TestWhatIsHereIsFoundBeforeWhatIsAnnounced(t *testing.T) {
	w := newWorld(t)
	here := w.add(set(t, 1)).Root
	away, body := honest(t, 2)
	w.announce(w.other, away, body)
	if got, err := w.known.FindRoot(t.Context(), "bafy"); err != nil || !got.Equals(here) {
		t.Errorf("found %s, %v, want %s", got, err, here)
	}
}

// A claim is decoded once; a newer record of its signer is read anew, and so is one that
// has the same number and was signed by a copy of the key.
func TestAClaimThatIsKeptDecodedGivesWayToANewerRecord(t *testing.T) {
	w := newWorld(t)
	truth, body := honest(t, 1)
	q := announce.Query{Root: truth.Root}
	for i, size := range []int64{5000, 4000, 3000} {
		truth.Bytes = size
		w.announce(w.other, truth, body)
		for range 2 {
			if claims := w.known.Claims(t.Context(), q); len(claims) != 1 || claims[0].Bytes != size {
				t.Errorf("record %d: %+v, want %d bytes", i, claims, size)
			}
		}
	}
	m := &memory{}
	for _, envelope := range []string{"one", "another"} {
		r := announce.Record{Announcement: truth, Envelope: []byte(envelope)}
		r.Bytes = int64(len(envelope))
		if claim, _ := m.claim(r, nil); claim.Bytes != r.Bytes {
			t.Errorf("%d bytes, want %d", claim.Bytes, r.Bytes)
		}
	}
}

// What is kept of sets that are here follows what changes about them.
func TestAListedSetThatWasReadBeforeIsTheSame(t *testing.T) {
	w := newWorld(t)
	h := w.add(set(t, 1))
	first, err := w.known.Sets(t.Context(), h.Task)
	if err != nil || len(first) != 1 {
		t.Fatal(first, err)
	}
	first[0].Counts[0] = -1 // the caller's own
	if err := w.held.State.AddOrigin(h.Root, "my data"); err != nil {
		t.Fatal(err)
	}
	again, err := w.known.Sets(t.Context(), h.Task)
	if err != nil || len(again) != 1 || again[0].Origin != "my data" || again[0].Counts[0] == -1 || again[0].Images == 0 {
		t.Errorf("%+v, %v", again, err)
	}
	if err := w.held.Discard(t.Context(), h.Root); err != nil {
		t.Fatal(err)
	}
	if gone, err := w.known.Sets(t.Context(), h.Task); err != nil || len(gone) != 0 {
		t.Errorf("after it is gone: %+v, %v", gone, err)
	}
}
