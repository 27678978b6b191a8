package p2p

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/distillmesh/distillmesh/p2p/wire"
)

// Limits of what is remembered of one peer.
const (
	maxKnownAddrs = 8
	maxAddrBytes  = 256
)

// dialTimeout bounds one attempt to reach a peer.
const dialTimeout = 15 * time.Second

// dialler keeps the node connected: it dials bootstrap peers and the peers of
// former days, and dials them again, ever more slowly, for as long as it runs.
// Giving up would let two halves of a mesh forget each other.
type dialler struct {
	m    *Mesh
	ds   datastore.Batching
	wake chan struct{}

	mu      sync.Mutex
	targets map[peer.ID]*target
}

// target is a peer to stay connected to.
type target struct {
	info      peer.AddrInfo
	bootstrap bool
	seen      time.Time // last hello; zero for a bootstrap peer never met
	next      time.Time // of the next attempt
	pause     time.Duration
	dialling  bool
	missed    bool // its failure was said since it was last met
}

func newDialler(ctx context.Context, m *Mesh, ds datastore.Batching) (*dialler, error) {
	d := &dialler{m: m, ds: ds, wake: make(chan struct{}, 1), targets: map[peer.ID]*target{}}
	if err := d.load(ctx); err != nil {
		return nil, fmt.Errorf("load known peers: %w", err)
	}
	for _, p := range append(slices.Clone(m.cfg.Bootstrap), m.cfg.Relays...) {
		if p.ID == m.host.ID() {
			m.log.Info("a bootstrap address names this node itself and is passed over; "+
				"where another device answers there, its home is a copy of this one", "addrs", p.Addrs)
			continue
		}
		d.targets[p.ID] = &target{info: p, bootstrap: true}
	}
	return d, nil
}

// load reads the peers of former runs; entries that make no sense are dropped.
func (d *dialler) load(ctx context.Context) error {
	results, err := d.ds.Query(ctx, query.Query{})
	if err != nil {
		return err
	}
	entries, err := results.Rest()
	if err != nil {
		return err
	}
	for _, e := range entries {
		key := datastore.RawKey(e.Key)
		t, err := decodeTarget(key.Name(), e.Value)
		if err != nil || d.m.cfg.KnownPeers == 0 {
			if err := d.ds.Delete(ctx, key); err != nil {
				return err
			}
			continue
		}
		d.targets[t.info.ID] = t
	}
	return nil
}

func (t *target) encode() ([]byte, error) {
	addrs := make([][]byte, 0, maxKnownAddrs)
	for _, a := range t.info.Addrs {
		if b := a.Bytes(); len(b) <= maxAddrBytes && len(addrs) < maxKnownAddrs {
			addrs = append(addrs, b)
		}
	}
	var m wire.Map
	m.ByteStrings("addrs", addrs)
	m.Int("seen", t.seen.Unix())
	return m.Encode()
}

func decodeTarget(name string, value []byte) (*target, error) {
	id, err := peer.Decode(name)
	if err != nil {
		return nil, err
	}
	f, err := wire.Decode(value)
	if err != nil {
		return nil, err
	}
	t := &target{info: peer.AddrInfo{ID: id}, seen: time.Unix(f.Int("seen"), 0)}
	for _, b := range f.ByteStrings("addrs", maxKnownAddrs, maxAddrBytes) {
		a, err := ma.NewMultiaddrBytes(b)
		if err != nil {
			return nil, err
		}
		t.info.Addrs = append(t.info.Addrs, a)
	}
	return t, f.Err()
}

// met remembers a peer whose hello went through.
func (d *dialler) met(p peer.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t, ok := d.targets[p]
	if !ok {
		if d.m.cfg.KnownPeers == 0 {
			return
		}
		t = &target{info: peer.AddrInfo{ID: p}}
		d.targets[p] = t
		d.forgetOldest()
	}
	t.seen, t.pause, t.missed = d.m.cfg.Now(), 0, false
	if addrs := d.addrsOf(p); len(addrs) > 0 && !t.bootstrap {
		t.info.Addrs = addrs
	}
	if err := d.save(t); err != nil {
		d.m.log.Warn("peer not remembered", "peer", p, "err", err)
	}
}

// addrsOf returns where p says it listens, or where it was dialled.
func (d *dialler) addrsOf(p peer.ID) []ma.Multiaddr {
	addrs := d.m.host.Peerstore().Addrs(p)
	for _, c := range d.m.host.Network().ConnsToPeer(p) {
		a := c.RemoteMultiaddr()
		if c.Stat().Direction == network.DirOutbound && !slices.ContainsFunc(addrs, a.Equal) {
			addrs = append([]ma.Multiaddr{a}, addrs...)
		}
	}
	return addrs[:min(len(addrs), maxKnownAddrs)]
}

