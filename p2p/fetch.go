package p2p

import (
	"cmp"
	"context"
	"crypto/sha256"
	"slices"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/distillmesh/distillmesh/p2p/announce"
)

// maxStrangers bounds the connected peers that are asked for content which nobody
// has announced.
const maxStrangers = 16

// Fetch brings the DAG under root into the store: complete, verified and pinned,
// or not at all. Announced sizes are the default limits, and whoever announced
// the root is asked.
func (m *Mesh) Fetch(ctx context.Context, root cid.Cid, opt FetchOptions) (FetchResult, error) {
	ctx, cancel := m.bound(ctx)
	defer cancel()
	// Of several claims the largest limits and the smallest reserves: neither lie
	// keeps an honest copy out.
	largest, smallest := int64(0), int64(0)
	for _, r := range m.book.Live(announce.Query{Root: root}) {
		largest = max(largest, r.Bytes)
		if r.Bytes > 0 && (smallest == 0 || r.Bytes < smallest) {
			smallest = r.Bytes
		}
	}
	opt.MaxBytes = cmp.Or(opt.MaxBytes, largest)
	opt.Size = cmp.Or(opt.Size, smallest)
	return m.exchange.Fetch(ctx, root, opt)
}

// FetchRaw returns one block of at most max bytes, from the store or from peers.
func (m *Mesh) FetchRaw(ctx context.Context, c cid.Cid, max int64) ([]byte, error) {
	ctx, cancel := m.bound(ctx)
	defer cancel()
	return m.exchange.FetchRaw(ctx, c, max)
}

// bound ends ctx with the mesh.
func (m *Mesh) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(m.ctx, func() { cancel(ErrClosed) })
	return ctx, func() { stop(); cancel(nil) }
}

// mayFetch is who is served: everyone but peers that do not belong here.
func (m *Mesh) mayFetch(p peer.ID, _ cid.Cid) bool { return !m.peers.refused(p) }

// providers returns who has announced content, best first, or else the connected
// peers. It is the provider search of every fetch.
func (m *Mesh) providers(_ context.Context, c cid.Cid) []peer.AddrInfo {
	records := m.book.Live(announce.Query{Root: c})
	records = slices.DeleteFunc(records, func(r announce.Record) bool { return r.Signer == m.host.ID() || m.peers.refused(r.Signer) })
	if len(records) == 0 {
		return m.strangers()
	}
	slices.SortStableFunc(records, m.preferred)
	var out []peer.AddrInfo
	for _, r := range records {
		if !slices.ContainsFunc(out, func(p peer.AddrInfo) bool { return p.ID == r.Signer }) {
			out = append(out, peer.AddrInfo{ID: r.Signer, Addrs: append(r.Addrs[:len(r.Addrs):len(r.Addrs)], m.host.Peerstore().Addrs(r.Signer)...)})
		}
	}
	return out
}

// preferred orders providers: those who fetched before those who made it, which
// spares the edge's uplink; then the faster; then by a hash that differs from node
// to node, so that not all nodes ask the same one.
func (m *Mesh) preferred(x, y announce.Record) int {
	if (x.Kind == announce.Have) != (y.Kind == announce.Have) {
		if x.Kind == announce.Have {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(y.Uplink, x.Uplink), slices.Compare(m.rank(x), m.rank(y)))
}

func (m *Mesh) rank(r announce.Record) []byte {
	h := sha256.New()
	h.Write([]byte(m.host.ID()))
	h.Write([]byte(r.Signer))
	h.Write(r.Root.Bytes())
	return h.Sum(nil)
}

// strangers returns connected peers to ask for what nobody announced.
func (m *Mesh) strangers() []peer.AddrInfo {
	var out []peer.AddrInfo
	for _, p := range m.host.Network().Peers() {
		if len(out) < maxStrangers && !m.peers.refused(p) {
			out = append(out, peer.AddrInfo{ID: p, Addrs: m.host.Peerstore().Addrs(p)})
		}
	}
	return out
}

// settling is how long two nodes that have just met may miss each other's gossip:
// what one of them forwards before the next heartbeats goes to its old neighbours.
const settling = 3 * time.Second

// learnFrom catches up with p on topics, and once more when gossip between the
// two has settled. What fails now is made good when peers meet again, or by the
// next announcement.
func (m *Mesh) learnFrom(p peer.ID, topics []cid.Cid) {
	m.learnOnce(p, topics)
	select {
	case <-time.After(settling):
		m.learnOnce(p, topics)
	case <-m.ctx.Done():
	}
}

func (m *Mesh) learnOnce(p peer.ID, topics []cid.Cid) {
	if m.host.Network().Connectedness(p) != network.Connected {
		return
	}
	n, err := m.catchUp(m.ctx, p, topics)
	if err != nil && m.ctx.Err() == nil {
		m.log.Debug("catch-up failed", "peer", p, "err", err)
	}
	if n > 0 {
		m.log.Debug("caught up", "peer", p, "announcements", n)
	}
}

// learnTries is how often Learn asks a peer that is busy answering us already.
const learnTries = 4

// Learn asks all connected peers what they know of topics, joined or not (Undef
// is the mesh's own, on which tasks are announced), and returns when all have
// answered or ctx ends. What it learns is in the book.
func (m *Mesh) Learn(ctx context.Context, topics ...cid.Cid) {
	var asked sync.WaitGroup
	for _, p := range m.peers.welcome() {
		asked.Go(func() {
			for try := range learnTries {
				_, err := m.catchUp(ctx, p, topics)
				if err == nil || ctx.Err() != nil {
					return
				}
				m.log.Debug("peer did not answer", "peer", p, "err", err)
				select {
				case <-time.After(time.Duration(try+1) * 200 * time.Millisecond):
				case <-ctx.Done():
					return
				}
			}
		})
	}
	asked.Wait()
}
