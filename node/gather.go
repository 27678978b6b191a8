package node

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
)

// GatherRequest asks for the sets of a task.
type GatherRequest struct {
	Task        string   `json:"task"`
	BudgetBytes int64    `json:"budget_bytes,omitempty"` // of all sets together; 0 for no bound
	From        []string `json:"from,omitempty"`         // only sets offered by these node ids
	Explain     bool     `json:"explain,omitempty"`      // choose, but fetch nothing
}

// Choice is one set with the reason why it was taken or left.
type Choice struct {
	Set   SetInfo `json:"set"`
	Taken bool    `json:"taken"`
	Why   string  `json:"why"`
	Error string  `json:"error,omitempty"` // why it could not be fetched
}

// Gathered is the outcome: what was chosen, in order, and what is here now.
type Gathered struct {
	Task    string   `json:"task"`
	Choices []Choice `json:"choices"`
	Sets    []string `json:"sets"`    // CIDs here now, ready to train on
	Bytes   int64    `json:"bytes"`   // of those
	Fetched int64    `json:"fetched"` // over the network, just now
}

// Gather chooses sets of a task under a byte budget, fetches those that are
// not here, and says why each was taken or left.
var Gather = newOp("gather", func(n *Node, ctx context.Context, req GatherRequest, report Report) (Gathered, error) {
	task, t, err := n.resolveTask(ctx, req.Task)
	if err != nil {
		return Gathered{}, err
	}
	if n.mesh != nil {
		if err := n.mesh.Join(ctx, task); err != nil {
			return Gathered{}, err
		}
		n.ask(ctx, task)
	}
	from, err := resolvePeers(req.From)
	if err != nil {
		return Gathered{}, err
	}
	all, err := n.catalogue(ctx, task)
	if err != nil {
		return Gathered{}, err
	}
	out := Gathered{Task: task.String(), Sets: []string{}, Choices: choose(all, len(t.Classes), req.BudgetBytes, req.From)}
	if req.Explain {
		return out, nil
	}
	failed := 0
	for i := range out.Choices {
		c := &out.Choices[i]
		if !c.Taken {
			continue
		}
		report.say(Progress{Stage: "gather", Done: int64(len(out.Sets)), Total: int64(countTaken(out.Choices)), Unit: "sets"})
		if err := n.bring(ctx, c, from, &out, report); err != nil {
			if ctx.Err() != nil {
				return out, ctx.Err()
			}
			c.Error, failed = err.Error(), failed+1
		}
	}
	if failed > 0 {
		return out, Fail(CodePartly, "run it again to resume; 'distillmesh peers' shows who is connected", "%d of %d sets could not be fetched: %s",
			failed, countTaken(out.Choices), firstError(out.Choices))
	}
	return out, nil
})

func (n *Node) bring(ctx context.Context, c *Choice, from []peer.ID, out *Gathered, report Report) error {
	root, err := cid.Decode(c.Set.CID)
	if err != nil {
		return err
	}
	got, err := n.fetch(ctx, root, from, report)
	if err != nil {
		return err
	}
	out.Sets = append(out.Sets, c.Set.CID)
	out.Bytes += got.Bytes
	out.Fetched += got.Fetched
	return nil
}

func countTaken(all []Choice) (n int) {
	for _, c := range all {
		if c.Taken {
			n++
		}
	}
	return n
}

func firstError(all []Choice) string {
	for _, c := range all {
		if c.Error != "" {
			return c.Error
		}
	}
	return ""
}

func resolvePeers(ids []string) ([]peer.ID, error) {
	var out []peer.ID
	for _, s := range ids {
		id, err := peer.Decode(s)
		if err != nil {
			return nil, Fail(CodeUsage, "'distillmesh ls --remote --json' shows the signers' whole ids", "node id %q: %w", s, err)
		}
		out = append(out, id)
	}
	return out, nil
}

// choose decides which sets to take, greedily: always the one that adds most
// to the classes covered worst, per byte, until the budget is spent. The value
// of one more image of a class that has k already is 1/(k+1)^2, so a second set
// of the same classes is worth a quarter of the first.
func choose(all []SetInfo, classes int, budget int64, from []string) []Choice {
	var out []Choice
	var open []SetInfo
	for _, s := range all {
		if why := barred(s, classes, from); why != "" {
			out = append(out, Choice{Set: s, Why: why})
		} else {
			open = append(open, s)
		}
	}
	have := make([]int, classes)
	left := budget
	var taken []Choice
	for len(open) > 0 {
		i := bestOf(open, have)
		s := open[i]
		open = slices.Delete(open, i, i+1)
		if budget > 0 && s.Bytes > left {
			out = append(out, Choice{Set: s, Why: fmt.Sprintf("%d bytes do not fit into the %d left of the budget", s.Bytes, left)})
			continue
		}
		taken = append(taken, Choice{Set: s, Taken: true, Why: reason(s, have)})
		left -= s.Bytes
		for c, k := range s.Counts {
			have[c] += k
		}
	}
	return append(taken, out...)
}

// barred says why a set is out of the question, or nothing.
func barred(s SetInfo, classes int, from []string) string {
	switch {
	case len(s.Counts) != classes:
		return "its announcement does not fit the task"
	case len(from) > 0 && !slices.ContainsFunc(s.Signers, func(id string) bool { return slices.Contains(from, id) }):
		return "not offered by a node named with --from"
	}
	return ""
}

// worthCounting is how many images of a class are valued; what comes after adds
// under one part in sixty.
const worthCounting = 64

func bestOf(open []SetInfo, have []int) int {
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

func reason(s SetInfo, have []int) string {
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

// heldSets lists the roots of a task's sets that are complete here, by CID.
func (n *Node) heldSets(ctx context.Context, task cid.Cid) ([]string, error) {
	pins, err := n.store.Pins(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, p := range pins {
		if p.Name == pinSet(task) {
			out = append(out, p.Root.String())
		}
	}
	slices.SortFunc(out, cmp.Compare)
	return out, nil
}
