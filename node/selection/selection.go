// Package selection decides which of the announced sets of a task are worth
// fetching, and says why.
package selection

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/node/scores"
)

// Request says what to choose.
type Request struct {
	Classes int      // of the task
	Budget  int64    // bytes of all sets chosen; 0 for no bound, negative for none left
	From    []string // only sets offered by these signers; empty for all
	Have    []int    // images per class that are chosen already; nil for none
	// Known reports whether something of this signer was verified before: such sets are
	// chosen first. Nil for nobody.
	Known func(signer string) bool
	// MinScore leaves out sets whose LRS is not known to be so large: computed here, or attested by
	// enough others. 0 for none.
	MinScore float64
	// ByScore chooses sets whose LRS was computed here first, then those whose LRS enough others
	// attest, the largest first, and then the rest.
	ByScore bool
	// Failed is a score of each signer that was found false here: its sets are chosen last.
	Failed map[string]scores.Judgment
	Self   string // this node, which attests nothing to itself
}

// Choose selects sets greedily: those of known signers first, and of these always the one
// that adds the most value per byte, until the budget is spent. The value of one more image
// of a class that has k already is 1/(k+1)^2, so classes that are covered worst come first.
// Scores come before that when they are asked for, and whoever claimed a false one comes last.
func Choose(all []operations.SetInfo, req Request) []operations.Choice {
	var out, taken []operations.Choice
	turns := map[turn][]operations.SetInfo{}
	for _, s := range all {
		if why := excluded(s, req); why != "" {
			out = append(out, operations.Choice{Set: s, Why: why})
			continue
		}
		t := req.turn(s)
		turns[t] = append(turns[t], s)
	}
	have := make([]int, req.Classes)
	copy(have, req.Have)
	left := req.Budget
	for _, t := range slices.SortedFunc(maps.Keys(turns), turn.compare) {
		for open := turns[t]; len(open) > 0; {
			i := bestOf(open, have)
			s := open[i]
			open = slices.Delete(open, i, i+1)
			if req.Budget != 0 && s.Bytes > left {
				out = append(out, operations.Choice{Set: s,
					Why: fmt.Sprintf("%d bytes do not fit into the %d left of the budget", s.Bytes, max(0, left))})
				continue
			}
			taken = append(taken, operations.Choice{Set: s, Taken: true, Why: reason(s, have) + req.remark(s)})
			left -= s.Bytes
			for c, k := range s.Counts {
				have[c] += k
			}
		}
	}
	return append(taken, out...)
}

// excluded says why a set cannot be taken, or nothing.
func excluded(s operations.SetInfo, req Request) string {
	switch {
	case len(s.Counts) != req.Classes:
		return "its announcement does not fit the task"
	case len(req.From) > 0 && !slices.ContainsFunc(s.Signers, func(id string) bool {
		return slices.Contains(req.From, id)
	}):
		return "not offered by a node named with --from"
	case req.MinScore > 0:
		if standing := s.Scores.Standing(req.Self); standing.Rank == scores.Unscored || standing.LRS < req.MinScore {
			return fmt.Sprintf("its score is not known to reach %.3f: %s", req.MinScore, standing.Why) + req.remark(s)
		}
	}
	return ""
}

// worthCounting is how many images of a class are valued; further ones add less
// than one part in sixty.
const worthCounting = 64

func bestOf(open []operations.SetInfo, have []int) int {
	best, at := -1.0, 0
	for i, s := range open {
		value := 0.0
		for c, k := range s.Counts {
			for j := range min(k, worthCounting) {
				value += 1 / float64((have[c]+j+1)*(have[c]+j+1))
			}
		}
		value /= float64(max(1, s.Bytes))
		if value > best || value == best && strings.Compare(s.CID, open[at].CID) < 0 {
			best, at = value, i
		}
	}
	return at
}

func reason(s operations.SetInfo, have []int) string {
	var fresh, more []string
	for c, k := range s.Counts {
		switch {
		case k > 0 && have[c] == 0:
			fresh = append(fresh, fmt.Sprint(c))
		case k > 0:
			more = append(more, fmt.Sprint(c))
		}
	}
	switch {
	case len(more) == 0:
		return "first images of class " + strings.Join(fresh, ", ")
	case len(fresh) == 0:
		return "more images of class " + strings.Join(more, ", ")
	}
	return "first images of class " + strings.Join(fresh, ", ") + ", more of " + strings.Join(more, ", ")
}
