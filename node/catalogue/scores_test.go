package catalogue

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/node/scores"
	"github.com/distillmesh/distillmesh/p2p/announce"
)

// someScore is a score whose numbers follow from each other.
func someScore() *scores.Score {
	one := func(mean float64) *scores.Value { return &scores.Value{Mean: mean, N: 1} }
	return &scores.Score{Recipe: json.RawMessage(`{}`), Trials: 1, References: 1, Epochs: 1, Engine: "cpu", Data: "digits",
		Train: 9, Validation: 1, Test: 1, Print: "00", Rows: []scores.Row{{Model: "ntk:1", AccReal: one(0.75),
			AccSynHard: one(0.5), AccSynOwn: one(0.5), AccRandomOwn: one(0.25), HLR: one(0.25), IOR: one(0.25), LRS: one(0.25)}}}
}

func scoreOf(t *testing.T, task, root cid.Cid, kind announce.Kind) announce.Announcement {
	t.Helper()
	body, err := someScore().Encode()
	if err != nil {
		t.Fatal(err)
	}
	return announce.Announcement{Task: task, Kind: kind, Subject: announce.SubjectScore, Root: root,
		Schema: scores.Schema, Body: body}
}

func setOf(h cid.Cid, task cid.Cid, kind announce.Kind) announce.Announcement {
	return announce.Announcement{Task: task, Kind: kind, Subject: announce.SubjectSet, Root: h, Bytes: 5000, Blocks: 3,
		Schema: SchemaSet}
}

// counts are how many claims, attestations and own scores a list has of a set.
func (w *world) counts(task, root cid.Cid) [3]int {
	w.t.Helper()
	all, err := w.known.Sets(w.t.Context(), task)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, s := range all {
		if s.CID != root.String() {
			continue
		}
		k := w.known.Scores(w.t.Context(), task, root)
		direct := [3]int{len(k.Claims), len(k.Attestations), len(k.Verified)}
		if s.Scores == nil {
			if direct != [3]int{} {
				w.t.Errorf("listed without scores, and there are %v", direct)
			}
			return [3]int{}
		}
		if in := [3]int{len(s.Scores.Claims), len(s.Scores.Attestations), len(s.Scores.Verified)}; in != direct {
			w.t.Errorf("listed with %v scores, and there are %v", in, direct)
		}
		return direct
	}
	w.t.Fatalf("%s is not listed", root)
	return [3]int{}
}

