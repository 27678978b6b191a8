package peers

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/distillmesh/distillmesh/p2p/wire"
)

// Limits of what is kept of one known peer.
const (
	maxKnownAddrs = 8
	maxAddrBytes  = 256
)

// known are the peers that this node met, in this run and earlier ones. It keeps
// them in a datastore by peer id. The caller locks.
type known struct {
	ds    datastore.Batching
	limit int
	peers map[peer.ID]knownPeer
}

// knownPeer is one of them.
type knownPeer struct {
	info peer.AddrInfo
	seen time.Time // last hello
}

func newKnown(ds datastore.Batching, limit int) known {
	return known{ds: ds, limit: limit, peers: map[peer.ID]knownPeer{}}
}

// load reads the datastore, and deletes what cannot be read or is not wanted.
func (k *known) load(ctx context.Context) error {
	results, err := k.ds.Query(ctx, query.Query{})
	if err != nil {
		return err
	}
	entries, err := results.Rest()
	if err != nil {
		return err
	}
	for _, e := range entries {
		key := datastore.RawKey(e.Key)
		p, err := decodeKnown(key.Name(), e.Value)
		if err != nil || k.limit == 0 {
			if err := k.ds.Delete(ctx, key); err != nil {
				return err
			}
			continue
		}
		k.peers[p.info.ID] = p
	}
	return nil
}

// put notes that p was met now, at addrs when any are known.
func (k *known) put(p peer.ID, addrs []ma.Multiaddr, now time.Time) error {
	if k.limit == 0 {
		return nil
	}
	e := k.peers[p]
	e.info.ID, e.seen = p, now
	if len(addrs) > 0 {
		e.info.Addrs = slices.Clone(addrs[:min(len(addrs), maxKnownAddrs)])
	}
	k.peers[p] = e
	k.evict()
	value, err := e.encode()
	if err != nil {
		return err
	}
	return k.ds.Put(context.Background(), datastore.NewKey(p.String()), value)
}

// evict keeps the number of known peers within the limit: the one not met for the
// longest time goes first.
func (k *known) evict() {
	if len(k.peers) <= k.limit {
		return
	}
	var oldest peer.ID
	for p, e := range k.peers {
		if oldest == "" || e.seen.Before(k.peers[oldest].seen) {
			oldest = p
		}
	}
	delete(k.peers, oldest)
	// An entry that stays in the datastore costs one dial after the next start.
	_ = k.ds.Delete(context.Background(), datastore.NewKey(oldest.String()))
}

func (k *known) list() []peer.AddrInfo {
	out := make([]peer.AddrInfo, 0, len(k.peers))
	for _, e := range k.peers {
		out = append(out, e.info)
	}
	slices.SortFunc(out, func(x, y peer.AddrInfo) int { return cmp.Compare(x.ID, y.ID) })
	return out
}

func (p knownPeer) encode() ([]byte, error) {
	addrs := make([][]byte, 0, maxKnownAddrs)
	for _, a := range p.info.Addrs {
		if b := a.Bytes(); len(b) <= maxAddrBytes && len(addrs) < maxKnownAddrs {
			addrs = append(addrs, b)
		}
	}
	var m wire.Map
	m.ByteStrings("addrs", addrs)
	m.Int("seen", p.seen.Unix())
	return m.Encode()
}

func decodeKnown(name string, value []byte) (knownPeer, error) {
	id, err := peer.Decode(name)
	if err != nil {
		return knownPeer{}, err
	}
	f, err := wire.Decode(value)
	if err != nil {
		return knownPeer{}, err
	}
	p := knownPeer{info: peer.AddrInfo{ID: id}, seen: time.Unix(f.Int("seen"), 0)}
	for _, b := range f.ByteStrings("addrs", maxKnownAddrs, maxAddrBytes) {
		a, err := ma.NewMultiaddrBytes(b)
		if err != nil {
			return knownPeer{}, err
		}
		p.info.Addrs = append(p.info.Addrs, a)
	}
	return p, f.Err()
}
