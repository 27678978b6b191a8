package node

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/distillmesh/distillmesh/distill/rank"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/localdata"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/node/ranking"
	"github.com/distillmesh/distillmesh/node/scores"
	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
)

// tooGood is a well-formed score of a set on the closed-form predictor, by a recipe of the program,
// two trials and one reference: what nobody will measure.
func tooGood(t testing.TB, print string) scores.Score {
	t.Helper()
	r, err := rank.Shipped(rank.Usual)
	if err != nil {
		t.Fatal(err)
	}
	r.Methods = nil
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	one := func(mean float64) *scores.Value { return &scores.Value{Mean: mean, N: 1} }
	two := func(mean float64) *scores.Value { return &scores.Value{Mean: mean, N: 2} }
	lrs, err := rank.LRS(0.98-0.97, 0.97-0.2, rank.Weight)
	if err != nil {
		t.Fatal(err)
	}
	return scores.Score{Recipe: text, Trials: 2, References: 1, Epochs: 1, Engine: "cpu", Data: "glyph-digits",
		Train: 9000, Validation: 1000, Test: 2000, Print: print, Rows: []scores.Row{{Model: "ntk:1", AccReal: one(0.98),
			AccSynHard: one(0.97), AccSynOwn: one(0.97), AccRandomOwn: two(0.2), HLR: one(0.98 - 0.97), IOR: two(0.97 - 0.2),
			LRS: two(lrs)}}}
}

