package node

import (
	"maps"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/distillmesh/distillmesh/node/state"
	"github.com/distillmesh/distillmesh/p2p/ledger"
)

// trafficEvery is the time between two records of the bytes that moved.
const trafficEvery = 5 * time.Minute

// traffic is the part of the byte counts that recordTraffic has already recorded.
type traffic struct {
	sync.Mutex
	byProtocol map[protocol.ID]ledger.Count
	total      ledger.Count
}

// saveTraffic writes the byte counts to disk from time to time, until the node closes.
func (n *Node) saveTraffic() {
	tick := time.NewTicker(trafficEvery)
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

// recordTraffic adds what moved since the last call to the node's state.
func (n *Node) recordTraffic() {
	if n.mesh == nil {
		return
	}
	now, total := n.mesh.Ledger().ByProtocol(), n.mesh.Ledger().Totals()
	n.moved.Lock()
	defer n.moved.Unlock()
	more, ok := n.moved.since(now, total)
	if !ok {
		return
	}
	if err := n.held.State.AddTraffic(more); err != nil {
		n.log.Warn("cannot keep the byte counts", "error", err)
		return
	}
	n.moved.byProtocol, n.moved.total = maps.Clone(now), total
}

// since is the traffic that is not yet recorded; ok is false when there is none.
func (t *traffic) since(now map[protocol.ID]ledger.Count, total ledger.Count) (more state.Traffic, ok bool) {
	if total == t.total {
		return more, false
	}
	more = state.Traffic{In: total.In - t.total.In, Out: total.Out - t.total.Out, ByProtocol: map[string]state.Moved{}}
	for p, c := range now {
		before := t.byProtocol[p]
		more.ByProtocol[string(p)] = state.Moved{In: c.In - before.In, Out: c.Out - before.Out}
	}
	return more, true
}
