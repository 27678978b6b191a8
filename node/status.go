package node

import (
	"context"
	"strings"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/p2p"
	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/train/model"
)

func (n *Node) status(ctx context.Context, _ api.None, _ api.Report) (operations.StatusInfo, error) {
	sets, models, err := n.held.Count(ctx)
	if err != nil {
		return operations.StatusInfo{}, err
	}
	use := n.held.Blocks.Usage()
	s := operations.StatusInfo{
		ID: n.id.String(), Home: n.home.Path, Running: n.mesh != nil, Role: n.role, Mesh: n.config.Mesh.Name,
		Version: Version, Addrs: n.Addrs(), Tasks: len(n.held.State.Tasks()), Sets: sets, Models: models,
		Announced: n.held.Book.Count(announce.Query{}), StoreBytes: use.Bytes, QuotaBytes: use.QuotaBytes,
		Quarantined: n.quarantined(), Problems: n.problems(),
	}
	if n.mesh != nil {
		s.Uptime = time.Since(n.start).Seconds()
		for _, p := range n.mesh.Peers() {
			if p.Refused == "" {
				s.Peers++
			}
		}
	}
	return s, nil
}

func (n *Node) peers(_ context.Context, _ api.None, _ api.Report) ([]operations.PeerInfo, error) {
	if n.mesh == nil {
		return nil, needsMesh("listing peers")
	}
	out := []operations.PeerInfo{}
	moved := n.mesh.Ledger().ByPeer()
	for _, p := range n.mesh.Peers() {
		info := operations.PeerInfo{ID: p.ID.String(), Role: p.Role, Agent: p.Agent, Addrs: []string{},
			Direction: strings.ToLower(p.Direction.String()),
			LatencyMS: float64(p.Latency.Microseconds()) / 1000, Tasks: len(p.Tasks), Refused: p.Refused,
			In: moved[p.ID].In, Out: moved[p.ID].Out}
		if p.Skew != (p2p.Skew{}) {
			info.ClockAhead, info.Clock = p.Skew.Ahead.Seconds(), p.Skew.String()
		}
		if !p.Since.IsZero() {
			info.Seconds = time.Since(p.Since).Seconds()
		}
		for _, a := range p.Addrs {
			info.Addrs = append(info.Addrs, a.String())
		}
		out = append(out, info)
	}
	return out, nil
}

func (n *Node) cost(ctx context.Context, req operations.CostRequest, _ api.Report) (operations.CostInfo, error) {
	n.recordTraffic()
	t := n.held.State.Traffic()
	out := operations.CostInfo{In: t.In, Out: t.Out, ByProtocol: t.ByProtocol}
	if req.Task == "" {
		return out, nil
	}
	c, task, err := n.known.FindTask(ctx, req.Task)
	if err != nil {
		return out, err
	}
	spec, err := model.Parse(req.Model, task.Shape, len(task.Classes))
	if err != nil {
		return out, api.Fail(api.CodeUsage, "choose "+model.Names+" with --model", "%w", err)
	}
	signers := map[string]bool{}
	counted := map[cid.Cid]bool{}
	for _, claim := range n.known.Claims(ctx, announce.Query{Task: c, Subject: announce.SubjectSet,
		Kinds: []announce.Kind{announce.Offer}}) {
		signers[claim.Signer.String()] = true
		if !counted[claim.Root] { // of several sizes that are claimed, the first
			counted[claim.Root] = true
			out.SetBytes += min(claim.Bytes, int64(n.config.Trainer.MaxSetSize))
		}
	}
	out.Task, out.Clients, out.Model, out.Parameters = c.String(), len(signers), req.Model, spec.NumParams()
	if spec.NumParams() > 0 {
		f := operations.FedAvg(spec.NumParams(), out.Clients)
		out.FedAvg = &f
	}
	return out, nil
}
