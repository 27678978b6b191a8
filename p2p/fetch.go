package p2p

import (
	"cmp"
	"context"
	"crypto/sha256"
	"slices"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/peers"
)

// maxFallbackPeers bounds the connected peers that are asked for content which nobody
// has announced.
const maxFallbackPeers = 16

// Fetch brings the DAG under root into the store: complete, verified and pinned,
// or not at all. Announced sizes are the default limits, and the announcers of the
// root are asked.
func (m *Mesh) Fetch(ctx context.Context, root cid.Cid, opt FetchOptions) (FetchResult, error) {
	ctx, cancel := m.bound(ctx)
	defer cancel()
	// Of several claims the largest is the limit and the smallest is reserved, so that
	// a false claim does not keep an honest copy out.
	largest, smallest := int64(0), int64(0)
	for _, r := range m.book.Live(announce.Query{Root: root}) {
		largest = max(largest, r.Bytes)
		if r.Bytes > 0 && (smallest == 0 || r.Bytes < smallest) {
			smallest = r.Bytes
		}
	}
	opt.MaxBytes = cmp.Or(opt.MaxBytes, largest)
	opt.Size = cmp.Or(opt.Size, smallest)
	got, err := m.exchange.Fetch(ctx, root, opt)
	if err == nil {
		for _, p := range got.Providers {
			m.used(p, peers.SentBlocks)
		}
	}
	return got, err
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

// providers finds peers that have content.
type providers struct {
	self peer.ID
	book interface {
		Live(announce.Query) []announce.Record
	}
	admits  func(peer.ID) error // nil for peers that may be asked
	network interface {
		connectedPeers() []peer.ID
		listenAddrs(p peer.ID) peer.AddrInfo
	}
}

// find returns the peers that announced content, best first, or else the fallback
// peers. It is the provider search of every fetch.
func (f *providers) find(_ context.Context, c cid.Cid) []peer.AddrInfo {
	records := slices.DeleteFunc(f.book.Live(announce.Query{Root: c}), func(r announce.Record) bool {
		return r.Signer == f.self || f.admits(r.Signer) != nil
	})
	if len(records) == 0 {
		return f.fallback()
	}
	slices.SortStableFunc(records, f.compare)
	var out []peer.AddrInfo
	for _, r := range records {
		if slices.ContainsFunc(out, func(p peer.AddrInfo) bool { return p.ID == r.Signer }) {
			continue
		}
		info := f.network.listenAddrs(r.Signer)
		info.Addrs = append(slices.Clone(r.Addrs), info.Addrs...)
		out = append(out, info)
	}
	return out
}

// compare orders providers: those who fetched the content before those who made it,
// which spares the edge's uplink; then by a hash that differs from node to node, so
// that not all nodes ask the same one first.
func (f *providers) compare(x, y announce.Record) int {
	if (x.Kind == announce.Have) != (y.Kind == announce.Have) {
		if x.Kind == announce.Have {
			return -1
		}
		return 1
	}
	return slices.Compare(f.rank(x), f.rank(y))
}

func (f *providers) rank(r announce.Record) []byte {
	h := sha256.New()
	h.Write([]byte(f.self))
	h.Write([]byte(r.Signer))
	h.Write(r.Root.Bytes())
	return h.Sum(nil)
}

// fallback returns connected peers to ask for what nobody announced.
func (f *providers) fallback() []peer.AddrInfo {
	var out []peer.AddrInfo
	for _, p := range f.network.connectedPeers() {
		if len(out) < maxFallbackPeers && f.admits(p) == nil {
			out = append(out, f.network.listenAddrs(p))
		}
	}
	return out
}