func (d *dialler) save(t *target) error {
	if t.bootstrap || d.m.cfg.KnownPeers == 0 {
		return nil
	}
	value, err := t.encode()
	if err != nil {
		return err
	}
	return d.ds.Put(context.Background(), datastore.NewKey(t.info.ID.String()), value)
}

// forgetOldest keeps the number of remembered peers within the configuration.
func (d *dialler) forgetOldest() {
	known, oldest := 0, (*target)(nil)
	for _, t := range d.targets {
		if t.bootstrap {
			continue
		}
		known++
		if !t.seen.IsZero() && (oldest == nil || t.seen.Before(oldest.seen)) {
			oldest = t
		}
	}
	if known > d.m.cfg.KnownPeers && oldest != nil {
		delete(d.targets, oldest.info.ID)
		_ = d.ds.Delete(context.Background(), datastore.NewKey(oldest.info.ID.String()))
	}
}

// lost plans the first attempt to meet a peer again.
func (d *dialler) lost(p peer.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t, ok := d.targets[p]; ok {
		t.pause = d.m.cfg.Redial
		t.next = d.m.cfg.Now().Add(jitter(t.pause))
		d.rouse()
	}
}

func (d *dialler) rouse() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// jitter spreads a pause over half to one and a half of itself.
func jitter(d time.Duration) time.Duration { return d/2 + rand.N(d+1) }

// run dials what is due until the mesh closes.
func (d *dialler) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-d.m.ctx.Done():
			return
		case <-d.wake:
		case <-timer.C:
		}
		timer.Reset(d.round())
	}
}

// round starts the attempts that are due and returns the time to wait for the next.
func (d *dialler) round() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	now, wait := d.m.cfg.Now(), d.m.cfg.RedialMax
	room := d.m.cfg.Profile.limits().low - len(d.m.host.Network().Peers())
	for p, t := range d.targets {
		if t.dialling || d.m.host.Network().Connectedness(p) == network.Connected {
			continue
		}
		if !t.next.After(now) {
			t.pause = min(max(2*t.pause, d.m.cfg.Redial), d.m.cfg.RedialMax)
			t.next = now.Add(jitter(t.pause))
			if t.bootstrap || room > 0 {
				room--
				t.dialling = true
				d.m.spawn(func() { d.dial(t) })
			}
		}
		wait = min(wait, t.next.Sub(now))
	}
	return max(wait, 0)
}

// dial makes one attempt. The hello follows from the connection itself.
func (d *dialler) dial(t *target) {
	ctx, cancel := context.WithTimeout(d.m.ctx, dialTimeout)
	defer cancel()
	d.m.clearBackoff(t.info.ID)
	err := d.m.host.Connect(ctx, t.info)
	d.mu.Lock()
	defer d.mu.Unlock()
	t.dialling = false
	switch {
	case err == nil || d.m.ctx.Err() != nil:
	case t.bootstrap && !t.missed: // asked for by name
		t.missed = true
		d.m.log.Warn("bootstrap peer not reached, trying again now and then", "peer", t.info.ID, "addrs", t.info.Addrs, "err", err)
	default:
		d.m.log.Debug("peer not reached", "peer", t.info.ID, "err", err)
	}
}

// Connect dials an address ending in /p2p/ID and returns once the hello went
// through. Errors: *RefusedError with the reason, or ErrUnreachable.
func (m *Mesh) Connect(ctx context.Context, addr ma.Multiaddr) error {
	info, err := peer.AddrInfoFromP2pAddr(addr)
	if err != nil {
		return fmt.Errorf("connect to %s: address must end in /p2p/ID: %w", addr, err)
	}
	if err := m.check(ctx); err != nil {
		return fmt.Errorf("connect to %s: %w", addr, err)
	}
	m.peers.pardon(info.ID)
	m.clearBackoff(info.ID)
	return m.meet(ctx, *info)
}

// clearBackoff lets a dial go out now. The library keeps pauses of its own after
// failures, in which attempts fail without being made; ours are the ones that count.
func (m *Mesh) clearBackoff(p peer.ID) {
	if s, ok := m.host.Network().(interface{ Backoff() *swarm.DialBackoff }); ok {
		s.Backoff().Clear(p)
	}
}

// meet connects to a peer and waits for its hello.
func (m *Mesh) meet(ctx context.Context, info peer.AddrInfo) error {
	if info.ID == m.host.ID() {
		return fmt.Errorf("connect to %s: %w: that is this node itself", info.ID, ErrUnreachable)
	}
	m.host.Peerstore().AddAddrs(info.ID, info.Addrs, peerstore.TempAddrTTL)
	if err := m.host.Connect(ctx, info); err != nil {
		return fmt.Errorf("connect to %s: %w: %w", info.ID, ErrUnreachable, err)
	}
	return m.greet(ctx, info.ID)
}
