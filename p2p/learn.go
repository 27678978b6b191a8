package p2p

import (
	"context"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
)

// settling is how long two nodes that have just met may miss each other's gossip:
// until the next heartbeats, each forwards only to its other neighbors.
const settling = 3 * time.Second

// learnFrom catches up with p on topics, and once more when gossip between the two
// has settled. A failure is repaired when the peers connect again, or by the next
// announcement.
func (m *Mesh) learnFrom(p peer.ID, topics []cid.Cid) {
	m.learnOnce(p, topics)
	select {
	case <-time.After(settling):
		m.learnOnce(p, topics)
	case <-m.ctx.Done():
	}
}

func (m *Mesh) learnOnce(p peer.ID, topics []cid.Cid) {
	if !m.host.Connected(p) {
		return
	}
	n, err := m.catchup.Ask(m.ctx, p, topics)
	if err != nil && m.ctx.Err() == nil {
		m.log.Debug("catch-up failed", "peer", p, "err", err)
	}
	if n > 0 {
		m.log.Debug("caught up", "peer", p, "announcements", n)
	}
}

// learnTries is how often Learn asks a peer, which may be busy answering another
// request of ours.
const learnTries = 4

// learnPatience is how long Learn waits for other peers, at least, once one has answered: any peer may
// keep silent. It waits for as long again as the first one took.
const learnPatience = 500 * time.Millisecond

// Learn asks all connected peers for the records of topics, joined or not (Undef is
// the mesh's own, on which tasks are announced), and returns when all have answered,
// when some keep silent for longer than others, or ctx ends. What it learns is in the book.
func (m *Mesh) Learn(ctx context.Context, topics ...cid.Cid) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	query, err := m.catchup.Prepare(topics)
	if err != nil {
		m.log.Warn("cannot ask what others announce", "err", err)
		return
	}
	var asked sync.WaitGroup
	var first sync.Once
	began := time.Now()
	for _, p := range m.table.Met() {
		asked.Go(func() {
			ask := func() (int, error) { return m.catchup.AskFor(ctx, p, query) }
			pauses := &backoff.ExponentialBackOff{
				InitialInterval: 200 * time.Millisecond, Multiplier: 2, MaxInterval: time.Second,
			}
			if _, err := backoff.Retry(ctx, ask, backoff.WithMaxTries(learnTries), backoff.WithBackOff(pauses)); err != nil {
				m.log.Debug("peer did not answer", "peer", p, "err", err)
				return
			}
			first.Do(func() {
				timer := time.AfterFunc(max(learnPatience, time.Since(began)), cancel)
				context.AfterFunc(ctx, func() { timer.Stop() })
			})
		})
	}
	asked.Wait()
}

// watchCopies catches up with one peer after another until the mesh closes. Gossip
// never delivers a node what its own key signed, so this alone shows what a second
// node with the key announces.
func (m *Mesh) watchCopies() {
	tick := time.NewTicker(m.cfg.AnnounceMax)
	defer tick.Stop()
	for turn := 0; ; turn++ {
		select {
		case <-m.ctx.Done():
			return
		case <-tick.C:
		}
		if peers := m.table.Met(); len(peers) > 0 {
			m.learnOnce(peers[turn%len(peers)], m.topics())
		}
	}
}
