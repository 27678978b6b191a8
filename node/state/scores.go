package state

import (
	"cmp"
	"slices"
	"time"

	"github.com/distillmesh/distillmesh/node/scores"
)

// Most of what is remembered of scores; beyond it the oldest is forgotten.
const (
	maxOwn       = 1024
	maxJudgments = 1024
)

// AddScores remembers what this node measured of sets, and what it found about the scores of others,
// each in place of what it knew of the same set, model and signer. What was found before since is
// forgotten.
func (s *State) AddScores(own []scores.Own, judged []scores.Judgment, since time.Time) error {
	return s.change(func(d *document) error {
		for _, o := range own {
			d.Scores = slices.DeleteFunc(d.Scores, func(x scores.Own) bool { return x.Set == o.Set && x.Model == o.Model })
			d.Scores = append(d.Scores, o)
		}
		d.Judged = slices.DeleteFunc(d.Judged, func(x scores.Judgment) bool { return x.At.Before(since) })
		for _, j := range judged {
			d.Judged = slices.DeleteFunc(d.Judged, func(x scores.Judgment) bool {
				return x.Set == j.Set && x.Model == j.Model && x.Signer == j.Signer
			})
			d.Judged = append(d.Judged, j)
		}
		slices.SortStableFunc(d.Scores, func(a, b scores.Own) int { return a.At.Compare(b.At) })
		d.Scores = d.Scores[max(0, len(d.Scores)-maxOwn):]
		slices.SortStableFunc(d.Judged, func(a, b scores.Judgment) int { return a.At.Compare(b.At) })
		d.Judged = d.Judged[max(0, len(d.Judged)-maxJudgments):]
		return nil
	})
}

// Scores are what this node measured of sets, by set and model.
func (s *State) Scores() []scores.Own {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(slices.Values(s.doc.Scores), func(a, b scores.Own) int {
		return cmp.Or(cmp.Compare(a.Set, b.Set), cmp.Compare(a.Model, b.Model))
	})
}

// Judged is what this node found about the scores of others, not before since, the oldest first.
func (s *State) Judged(since time.Time) (out []scores.Judgment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, j := range s.doc.Judged {
		if !j.At.Before(since) {
			out = append(out, j)
		}
	}
	return out
}

// HasFailed reports whether a score of a signer was found false here, not before since.
func (s *State) HasFailed(signer string, since time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.doc.Judged, func(j scores.Judgment) bool {
		return !j.Agrees && j.Signer == signer && !j.At.Before(since)
	})
}
