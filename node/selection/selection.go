// Package selection decides which of the announced sets of a task are worth
// fetching, and says why.
package selection

import (
	"fmt"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/node/operations"
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
}

// Choose selects sets greedily: those of known signers first, and of these always the one
// that adds the most value per byte, until the budget is spent. The value of one more image
// of a class that has k already is 1/(k+1)^2, so classes that are covered worst come first.
func Choose(all []operations.SetInfo, req Request) []operations.Choice {
	var out, taken []operations.Choice
	var known, fresh []operations.SetInfo
	for _, s := range all {
		switch why := excluded(s, req.Classes, req.From); {
		case why != "":
			out = append(out, operations.Choice{Set: s, Why: why})
		case req.Known != nil && slices.ContainsFunc(s.Signers, req.Known):
			known = append(known, s)
		default:
			fresh = append(fresh, s)
		}
	}
	have := make([]int, req.Classes)
	copy(have, req.Have)
	left := req.Budget
	for _, open := range [][]operations.SetInfo{known, fresh} {
		for len(open) > 0 {
			i := bestOf(open, have)
			s := open[i]
			open = slices.Delete(open, i, i+1)
			if req.Budget != 0 && s.Bytes > left {
				out = append(out, operations.Choice{Set: s,
					Why: fmt.Sprintf("%d bytes do not fit into the %d left of the budget", s.Bytes, max(0, left))})
				continue
			}
			taken = append(taken, operations.Choice{Set: s, Taken: true, Why: reason(s, have)})
			left -= s.Bytes
			for c, k := range s.Counts {
				have[c] += k
			}
		}
	}
	return append(taken, out...)
}

// excluded says why a set cannot be taken, or nothing.
func excluded(s operations.SetInfo, classes int, from []string) string {
	switch {
	case len(s.Counts) != classes:
		return "its announcement does not fit the task"
	case len(from) > 0 && !slices.ContainsFunc(s.Signers, func(id string) bool { return slices.Contains(from, id) }):
		return "not offered by a node named with --from"
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
