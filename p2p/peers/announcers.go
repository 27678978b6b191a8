package peers

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"golang.org/x/time/rate"

	"github.com/distillmesh/distillmesh/p2p/rounds"
)

// Limits of dialing announcers. A signer chooses the addresses that it signs, and every
// node of a mesh reads them, so that without limits one record would make a whole mesh
// dial whomever its signer likes.
const (
	announcerEvery   = 15 * time.Second       // between two looks for announcers to dial
	announcerLeast   = time.Second            // the same when something new was announced
	announcerAgain   = 10 * time.Minute       // pause before one signer is dialed again
	announcerDials   = 4                      // at once
	dialsPerMinute   = 8                      // of all announcers
	dialsPerHost     = 4                      // a minute to one IP address
	maxAnnouncersDue = 256                    // signers that are remembered
	minute           = rate.Limit(1.0 / 60.0) // one a minute
)

// AnnouncersOptions of Announcers. All fields must be set.
type AnnouncersOptions struct {
	Wanted func() []peer.AddrInfo // announcers to connect to, with the addresses they signed
	Admits func(p peer.ID) error  // nil for peers that may be dialed
	Own    func() []ma.Multiaddr  // addresses of this node's interfaces
	Now    func() time.Time       // clock
	Logger *slog.Logger
}

// Announcers dials peers that announce what a node wants, at the addresses that they
// signed, where no neighbor passes on what they say: a small device that is the only
// peer both know relays the topics alone that it has joined.
type Announcers struct {
	network Network
	opt     AnnouncersOptions
	wake    rounds.Wake
	all     *rate.Limiter
	reach   *Reach

	mu      sync.Mutex
	running int
	dialed  map[peer.ID]time.Time
}

// NewAnnouncers returns Announcers; Run dials.
func NewAnnouncers(network Network, opt AnnouncersOptions) *Announcers {
	return &Announcers{
		network: network, opt: opt, wake: rounds.New(), all: rate.NewLimiter(dialsPerMinute*minute, dialsPerMinute),
		reach: NewReach(opt.Own, opt.Now, dialsPerHost), dialed: map[peer.ID]time.Time{},
	}
}

// Wake makes a look due soon, because something was announced or joined.
func (a *Announcers) Wake() { a.wake.Soon() }

// Run dials until ctx ends, and returns when all attempts have ended.
func (a *Announcers) Run(ctx context.Context) {
	var dials sync.WaitGroup
	defer dials.Wait()
	timer := time.NewTimer(announcerLeast)
	defer timer.Stop()
	for soon := true; ; soon = false {
		for looks := false; !looks; {
			select {
			case <-ctx.Done():
				return
			case <-a.wake:
				if !soon { // a flood of announcements must not put the look off
					soon = true
					timer.Reset(announcerLeast)
				}
			case <-timer.C:
				looks = true
			}
		}
		for _, p := range a.due() {
			dials.Go(func() { a.dial(ctx, p) })
		}
		timer.Reset(announcerEvery)
	}
}

// due returns the announcers to dial now, with the addresses to dial them at.
func (a *Announcers) due() (out []peer.AddrInfo) {
	wanted := a.opt.Wanted()
	if len(wanted) == 0 {
		return nil
	}
	rand.Shuffle(len(wanted), func(i, j int) { wanted[i], wanted[j] = wanted[j], wanted[i] })
	now := a.opt.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range wanted {
		if a.running >= announcerDials {
			break
		}
		if at, ok := a.dialed[p.ID]; ok && now.Sub(at) < announcerAgain || a.network.Connected(p.ID) ||
			a.opt.Admits(p.ID) != nil {
			continue
		}
		p.Addrs = a.reach.Allowed(p.Addrs)
		if len(p.Addrs) == 0 {
			continue
		}
		if !a.all.AllowN(now, 1) {
			break
		}
		if len(a.dialed) >= maxAnnouncersDue {
			clear(a.dialed)
		}
		a.dialed[p.ID] = now
		a.running++
		out = append(out, p)
	}
	return out
}

// dial makes one attempt. The hello follows from the connection itself.
func (a *Announcers) dial(ctx context.Context, p peer.AddrInfo) {
	dialing, cancel := context.WithTimeout(ctx, DialTimeout)
	defer cancel()
	if err := a.network.Dial(dialing, p); err != nil {
		a.opt.Logger.Debug("announcer not reached", "peer", p.ID, "err", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.running--
}
