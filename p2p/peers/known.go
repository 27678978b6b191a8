package peers

import (
	"cmp"
	"context"
	"maps"
	"net/netip"
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
	use  Use
}

// Use is what a peer was good for. Anybody can say hello, so peers that were of more use
// are kept longer.
type Use int

// The uses, from least to most.
const (
	NoUse      Use = iota
	SentRecord     // an announcement that was accepted
	SentBlocks     // of a set or model that was verified
	Stayed         // connected for StayedAfter
)

// StayedAfter is how long a peer is connected before it counts as one that stays.
const StayedAfter = 10 * time.Minute

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
	return k.keep(e)
}

// used notes what p was good for, when it is more than before.
func (k *known) used(p peer.ID, use Use, addrs []ma.Multiaddr, now time.Time) error {
	e, ok := k.peers[p]
	if use <= e.use || k.limit == 0 {
		return nil
	}
	if !ok {
		e = knownPeer{info: peer.AddrInfo{ID: p, Addrs: slices.Clone(addrs[:min(len(addrs), maxKnownAddrs)])}, seen: now}
	}
	e.use = use
	return k.keep(e)
}

// keep stores an entry, unless it is the first that has to go.
func (k *known) keep(e knownPeer) error {
	p := e.info.ID
	k.peers[p] = e
	k.evict(e)
	if _, ok := k.peers[p]; !ok {
		return nil
	}
	value, err := e.encode()
	if err != nil {
		return err
	}
	return k.ds.Put(context.Background(), datastore.NewKey(p.String()), value)
}

// perRange is how many peers of one range of public addresses are known that did not stay:
// a part of all.
func (k *known) perRange() int { return max(4, k.limit/8) }

// evict keeps the number of known peers within the limit, and that of the last one's
// range of addresses: the one of least use goes first, of those the one not met for the
// longest time.
func (k *known) evict(last knownPeer) {
	if r := last.addressRange(); r.IsValid() && last.use < Stayed {
		var same []knownPeer
		for _, e := range k.peers {
			if e.use < Stayed && e.addressRange() == r {
				same = append(same, e)
			}
		}
		if len(same) > k.perRange() {
			k.drop(slices.MinFunc(same, knownPeer.compare))
		}
	}
	if len(k.peers) > k.limit {
		k.drop(slices.MinFunc(slices.Collect(maps.Values(k.peers)), knownPeer.compare))
	}
}

// compare orders what goes first before what is kept longer.
func (p knownPeer) compare(other knownPeer) int {
	return cmp.Or(cmp.Compare(p.use, other.use), p.seen.Compare(other.seen))
}

// addressRange returns the range of the first public address; invalid when there is none.
func (p knownPeer) addressRange() netip.Prefix {
	for _, a := range p.info.Addrs {
		if r := RangeOf(a); r.IsValid() {
			return r
		}
	}
	return netip.Prefix{}
}

func (k *known) drop(e knownPeer) {
	delete(k.peers, e.info.ID)
	// An entry that stays in the datastore costs one dial after the next start.
	_ = k.ds.Delete(context.Background(), datastore.NewKey(e.info.ID.String()))
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
	m.Int("use", int64(p.use))
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
	p := knownPeer{info: peer.AddrInfo{ID: id}, seen: time.Unix(f.Int("seen"), 0),
		use: Use(min(max(f.Int("use"), 0), int64(Stayed)))}
	for _, b := range f.ByteStrings("addrs", maxKnownAddrs, maxAddrBytes) {
		a, err := ma.NewMultiaddrBytes(b)
		if err != nil {
			return knownPeer{}, err
		}
		p.info.Addrs = append(p.info.Addrs, a)
	}
	return p, f.Err()
}
