package peers

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/distillmesh/distillmesh/p2p/rounds"
)

// DialTimeout bounds one attempt to reach a peer.
const DialTimeout = 15 * time.Second

// Network is what a Dialer needs of the network.
type Network interface {
	Dial(ctx context.Context, p peer.AddrInfo) error // connects, or returns at once when connected
	Connected(p peer.ID) bool
	Size() int // connected peers
}

// DialerOptions of a Dialer. All fields must be set, but Bootstrap may be empty.
type DialerOptions struct {
	Bootstrap []peer.AddrInfo // dialed whatever the number of connections
	Peers     int             // connections above which known peers are not dialed
	Redial    time.Duration   // pause after the first attempt, half to one and a half of it; doubles up to RedialMax
	RedialMax time.Duration   // longest pause
	// Limit returns the addresses of a known peer that may be dialed now, and counts them.
	Limit  func([]ma.Multiaddr) []ma.Multiaddr
	Now    func() time.Time // clock
	Logger *slog.Logger
}

// Dialer keeps a node connected: it dials the bootstrap peers and the known peers of
// its table until they are connected, ever more slowly, for as long as it runs. If it
// gave up, two halves of a mesh would stay apart for good.
type Dialer struct {
	table   *Table
	network Network
	opt     DialerOptions
	jitter  float64 // by which pauses differ, as a fraction
	wake    rounds.Wake

	mu       sync.Mutex
	attempts map[peer.ID]*attempt
}

// attempt is the state of dialing one peer.
type attempt struct {
	pause     backoff.ExponentialBackOff
	next      time.Time
	running   bool
	warned    bool // of a failure since the peer was last met
	bootstrap bool
}

// NewDialer returns a Dialer for the known peers of table; Run dials.
func NewDialer(table *Table, network Network, opt DialerOptions) *Dialer {
	return &Dialer{
		table: table, network: network, opt: opt, jitter: 0.5,
		wake: rounds.New(), attempts: map[peer.ID]*attempt{},
	}
}

// IsBootstrap reports whether p is one of the bootstrap peers.
func (d *Dialer) IsBootstrap(p peer.ID) bool {
	for _, b := range d.opt.Bootstrap {
		if b.ID == p {
			return true
		}
	}
	return false
}

// targets returns the peers to stay connected to: bootstrap peers, then the others,
// those of most use first, else in random order, so that nodes with few connections do
// not all choose the same ones.
func (d *Dialer) targets() []peer.AddrInfo {
	known := d.table.Known()
	rand.Shuffle(len(known), func(i, j int) { known[i], known[j] = known[j], known[i] })
	uses := d.table.usesOf()
	slices.SortStableFunc(known, func(x, y peer.AddrInfo) int { return cmp.Compare(uses[y.ID], uses[x.ID]) })
	out := append([]peer.AddrInfo{}, d.opt.Bootstrap...)
	for _, p := range known {
		if !d.IsBootstrap(p.ID) {
			out = append(out, p)
		}
	}
	return out
}

// of returns the attempt for p, making it if need be. Callers lock.
func (d *Dialer) of(p peer.ID) *attempt {
	a, ok := d.attempts[p]
	if !ok {
		a = &attempt{bootstrap: d.IsBootstrap(p), pause: backoff.ExponentialBackOff{
			InitialInterval: d.opt.Redial, MaxInterval: d.opt.RedialMax, Multiplier: 2, RandomizationFactor: d.jitter,
		}}
		d.attempts[p] = a
	}
	return a
}

// Met notes that a peer's hello went through: the next pauses are short again.
func (d *Dialer) Met(p peer.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if a, ok := d.attempts[p]; ok {
		a.pause.Reset()
		a.warned = false
	}
}

// Lost plans the first attempt to reach a peer whose connection ended.
func (d *Dialer) Lost(p peer.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.of(p)
	a.pause.Reset()
	a.next = d.opt.Now().Add(a.pause.NextBackOff())
	d.wake.Soon()
}

// Run dials what is due until ctx ends, and returns when all attempts have ended.
func (d *Dialer) Run(ctx context.Context) {
	var dials sync.WaitGroup
	defer dials.Wait()
	d.wake.Run(ctx, func() time.Duration {
		due, wait := d.round()
		for _, p := range due {
			dials.Go(func() { d.dial(ctx, p) })
		}
		return wait
	})
}

// round returns the peers to dial now and the time until the next round.
func (d *Dialer) round() (due []peer.AddrInfo, wait time.Duration) {
	targets := d.targets()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.prune(targets)
	now, wait := d.opt.Now(), d.opt.RedialMax
	free := d.opt.Peers - d.network.Size()
	for _, p := range targets {
		a := d.of(p.ID)
		if a.running || d.network.Connected(p.ID) || d.table.isMember(p.ID) != nil {
			continue
		}
		if !a.next.After(now) {
			a.next = now.Add(a.pause.NextBackOff())
			if !a.bootstrap && free > 0 { // others told where it is
				p.Addrs = d.opt.Limit(p.Addrs)
			}
			if a.bootstrap || free > 0 && len(p.Addrs) > 0 {
				free--
				a.running = true
				due = append(due, p)
			}
		}
		wait = min(wait, a.next.Sub(now))
	}
	return due, max(wait, 0)
}

// prune drops attempts for peers that are no targets. Callers lock.
func (d *Dialer) prune(targets []peer.AddrInfo) {
	keep := make(map[peer.ID]bool, len(targets))
	for _, p := range targets {
		keep[p.ID] = true
	}
	for p, a := range d.attempts {
		if !keep[p] && !a.running {
			delete(d.attempts, p)
		}
	}
}

// dial makes one attempt. The hello follows from the connection itself.
func (d *Dialer) dial(ctx context.Context, p peer.AddrInfo) {
	dialing, cancel := context.WithTimeout(ctx, DialTimeout)
	defer cancel()
	err := d.network.Dial(dialing, p)
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.of(p.ID)
	a.running = false
	d.wake.Soon() // a round that came meanwhile did not plan the next attempt
	switch {
	case err == nil || ctx.Err() != nil:
	case a.bootstrap && !a.warned: // the user asked for this one
		a.warned = true
		d.opt.Logger.Warn("bootstrap peer not reached, trying again later", "peer", p.ID, "addrs", p.Addrs, "err", err)
	default:
		d.opt.Logger.Debug("peer not reached", "peer", p.ID, "err", err)
	}
}