func TestAScoreIsAClaimOfWhoOffersTheSetAndElseAnAttestation(t *testing.T) {
	w := newWorld(t)
	task, _ := glyphs(t)
	body := SetBody{Method: "random", Images: 10, Counts: []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, Formation: 1}
	a, b := root(t, set(t, 1)), root(t, set(t, 2))
	w.announce(w.other, setOf(a, task, announce.Offer), body)
	w.announce(w.other, setOf(b, task, announce.Have), body)
	w.announce(w.self, setOf(a, task, announce.Have), body)
	if got := w.counts(task, a); got != [3]int{} {
		t.Errorf("before anything was said: %v", got)
	}
	w.announce(w.other, scoreOf(t, task, a, announce.Offer), nil)
	w.announce(w.other, scoreOf(t, task, b, announce.Offer), nil)
	w.announce(w.self, scoreOf(t, task, a, announce.Offer), nil)
	if got := w.counts(task, a); got != [3]int{1, 1, 0} {
		t.Errorf("of who offers it, and of who has it: %v", got)
	}
	if got := w.counts(task, b); got != [3]int{0, 1, 0} {
		t.Errorf("a claim for one set counts for another: %v", got)
	}
	w.announce(w.other, announce.Announcement{Task: task, Kind: announce.Withdraw, Subject: announce.SubjectSet,
		Root: a}, nil)
	if got := w.counts(task, a); got != [3]int{0, 2, 0} {
		t.Errorf("once it is not offered any more: %v", got)
	}
	w.announce(w.other, announce.Announcement{Task: task, Kind: announce.Withdraw, Subject: announce.SubjectScore,
		Root: a}, nil)
	if got := w.counts(task, a); got != [3]int{0, 1, 0} {
		t.Errorf("once the score is withdrawn: %v", got)
	}
	if err := w.held.State.AddScores([]scores.Own{{Set: a.String(), Model: "ntk:1"}}, nil, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if got := w.counts(task, a); got != [3]int{0, 1, 1} {
		t.Errorf("once this node has computed it: %v", got)
	}
}

func TestScoresThatAreNoneAreLeftOut(t *testing.T) {
	w := newWorld(t)
	task, _ := glyphs(t)
	a := root(t, set(t, 1))
	other := root(t, set(t, 3)) // stands for another task here
	body := SetBody{Method: "random", Images: 10, Counts: []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, Formation: 1}
	w.announce(w.other, setOf(a, task, announce.Offer), body)
	nonsense := scoreOf(t, task, a, announce.Offer)
	nonsense.Body = []byte("nonsense")
	w.announce(w.other, nonsense, nil)
	have := scoreOf(t, task, a, announce.Have)
	w.announce(w.self, have, nil)
	w.announce(w.self, scoreOf(t, other, a, announce.Offer), nil)
	if got := w.counts(task, a); got != [3]int{} {
		t.Errorf("nonsense, a copy of a score, and the score of another task: %v", got)
	}
	w.announce(w.other, scoreOf(t, task, a, announce.Offer), nil)
	if got := w.counts(task, a); got != [3]int{1, 0, 0} {
		t.Errorf("a score: %v", got)
	}
	w.known.JudgeScores(ScoreRules{Check: func(*scores.Score) error { return errors.New("no") }})
	if got := w.counts(task, a); got != [3]int{} {
		t.Errorf("refused by the rules: %v", got)
	}
}

// Anybody may announce a thousand scores, and whoever lists sets would read all of them each time.
func TestAScoreIsReadOnceUntilItsSignerSaysAnother(t *testing.T) {
	w := newWorld(t)
	read := 0
	w.known.JudgeScores(ScoreRules{Check: func(s *scores.Score) error {
		if read++; s.Trials == 7 {
			return errors.New("no")
		}
		return nil
	}})
	task, _ := glyphs(t)
	a := root(t, set(t, 1))
	body := SetBody{Method: "random", Images: 10, Counts: []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, Formation: 1}
	w.announce(w.other, setOf(a, task, announce.Offer), body)
	w.announce(w.self, scoreOf(t, task, a, announce.Offer), nil)
	for range 3 {
		if got := w.counts(task, a); got != [3]int{0, 1, 0} || read != 1 {
			t.Errorf("%v after %d readings", got, read)
		}
	}
	refused := someScore()
	refused.Trials = 7
	draft := scoreOf(t, task, a, announce.Offer)
	var err error
	if draft.Body, err = refused.Encode(); err != nil {
		t.Fatal(err)
	}
	w.announce(w.self, draft, nil)
	for range 3 {
		if got := w.counts(task, a); got != [3]int{} || read != 2 {
			t.Errorf("what is refused: %v after %d readings", got, read)
		}
	}
}

func TestWhatWasFoundAboutAScoreCountsForThatScoreAndForATime(t *testing.T) {
	w := newWorld(t)
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	w.known.JudgeScores(ScoreRules{Remember: 24 * time.Hour, Now: func() time.Time { return now }})
	task, _ := glyphs(t)
	a := root(t, set(t, 1))
	draft := scoreOf(t, task, a, announce.Offer)
	w.announce(w.other, draft, nil)
	signer := w.id(w.other).String()
	found := []scores.Judgment{
		{Set: a.String(), Signer: signer, Model: "ntk:1", Digest: scores.Digest(draft.Body), Value: "lrs", At: now},
		{Set: a.String(), Signer: signer, Model: "mlp", Digest: "an earlier body", Value: "lrs", At: now},
	}
	if err := w.held.State.AddScores(nil, found, w.known.Since()); err != nil {
		t.Fatal(err)
	}
	known := w.known.Scores(t.Context(), task, a)
	if len(known.Attestations) != 1 || len(known.Attestations[0].Judged) != 1 || !known.Attestations[0].Failed() {
		t.Errorf("%+v", known)
	}
	if !w.known.HasFailed(signer) || w.known.Failed()[signer].Value != "lrs" || w.known.HasFailed("another") {
		t.Error("its signer is not remembered, or another is")
	}
	now = now.Add(24*time.Hour + time.Second)
	if w.known.HasFailed(signer) || len(w.known.Failed()) != 0 ||
		w.known.Scores(t.Context(), task, a).Attestations[0].Failed() {
		t.Error("it is not forgotten")
	}
}

// Content says nothing of scores: who signs one about content of others is not found wrong by it.
func TestAScoreIsNotRefutedByContent(t *testing.T) {
	w := newWorld(t)
	task, _ := glyphs(t)
	a := root(t, set(t, 1))
	body := SetBody{Method: "random", Images: 10, Counts: []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, Formation: 1}
	w.announce(w.other, setOf(a, task, announce.Offer), body)
	claim := w.known.Claims(t.Context(), announce.Query{Root: a})[0]
	w.known.Judge(claim, claim.Bytes, nil)
	w.announce(w.other, announce.Announcement{Task: task, Kind: announce.Withdraw, Subject: announce.SubjectSet,
		Root: a}, nil)
	w.announce(w.other, scoreOf(t, task, a, announce.Offer), nil)
	w.known.Judge(claim, claim.Bytes, nil)
	if !w.known.Proven(w.id(w.other)) {
		t.Error("a score counts as a false claim about content")
	}
}
