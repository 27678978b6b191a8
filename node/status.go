package node

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/distillmesh/distillmesh/p2p"
	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/train/model"
)

// StatusInfo is one screen about a node.
type StatusInfo struct {
	ID         string   `json:"id"`
	Home       string   `json:"home"`
	Running    bool     `json:"running"`
	Role       string   `json:"role"`
	Mesh       string   `json:"mesh"`
	Version    string   `json:"version"`
	Uptime     float64  `json:"uptime_seconds"`
	Addrs      []string `json:"addrs"`
	Peers      int      `json:"peers"`
	Tasks      int      `json:"tasks"` // taken part in
	Sets       int      `json:"sets"`  // here
	Models     int      `json:"models"`
	Announced  int      `json:"announced"` // live announcements known
	StoreBytes int64    `json:"store_bytes"`
	QuotaBytes int64    `json:"quota_bytes"`
	// Problems are what is wrong with this node or its surroundings.
	Problems []Problem `json:"problems"`
}

// Status describes the node.
var Status = newOp("status", func(n *Node, ctx context.Context, _ None, _ Report) (StatusInfo, error) {
	pins, err := n.store.Pins(ctx)
	if err != nil {
		return StatusInfo{}, err
	}
	use := n.store.Usage()
	s := StatusInfo{
		ID: n.id.String(), Home: n.home.Path, Running: n.mesh != nil, Role: n.role, Mesh: n.config.Mesh.Name, Version: Version,
		Addrs: n.Addrs(), Tasks: len(n.notes.taskCIDs()), Announced: len(n.book.Live(announce.Query{})),
		StoreBytes: use.Bytes, QuotaBytes: use.QuotaBytes, Problems: n.problems(),
	}
	for _, p := range pins {
		switch {
		case strings.HasPrefix(p.Name, "set/"):
			s.Sets++
		case strings.HasPrefix(p.Name, "model/"):
			s.Models++
		}
	}
	if n.mesh != nil {
		s.Uptime = n.now().Sub(n.start).Seconds()
		for _, p := range n.mesh.Peers() {
			if p.Refused == "" {
				s.Peers++
			}
		}
	}
	return s, nil
})

// PeerInfo is one peer as lists show it.
type PeerInfo struct {
	ID        string   `json:"id"`
	Role      string   `json:"role"`
	Agent     string   `json:"agent"`
	Addrs     []string `json:"addrs"`
	Direction string   `json:"direction"`
	LatencyMS float64  `json:"latency_ms"`
	Seconds   float64  `json:"connected_seconds"`
	Tasks     int      `json:"tasks"`
	In        int64    `json:"in"` // bytes received from it since this node started
	Out       int64    `json:"out"`
	Refused   string   `json:"refused,omitempty"` // why, when it is not connected
	// ClockAhead is how far its clock is ahead of this device's, negative when
	// behind, from ten minutes on.
	ClockAhead float64 `json:"clock_ahead_seconds,omitempty"`
	Clock      string  `json:"clock,omitempty"` // the same in words
}

// Peers lists connected peers, and those refused lately with the reason.
var Peers = newOp("peers", func(n *Node, _ context.Context, _ None, _ Report) ([]PeerInfo, error) {
	if n.mesh == nil {
		return nil, NeedsMesh("listing peers")
	}
	out := []PeerInfo{}
	moved := n.mesh.Ledger().ByPeer()
	for _, p := range n.mesh.Peers() {
		info := PeerInfo{ID: p.ID.String(), Role: p.Role, Agent: p.Agent, Addrs: []string{}, Direction: strings.ToLower(p.Direction.String()),
			LatencyMS: float64(p.Latency.Microseconds()) / 1000, Tasks: len(p.Tasks), Refused: p.Refused,
			In: moved[p.ID].In, Out: moved[p.ID].Out}
		if p.Skew != (p2p.Skew{}) {
			info.ClockAhead, info.Clock = p.Skew.Ahead.Seconds(), p.Skew.String()
		}
		if !p.Since.IsZero() {
			info.Seconds = n.now().Sub(p.Since).Seconds()
		}
		for _, a := range p.Addrs {
			info.Addrs = append(info.Addrs, a.String())
		}
		out = append(out, info)
	}
	return out, nil
})

