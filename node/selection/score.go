package selection

import (
	"cmp"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/node/scores"
)

// turn is when a set is chosen. Sets of one turn are chosen by what they add per byte.
type turn struct {
	rank  int     // what its score rests on; the same for all unless scores count
	score float64 // the largest first
	sunk  bool    // who offer it claimed something false
	known bool    // something of who offers it was verified
}

func (t turn) compare(o turn) int {
	return cmp.Or(cmp.Compare(t.rank, o.rank), cmp.Compare(o.score, t.score), first(!t.sunk, !o.sunk),
		first(t.known, o.known))
}

// first orders what is true first.
func first(x, y bool) int {
	switch {
	case x && !y:
		return -1
	case y && !x:
		return 1
	}
	return 0
}

func (req Request) turn(s operations.SetInfo) turn {
	t := turn{known: req.Known != nil && slices.ContainsFunc(s.Signers, req.Known)}
	_, t.sunk = req.sunk(s)
	if req.ByScore {
		standing := s.Scores.Standing(req.Self)
		t.rank, t.score = standing.Rank, standing.LRS
	}
	return t
}

// sunk reports whether scores of all who offer a set were found false here, and one of them.
func (req Request) sunk(s operations.SetInfo) (j scores.Judgment, sunk bool) {
	for _, signer := range s.Signers {
		if j, sunk = req.Failed[signer]; !sunk {
			return j, false
		}
	}
	return j, sunk
}

// remark says what scores add to the reason for a choice.
func (req Request) remark(s operations.SetInfo) string {
	var parts []string
	if req.ByScore {
		parts = append(parts, s.Scores.Standing(req.Self).Why)
	}
	if req.ByScore || req.MinScore > 0 {
		parts = append(parts, s.Scores.Contradicted(req.Self)...)
	}
	if j, sunk := req.sunk(s); sunk {
		of := ""
		if j.Set != s.CID {
			of = " of another set"
		}
		parts = append(parts, "chosen late, since a score"+of+" that its publisher signed "+j.String()+" on "+
			j.At.Format("2006-01-02"))
	}
	if len(parts) == 0 {
		return ""
	}
	return "; " + strings.Join(parts, "; ")
}
