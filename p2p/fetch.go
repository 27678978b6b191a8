package p2p

import (
	"cmp"
	"context"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/peers"
)

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
			m.providers.sent(p)
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
