package node

import (
	"cmp"
	"context"
	"slices"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/node/state"
)

// judged remembers what a training found of the sets of its task.
func (n *Node) judged(_ context.Context, req operations.Judged, _ api.Report) (api.None, error) {
	by := func(list []operations.Quarantined) map[string]string {
		out := map[string]string{}
		for _, q := range list {
			out[q.CID] = q.Why
		}
		return out
	}
	return api.None{}, n.held.State.SetQuarantine(req.Task, state.Quarantine{Out: by(req.Quarantined),
		Marked: by(req.Marked)})
}

// judgedBefore adds to the reasons of choices what the last training found of the sets.
func (n *Node) judgedBefore(task cid.Cid, choices []operations.Choice) []operations.Choice {
	q := n.held.State.Quarantine(task.String())
	for i, c := range choices {
		if why, ok := q.Out[c.Set.CID]; ok {
			choices[i].Why += "; the last training left it out: " + why
		}
		if why, ok := q.Marked[c.Set.CID]; ok {
			choices[i].Why += "; not compared: " + why
		}
	}
	return choices
}

// quarantined lists the sets that trainings left out, in order of their CIDs.
func (n *Node) quarantined() (out []operations.Quarantined) {
	for _, q := range n.held.State.Quarantines() {
		for cid, why := range q.Out {
			out = append(out, operations.Quarantined{CID: cid, Why: why})
		}
	}
	slices.SortFunc(out, func(a, b operations.Quarantined) int { return cmp.Compare(a.CID, b.CID) })
	return out
}
