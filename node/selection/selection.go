// Package selection decides which of the announced sets of a task are worth
// fetching, and says why.
package selection

import (
	"cmp"
	"container/heap"
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
	worth := worthOf(have)
	for _, t := range slices.SortedFunc(maps.Keys(turns), turn.compare) {
		for open := queueOf(turns[t], worth); len(open) > 0; {
			s := open.best(worth)
			if req.Budget != 0 && s.Bytes > left {
				out = append(out, operations.Choice{Set: s,
					Why: fmt.Sprintf("%d bytes do not fit into the %d left of the budget", s.Bytes, max(0, left))})
				continue
			}
			taken = append(taken, operations.Choice{Set: s, Taken: true, Why: reason(s, have) + req.remark(s)})
			left -= s.Bytes
			for c, k := range s.Counts {
				have[c] += k
				worth[c] = valueOf(have[c])
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

// worth is, of each class, what so many more of its images are worth.
type worth [][worthCounting + 1]float64

func worthOf(have []int) worth {
	out := make(worth, len(have))
	for c, n := range have {
		out[c] = valueOf(n)
	}
	return out
}

// valueOf is what images of a class are worth that has n already.
func valueOf(n int) (out [worthCounting + 1]float64) {
	for j := range worthCounting {
		out[j+1] = out[j] + 1/float64((n+j+1)*(n+j+1))
	}
	return out
}

// perByte is what a set is worth.
func (w worth) perByte(s *operations.SetInfo) float64 {
	value := 0.0
	for c, k := range s.Counts {
		value += w[c][max(0, min(k, worthCounting))]
	}
	return value / float64(max(1, s.Bytes))
}

// candidate is sets with images of the same classes, with the value of the first, which it does not exceed.
type candidate struct {
	sets  []*operations.SetInfo // the most valuable first, which are the smallest, then in order of CIDs
	value float64
}

// queue is a heap of candidates: the most valuable first, then in order of CIDs. Anybody may announce
// sets, so the time to choose must not grow with the square of their number.
type queue []candidate

func queueOf(sets []operations.SetInfo, w worth) queue {
	var out queue
	at := map[string]int{}
	for i := range sets {
		key := fmt.Sprint(sets[i].Counts)
		if _, ok := at[key]; !ok {
			at[key] = len(out)
			out = append(out, candidate{})
		}
		c := &out[at[key]]
		c.sets = append(c.sets, &sets[i])
	}
	for i := range out {
		slices.SortFunc(out[i].sets, func(x, y *operations.SetInfo) int {
			return cmp.Or(cmp.Compare(w.perByte(y), w.perByte(x)), strings.Compare(x.CID, y.CID))
		})
		out[i].value = w.perByte(out[i].sets[0])
	}
	heap.Init(&out)
	return out
}

// staleMost is how many values in a row are found to be old before all are computed anew.
const staleMost = 32

// best takes the best set out. What a set adds only becomes less, so the first whose value is still right is
// the best.
func (q *queue) best(w worth) operations.SetInfo {
	for stale := 0; ; stale++ {
		first := &(*q)[0]
		if v := w.perByte(first.sets[0]); v == first.value {
			s := first.sets[0]
			if first.sets = first.sets[1:]; len(first.sets) == 0 {
				heap.Pop(q)
			} else {
				first.value = w.perByte(first.sets[0])
				heap.Fix(q, 0)
			}
			return *s
		} else if first.value = v; stale < staleMost {
			heap.Fix(q, 0)
			continue
		}
		for i := range *q {
			(*q)[i].value = w.perByte((*q)[i].sets[0])
		}
		heap.Init(q)
	}
}

// Len implements heap.Interface.
func (q queue) Len() int { return len(q) }

// Less implements heap.Interface.
func (q queue) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(q[j].value, q[i].value), strings.Compare(q[i].sets[0].CID, q[j].sets[0].CID)) < 0
}

// Swap implements heap.Interface.
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push implements heap.Interface.
func (q *queue) Push(x any) { *q = append(*q, x.(candidate)) }

// Pop implements heap.Interface.
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
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