// verify does what 'rank --verify --publish' does on a node that has the set and data.
func verify(t *testing.T, c *running, set string) *ranking.Verified {
	t.Helper()
	if _, err := localdata.Add(t.Context(), c, data.GlyphPath, localdata.Options{}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := operations.Fetch.Do(t.Context(), c, operations.RootRequest{CID: set}, nil); err != nil {
		t.Fatal(err)
	}
	p := rank.Default()
	var task ranking.Task
	var err error
	if p.Candidates, task, err = ranking.Held(t.Context(), c, []string{set}); err != nil {
		t.Fatal(err)
	}
	opened, err := ranking.Data(t.Context(), c, task.CID)
	if err != nil {
		t.Fatal(err)
	}
	p.Data = opened.Dataset
	known, err := operations.Scores.Do(t.Context(), c, operations.RootRequest{CID: set}, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ranking.Verify(t.Context(), ranking.Verifying{Plan: p, Known: known.Known, Self: c.node.ID().String(),
		Most: time.Hour, Options: rank.Options{Dir: t.TempDir(), Device: device.Choice{Workers: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	found := operations.RecordScoresRequest{Own: got.Own, Judged: got.Judgments}
	if _, err := operations.RecordScores.Do(t.Context(), c, found, nil); err != nil {
		t.Fatal(err)
	}
	score, err := ranking.ScoreOf(got.Document, set, got.Print)
	if err != nil {
		t.Fatal(err)
	}
	done, err := operations.PublishScore.Do(t.Context(), c, operations.PublishScoreRequest{CID: set, Score: score}, nil)
	if err != nil || done.Claim || !done.Announced {
		t.Fatalf("%+v, %v", done, err)
	}
	return got
}

func freshKey(t testing.TB) crypto.PrivKey {
	t.Helper()
	key, _, err := crypto.GenerateEd25519Key(nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// listed is a set as 'ls --remote' shows it, nil before it is announced.
func listed(t *testing.T, c api.Conn, set string) *operations.SetInfo {
	t.Helper()
	all, err := operations.Sets.Do(t.Context(), c, operations.SetQuery{Remote: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		if all[i].CID == set {
			return &all[i]
		}
	}
	return nil
}

// explained is why a set would be taken or not.
func explained(t *testing.T, c api.Conn, req operations.GatherRequest, set string) operations.Choice {
	t.Helper()
	req.Task, req.Explain = "glyph-digits", true
	got, err := operations.Gather.Do(t.Context(), c, req, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, choice := range got.Choices {
		if choice.Set.CID == set {
			return choice
		}
	}
	t.Fatalf("%s is not among %+v", set, got.Choices)
	return operations.Choice{}
}

// A publisher claims a score that is too good, two others verify it and attest what they find,
// and a third node, which computes nothing, sees all of it.
func TestAClaimThatIsTooGoodIsFoundOut(t *testing.T) {
	h, n, name := offline(t)
	made := makeSet(t, n, name, "gmm", 1)
	other := makeSet(t, n, name, "gmm", 2)
	for _, set := range []string{made.CID, other.CID} {
		if _, err := operations.Publish.Do(t.Context(), n, operations.PublishRequest{CID: set}, nil); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := localdata.Open(t.Context(), n, "glyph-digits")
	if err != nil {
		t.Fatal(err)
	}
	print, err := ranking.TestPrint(whole.Dataset)
	if err != nil {
		t.Fatal(err)
	}
	claim := operations.PublishScoreRequest{CID: made.CID, Score: tooGood(t, print)}
	done, err := operations.PublishScore.Do(t.Context(), n, claim, nil)
	if err != nil || !done.Claim || done.Announced {
		t.Fatalf("%+v, %v", done, err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	liar := start(t, h, StartOptions{})
	third := start(t, shortHome(t), StartOptions{Bootstrap: []string{liar.addr}})
	until(t, "claimed", func() bool {
		s := listed(t, third, made.CID)
		return s != nil && s.Scores != nil && len(s.Scores.Claims) == 1
	})
	if s := listed(t, third, other.CID); s == nil || s.Scores != nil {
		t.Errorf("another set of the same publisher: %+v", s)
	}
	if c := explained(t, third, operations.GatherRequest{MinScore: 0.05}, made.CID); c.Taken ||
		!strings.Contains(c.Why, "is claimed, and nothing else supports it") {
		t.Errorf("a claim alone: %+v", c)
	}
	var witness *running
	for range 2 {
		witness = start(t, shortHome(t), StartOptions{Bootstrap: []string{liar.addr, third.addr}})
		until(t, "known", func() bool { return listed(t, witness, made.CID) != nil })
		got := verify(t, witness, made.CID)
		if len(got.Judgments) == 0 || got.Judgments[0].Agrees || got.Judgments[0].Signer != liar.node.ID().String() {
			t.Fatalf("judged %+v", got.Judgments)
		}
	}
	until(t, "attested", func() bool { return len(listed(t, third, made.CID).Scores.Attestations) == 2 })
	known := listed(t, third, made.CID).Scores
	measured := known.Attestations[0].Score.Rows[0].LRS.Mean
	if len(known.Claims) != 1 || len(known.Verified) != 0 || measured > known.Claims[0].Score.Rows[0].LRS.Mean-0.2 {
		t.Errorf("claims %+v, attested %v", known.Claims, measured)
	}
	if c := explained(t, third, operations.GatherRequest{MinScore: measured - 0.01, ByScore: true}, made.CID); !c.Taken ||
		!strings.Contains(c.Why, "attested by 2 signers") || !strings.Contains(c.Why, "is claimed") {
		t.Errorf("what two attest: %+v", c)
	}
	if c := explained(t, third, operations.GatherRequest{MinScore: measured + 0.05}, made.CID); c.Taken {
		t.Errorf("the claim counts: %+v", c)
	}
	// Who verified it remembers who claimed it, also about other sets.
	if c := explained(t, witness, operations.GatherRequest{}, other.CID); !c.Taken ||
		!strings.Contains(c.Why, "chosen late, since a score of another set that its publisher signed failed here") {
		t.Errorf("of the same publisher: %+v", c)
	}
	if c := explained(t, third, operations.GatherRequest{}, other.CID); strings.Contains(c.Why, "late") {
		t.Errorf("a node that verified nothing: %+v", c)
	}
	if c := explained(t, witness, operations.GatherRequest{MinScore: 0.05}, made.CID); !c.Taken ||
		!strings.Contains(c.Why, "the claim of LRS") {
		t.Errorf("what it computed itself: %+v", c)
	}
}

func TestAScoreThatCannotBeComputedAgainIsRefusedBeforeAnyWork(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*scores.Score)
		want   string
	}{
		"LRS that does not follow": {func(s *scores.Score) { s.Rows[0].LRS.Mean = 0.99 }, "lrs"},
		"LRS in percent":           {func(s *scores.Score) { s.Rows[0].LRS.Mean = 47 }, "lrs is 47"},
		"ARS out of nothing":       {func(s *scores.Score) { s.Rows[0].ARS = s.Rows[0].LRS }, "ars stands without"},
		"a recipe of nothing":      {func(s *scores.Score) { s.Recipe = json.RawMessage(`{}`) }, "recipe refused"},
		"a recipe with more":       {func(s *scores.Score) { s.Recipe = json.RawMessage(`{"shell":"rm"}`) }, "unknown field"},
		"a recipe for days": {func(s *scores.Score) {
			s.Recipe = json.RawMessage(strings.Replace(string(s.Recipe), `"epochs":1000`, `"epochs":100000`, 1))
		}, "epochs 100000"},
		"trainings for days":   {func(s *scores.Score) { s.References, s.Epochs = 100, 10_000 }, "passes over all real data"},
		"trials without end":   {func(s *scores.Score) { s.Trials = 1 << 20 }, "trials is"},
		"nothing wrong at all": {func(*scores.Score) {}, ""},
	} {
		s := tooGood(t, "00ff")
		tt.change(&s)
		_, err := s.Encode()
		if err == nil {
			err = checkScore(&s)
		}
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

// What a stranger signs about a set is an attestation of his own; what makes no sense is left out;
// removing the set withdraws one's own score.
func TestAScoreSpeaksForItsSignerAlone(t *testing.T) {
	_, n, name := offline(t)
	made := makeSet(t, n, name, "gmm", 1)
	req := operations.PublishScoreRequest{CID: made.CID, Score: tooGood(t, "00ff")}
	if done, err := operations.PublishScore.Do(t.Context(), n, req, nil); err != nil || done.Claim {
		t.Fatalf("a score of what is not offered: %+v, %v", done, err)
	}
	body, err := req.Score.Encode()
	if err != nil {
		t.Fatal(err)
	}
	bad := req.Score
	bad.Rows = []scores.Row{bad.Rows[0]}
	bad.Rows[0].LRS = &scores.Value{Mean: 0.99, N: 2}
	wrong, err := bad.Encode() // consistent but for the formula
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range [][]byte{body, wrong, []byte("nonsense"), nil} {
		draft := announce.Announcement{Task: cid.MustParse(made.Task), Kind: announce.Offer, Subject: announce.SubjectScore,
			Root: cid.MustParse(made.CID), Schema: scores.Schema, Body: b}
		if _, err := n.held.Book.Issue(t.Context(), freshKey(t), draft); err != nil {
			t.Fatal(err)
		}
	}
	got, err := operations.Scores.Do(t.Context(), n, operations.RootRequest{CID: made.CID}, nil)
	if err != nil || len(got.Claims) != 0 || len(got.Attestations) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := operations.Publish.Do(t.Context(), n, operations.PublishRequest{CID: made.CID}, nil); err != nil {
		t.Fatal(err)
	}
	got, err = operations.Scores.Do(t.Context(), n, operations.RootRequest{CID: made.CID}, nil)
	if err != nil || len(got.Claims) != 1 || got.Claims[0].Signer != n.ID().String() || len(got.Attestations) != 1 {
		t.Errorf("once it is offered: %+v, %v", got, err)
	}
	if _, err := operations.Remove.Do(t.Context(), n, operations.RootRequest{CID: made.CID}, nil); err != nil {
		t.Fatal(err)
	}
	mine := announce.Query{Signer: n.ID(), Subject: announce.SubjectScore}
	if left := n.held.Book.Live(mine); len(left) != 0 {
		t.Errorf("its score is still announced: %+v", left)
	}
}

// What was found is forgotten after the time that the configuration names.
func TestAFailedClaimIsForgotten(t *testing.T) {
	for after, want := range map[string]bool{"720h": true, "0s": false} {
		h, n, name := offline(t)
		made := makeSet(t, n, name, "gmm", 1)
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(h.ConfigPath(), []byte("[trust]\nforget_after = \""+after+"\"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		n, err := OpenOffline(h, n.log)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { n.Close() })
		found := operations.RecordScoresRequest{Judged: []scores.Judgment{{Set: made.CID, Signer: "p", Model: "ntk:1"}}}
		if _, err := operations.RecordScores.Do(t.Context(), n, found, nil); err != nil {
			t.Fatal(err)
		}
		if n.known.HasFailed("p") != want || len(n.known.Failed()) == 0 == want {
			t.Errorf("after %s: remembered %t", after, n.known.HasFailed("p"))
		}
	}
}
