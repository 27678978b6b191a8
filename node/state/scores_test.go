package state

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/distillmesh/distillmesh/node/scores"
)

func TestWhatWasFoundAboutOthersIsForgottenAndWhatWasMeasuredIsNot(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	s := opened(t, path)
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	own := func(lrs float64, at time.Time) []scores.Own {
		return []scores.Own{{Set: "set", Model: "ntk:1", LRS: scores.Value{Mean: lrs, N: 1}, At: at}}
	}
	failed := scores.Judgment{Set: "set", Signer: "p", Model: "ntk:1", Digest: "d", Value: "lrs", Off: 0.5, At: day}
	if err := s.AddScores(own(0.1, day), []scores.Judgment{failed}, day.AddDate(0, 0, -30)); err != nil {
		t.Fatal(err)
	}
	if err := s.AddScores(own(0.2, day.AddDate(0, 0, 1)), nil, day.AddDate(0, 0, -29)); err != nil {
		t.Fatal(err)
	}
	s = opened(t, path)
	if got := s.Scores(); len(got) != 1 || got[0].LRS.Mean != 0.2 {
		t.Errorf("measured %+v", got)
	}
	if got := s.Judged(day); len(got) != 1 || got[0] != failed {
		t.Errorf("found %+v", got)
	}
	if got := s.Judged(day.Add(time.Second)); len(got) != 0 {
		t.Errorf("still remembers %+v", got)
	}
	// A later verification of the same takes its place.
	right := failed
	right.Agrees, right.At = true, day.AddDate(0, 0, 2)
	if err := s.AddScores(nil, []scores.Judgment{right}, day); err != nil {
		t.Fatal(err)
	}
	if got := s.Judged(day); len(got) != 1 || !got[0].Agrees {
		t.Errorf("found %+v", got)
	}
	if err := s.AddScores(nil, nil, day.AddDate(0, 0, 40)); err != nil {
		t.Fatal(err)
	}
	if len(opened(t, path).Judged(time.Time{})) != 0 || len(opened(t, path).Scores()) != 1 {
		t.Error("the file keeps what is forgotten, or has lost what was measured")
	}
}

func TestTheOldestScoresGiveWay(t *testing.T) {
	s := opened(t, filepath.Join(t.TempDir(), FileName))
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var own []scores.Own
	var judged []scores.Judgment
	for i := range maxOwn + 3 {
		own = append(own, scores.Own{Set: fmt.Sprint(i), At: at.Add(time.Duration(i) * time.Second)})
		judged = append(judged, scores.Judgment{Set: fmt.Sprint(i), At: at.Add(time.Duration(i) * time.Second)})
	}
	if err := s.AddScores(own, judged, at); err != nil {
		t.Fatal(err)
	}
	if got := s.Judged(at); len(got) != maxJudgments || got[0].Set != "3" || len(s.Scores()) != maxOwn {
		t.Errorf("%d of others from %s on, %d own", len(got), got[0].Set, len(s.Scores()))
	}
}
