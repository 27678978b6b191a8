package operations

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/distillmesh/distillmesh/node/scores"
)

// What a set's score says travels over the socket and into --json unchanged, and a set of which no
// score is known is described as by earlier versions.
func TestScoresTravelWithTheSetsTheyAreAbout(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	value := &scores.Value{Mean: 0.25, Std: 0.5, N: 3}
	known := &scores.Known{
		Claims: []scores.Signed{{Signer: "p", Issued: at, Digest: "d", Score: &scores.Score{
			Recipe: json.RawMessage(`{"name":"dsa"}`), Trials: 3, Rows: []scores.Row{{Model: "ntk:1", LRS: value}}},
			Judged: []scores.Judgment{{Set: "s", Signer: "p", Model: "ntk:1", Digest: "d", Value: "lrs", Off: 0.5, At: at}}}},
		Attestations: []scores.Signed{},
		Verified:     []scores.Own{{Set: "s", Model: "ntk:1", Recipe: "dsa", LRS: *value, At: at}},
	}
	text, err := json.Marshal(SetInfo{CID: "s", Scores: known})
	if err != nil {
		t.Fatal(err)
	}
	var back SetInfo
	if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back.Scores, known) {
		t.Errorf("%s comes back as %+v, %v", text, back.Scores, err)
	}
	text, err = json.Marshal(SetScores{CID: "s", Known: *known})
	if err != nil || !strings.Contains(string(text), `"claims":[{"signer":"p","issued":"2026-01-02T03:04:05Z"`) {
		t.Errorf("%s, %v", text, err)
	}
	text, err = json.Marshal(SetInfo{CID: "s"})
	if err != nil || strings.Contains(string(text), "scores") {
		t.Errorf("without scores: %s, %v", text, err)
	}
}

// A request of an earlier version asks for no scores.
func TestGatherAsksForScoresOnlyWhenTold(t *testing.T) {
	var req GatherRequest
	if err := json.Unmarshal([]byte(`{"task":"mnist","budget_bytes":5}`), &req); err != nil || req.MinScore != 0 ||
		req.ByScore {
		t.Errorf("%+v, %v", req, err)
	}
	text, err := json.Marshal(GatherRequest{Task: "mnist", MinScore: 0.25, ByScore: true})
	if err != nil || string(text) != `{"task":"mnist","min_score":0.25,"by_score":true}` {
		t.Errorf("%s, %v", text, err)
	}
}