// FedAvgBytes is what one-shot FedAvg would move for the same network: every
// client downloads and uploads all parameters as float32 once.
type FedAvgBytes struct {
	Up   int64 `json:"up"`
	Down int64 `json:"down"`
}

// FedAvg counts the bytes of one-shot FedAvg.
func FedAvg(parameters, clients int) FedAvgBytes {
	b := int64(parameters) * 4 * int64(clients)
	return FedAvgBytes{Up: b, Down: b}
}

// CostRequest asks what FedAvg on a model would have moved.
type CostRequest struct {
	Task  string `json:"task,omitempty"`
	Model string `json:"model"`
}

// CostInfo is what moved over the mesh, and what FedAvg would have moved.
type CostInfo struct {
	In         int64            `json:"in"`
	Out        int64            `json:"out"`
	ByProtocol map[string]Moved `json:"by_protocol"`
	Task       string           `json:"task,omitempty"`
	SetBytes   int64            `json:"set_bytes"` // of all announced sets of the task
	Clients    int              `json:"clients"`   // who offer them
	Model      string           `json:"model,omitempty"`
	Parameters int              `json:"parameters,omitempty"`
	FedAvg     *FedAvgBytes     `json:"fedavg_one_shot,omitempty"`
}

// Cost counts bytes over all runs of this home.
var Cost = newOp("cost", func(n *Node, ctx context.Context, req CostRequest, _ Report) (CostInfo, error) {
	n.recordTraffic()
	t := n.notes.traffic()
	out := CostInfo{In: t.In, Out: t.Out, ByProtocol: t.ByProtocol}
	if req.Task == "" {
		return out, nil
	}
	c, task, err := n.resolveTask(ctx, req.Task)
	if err != nil {
		return out, err
	}
	spec, err := model.Parse(req.Model, task.Shape, len(task.Classes))
	if err != nil {
		return out, Fail(CodeUsage, "choose "+model.Names+" with --model", "%w", err)
	}
	signers := map[string]bool{}
	for _, r := range n.book.Live(announce.Query{Task: c, Subject: announce.SubjectSet, Kinds: []announce.Kind{announce.Offer}}) {
		signers[r.Signer.String()] = true
		out.SetBytes += r.Bytes
	}
	out.Task, out.Clients, out.Model, out.Parameters = c.String(), len(signers), req.Model, spec.NumParams()
	if spec.NumParams() > 0 {
		f := FedAvg(spec.NumParams(), out.Clients)
		out.FedAvg = &f
	}
	return out, nil
})

// saveTraffic keeps the byte counts on disk from time to time.
func (n *Node) saveTraffic() {
	tick := time.NewTicker(5 * time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-tick.C:
			n.recordTraffic()
		}
	}
}

// recordTraffic adds what moved since the last call to the notes.
func (n *Node) recordTraffic() {
	if n.mesh == nil {
		return
	}
	now := n.mesh.Ledger().ByProtocol()
	total := n.mesh.Ledger().Totals()
	n.traffic.Lock()
	defer n.traffic.Unlock()
	before, last := n.traffic.byProtocol, n.traffic.total
	if total == last {
		return
	}
	err := n.notes.change(func(all *notes) {
		all.Traffic.In += total.In - last.In
		all.Traffic.Out += total.Out - last.Out
		if all.Traffic.ByProtocol == nil {
			all.Traffic.ByProtocol = map[string]Moved{}
		}
		for p, c := range now {
			m := all.Traffic.ByProtocol[string(p)]
			m.In += c.In - before[p].In
			m.Out += c.Out - before[p].Out
			all.Traffic.ByProtocol[string(p)] = m
		}
	})
	if err != nil {
		n.log.Warn("cannot keep the byte counts", "error", err)
		return
	}
	n.traffic.byProtocol, n.traffic.total = maps.Clone(now), total
}

// Protocols lists the protocols of a cost by bytes, largest first.
func (c CostInfo) Protocols() []string {
	return slices.SortedFunc(maps.Keys(c.ByProtocol), func(a, b string) int {
		x, y := c.ByProtocol[a], c.ByProtocol[b]
		return cmp.Or(cmp.Compare(y.In+y.Out, x.In+x.Out), strings.Compare(a, b))
	})
}
