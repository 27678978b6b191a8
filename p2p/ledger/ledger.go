// Package ledger counts the bytes that streams moved, by peer and by protocol,
// as libp2p's own bandwidth reporter sees them: what was written to and read from
// streams, protocol negotiation included, framing and encryption below not.
package ledger

import (
	"maps"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/metrics"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// maxPeers bounds the peers counted one by one; those met later share one row.
const maxPeers = 4096

// maxProtocols bounds the protocols counted one by one, since peers name them.
const maxProtocols = 256

// Others is the row of peers beyond the first 4096.
const Others = peer.ID("")

// Negotiation is the row of bytes that moved before a stream had a protocol, and
// of protocols beyond the first 256.
const Negotiation = protocol.ID("")

// Count is bytes in both directions, seen from this node.
type Count struct {
	In  int64 `json:"in"`
	Out int64 `json:"out"`
}

func (c *Count) add(in, out int64) { c.In += in; c.Out += out }

// Ledger implements libp2p's metrics.Reporter without clocks and goroutines: it
// keeps totals, no rates. The zero value is not usable; call New.
type Ledger struct {
	mu         sync.Mutex
	total      Count
	byPeer     map[peer.ID]*Count
	byProtocol map[protocol.ID]*Count
}

var _ metrics.Reporter = (*Ledger)(nil)

// New returns an empty ledger.
func New() *Ledger {
	return &Ledger{byPeer: map[peer.ID]*Count{}, byProtocol: map[protocol.ID]*Count{}}
}

// Totals returns the bytes of all streams.
func (l *Ledger) Totals() Count {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total
}

// ByPeer returns the bytes exchanged with each peer.
func (l *Ledger) ByPeer() map[peer.ID]Count { return snapshot(l, l.byPeer) }

// ByProtocol returns the bytes of each protocol.
func (l *Ledger) ByProtocol() map[protocol.ID]Count { return snapshot(l, l.byProtocol) }

func snapshot[K comparable](l *Ledger, rows map[K]*Count) map[K]Count {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make(map[K]Count, len(rows))
	for k, c := range maps.All(rows) {
		out[k] = *c
	}
	return out
}

// row returns the count of k, or the shared row once limit rows exist.
func row[K comparable](rows map[K]*Count, k, shared K, limit int) *Count {
	c, ok := rows[k]
	if !ok && len(rows) >= limit {
		k = shared
		c, ok = rows[k]
	}
	if !ok {
		c = &Count{}
		rows[k] = c
	}
	return c
}

func (l *Ledger) log(in, out int64, proto protocol.ID, p peer.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	row(l.byPeer, p, Others, maxPeers).add(in, out)
	row(l.byProtocol, proto, Negotiation, maxProtocols).add(in, out)
}

// LogSentMessage implements metrics.Reporter.
func (l *Ledger) LogSentMessage(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total.Out += n
}

// LogRecvMessage implements metrics.Reporter.
func (l *Ledger) LogRecvMessage(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total.In += n
}

// LogSentMessageStream implements metrics.Reporter.
func (l *Ledger) LogSentMessageStream(n int64, proto protocol.ID, p peer.ID) { l.log(0, n, proto, p) }

// LogRecvMessageStream implements metrics.Reporter.
func (l *Ledger) LogRecvMessageStream(n int64, proto protocol.ID, p peer.ID) { l.log(n, 0, proto, p) }

func (c Count) stats() metrics.Stats { return metrics.Stats{TotalIn: c.In, TotalOut: c.Out} }

// GetBandwidthForPeer implements metrics.Reporter; rates are always 0.
func (l *Ledger) GetBandwidthForPeer(p peer.ID) metrics.Stats { return l.ByPeer()[p].stats() }

// GetBandwidthForProtocol implements metrics.Reporter; rates are always 0.
func (l *Ledger) GetBandwidthForProtocol(p protocol.ID) metrics.Stats {
	return l.ByProtocol()[p].stats()
}

// GetBandwidthTotals implements metrics.Reporter; rates are always 0.
func (l *Ledger) GetBandwidthTotals() metrics.Stats { return l.Totals().stats() }

// GetBandwidthByPeer implements metrics.Reporter; rates are always 0.
func (l *Ledger) GetBandwidthByPeer() map[peer.ID]metrics.Stats { return toStats(l.ByPeer()) }

// GetBandwidthByProtocol implements metrics.Reporter; rates are always 0.
func (l *Ledger) GetBandwidthByProtocol() map[protocol.ID]metrics.Stats {
	return toStats(l.ByProtocol())
}

func toStats[K comparable](rows map[K]Count) map[K]metrics.Stats {
	out := make(map[K]metrics.Stats, len(rows))
	for k, c := range rows {
		out[k] = c.stats()
	}
	return out
}

// Reset implements metrics.Reporter: all counts start again at 0.
func (l *Ledger) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total = Count{}
	clear(l.byPeer)
	clear(l.byProtocol)
}

// TrimIdle implements metrics.Reporter. It does nothing: totals never go idle.
func (l *Ledger) TrimIdle(time.Time) {}
