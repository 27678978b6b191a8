package node

import (
	"context"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/gather"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/node/selection"
)

func (n *Node) gather(ctx context.Context, req operations.GatherRequest, report api.Report) (operations.Gathered,
	error) {
	task, t, err := n.known.FindTask(ctx, req.Task)
	if err != nil {
		return operations.Gathered{}, err
	}
	if n.mesh != nil {
		if err := n.mesh.Join(ctx, task); err != nil {
			return operations.Gathered{}, err
		}
		n.known.Refresh(ctx, task)
	}
	from, err := parsePeers(req.From)
	if err != nil {
		return operations.Gathered{}, err
	}
	all, err := n.known.Sets(ctx, task)
	if err != nil {
		return operations.Gathered{}, err
	}
	want := selection.Request{Classes: len(t.Classes), Budget: req.BudgetBytes, From: req.From, Known: n.proven,
		MinScore: req.MinScore, ByScore: req.ByScore, Failed: n.known.Failed(), Self: n.id.String()}
	if req.Explain {
		return operations.Gathered{Task: task.String(), Sets: []string{},
			Choices: n.judgedBefore(task, selection.Choose(all, want))}, nil
	}
	fetch := func(ctx context.Context, set string, report api.Report, complete func()) (operations.Fetched, error) {
		root, err := cid.Decode(set)
		if err != nil {
			return operations.Fetched{}, err
		}
		return n.fetchRoot(ctx, root, wish{from, report, complete})
	}
	out, err := gather.Run(ctx, all, gather.Options{Want: want, Fetch: fetch, Report: report})
	out.Task, out.Choices = task.String(), n.judgedBefore(task, out.Choices)
	return out, err
}

func parsePeers(ids []string) ([]peer.ID, error) {
	var out []peer.ID
	for _, s := range ids {
		id, err := peer.Decode(s)
		if err != nil {
			return nil, api.Fail(api.CodeUsage, "'distillmesh ls --remote --json' shows the signers' whole ids",
				"node id %q: %w", s, err)
		}
		out = append(out, id)
	}
	return out, nil
}
