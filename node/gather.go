package node

import (
	"context"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/distillmesh/distillmesh/node/api"
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
	out := operations.Gathered{Task: task.String(), Sets: []string{},
		Choices: selection.Choose(all, len(t.Classes), req.BudgetBytes, req.From)}
	if req.Explain {
		return out, nil
	}
	err = n.fetchChosen(ctx, &out, from, report)
	return out, err
}

// fetchChosen fetches the chosen sets, one after the other.
func (n *Node) fetchChosen(ctx context.Context, out *operations.Gathered, from []peer.ID, report api.Report) error {
	chosen, failed, first := 0, 0, ""
	for _, c := range out.Choices {
		if c.Taken {
			chosen++
		}
	}
	for i := range out.Choices {
		c := &out.Choices[i]
		if !c.Taken {
			continue
		}
		report.Say(api.Progress{Stage: "gather", Done: int64(len(out.Sets)), Total: int64(chosen), Unit: "sets"})
		err := n.fetchChoice(ctx, c.Set.CID, from, out, report)
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.Error = err.Error()
		if failed++; failed == 1 {
			first = c.Error
		}
	}
	if failed > 0 {
		return api.Fail(api.CodePartly, "run it again to resume; 'distillmesh peers' shows who is connected",
			"%d of %d sets could not be fetched: %s", failed, chosen, first)
	}
	return nil
}

func (n *Node) fetchChoice(ctx context.Context, set string, from []peer.ID, out *operations.Gathered,
	report api.Report) error {
	root, err := cid.Decode(set)
	if err != nil {
		return err
	}
	got, err := n.fetchRoot(ctx, root, from, report)
	if err != nil {
		return err
	}
	out.Sets = append(out.Sets, set)
	out.Bytes += got.Bytes
	out.Fetched += got.Fetched
	return nil
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
