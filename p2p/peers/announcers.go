package peers

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"golang.org/x/time/rate"
)

// Limits of dialing announcers. A signer chooses the addresses that it signs, and every
// node of a mesh reads them, so that without limits one record would make a whole mesh
// dial whomever its signer likes.
const (
	announcerEvery   = 15 * time.Second       // between two looks for announcers to dial
	announcerLeast   = time.Second            // the same when something new was announced
	announcerAddrs   = 4                      // of one signer's
	announcerAgain   = 10 * time.Minute       // pause before one signer is dialed again
	announcerDials   = 4                      // at once
	dialsPerMinute   = 8                      // of all announcers
	dialsPerHost     = 4                      // a minute to one IP address
	leastPort        = 1024                   // ports below belong to other services
	maxAnnouncersDue = 256                    // signers and hosts that are remembered
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
	wake    chan struct{}
	all     *rate.Limiter

	mu      sync.Mutex
	running int
	dialed  map[peer.ID]time.Time
	hosts   map[netip.Addr]*rate.Limiter
}

// NewAnnouncers returns Announcers; Run dials.
func NewAnnouncers(network Network, opt AnnouncersOptions) *Announcers {
	return &Announcers{
		network: network, opt: opt, wake: make(chan struct{}, 1), all: rate.NewLimiter(dialsPerMinute*minute, dialsPerMinute),
		dialed: map[peer.ID]time.Time{}, hosts: map[netip.Addr]*rate.Limiter{},
	}
}

// Wake makes a look due soon, because something was announced or joined.
func (a *Announcers) Wake() {
	select {
	case a.wake <- struct{}{}:
	default: // a look is due already
	}
}

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
	own := a.opt.Own()
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
		p.Addrs = a.allowed(p.Addrs, own, now)
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

// allowed returns the addresses that may be dialed now, and counts them as dialed.
func (a *Announcers) allowed(addrs, own []ma.Multiaddr, now time.Time) (out []ma.Multiaddr) {
	counted := map[netip.Addr]bool{}
	for _, addr := range addrs {
		host, ok := hostOf(addr)
		if !ok || len(out) == announcerAddrs || !isReachable(addr, host, own) {
			continue
		}
		if !counted[host] {
			if !a.limitOf(host).AllowN(now, 1) {
				continue
			}
			counted[host] = true
		}
		out = append(out, addr)
	}
	return out
}

func (a *Announcers) limitOf(host netip.Addr) *rate.Limiter {
	l, ok := a.hosts[host]
	if !ok {
		if len(a.hosts) >= maxAnnouncersDue {
			clear(a.hosts)
		}
		l = rate.NewLimiter(dialsPerHost*minute, dialsPerHost)
		a.hosts[host] = l
	}
	return l
}

// hostOf returns the IP address of one that a node of this mesh may listen at: IP with
// TCP or QUIC, no relay, no name, no port of other services.
func hostOf(addr ma.Multiaddr) (netip.Addr, bool) {
	na, err := manet.ToNetAddr(firstTwo(addr))
	if err != nil {
		return netip.Addr{}, false
	}
	at, err := netip.ParseAddrPort(na.String())
	if err != nil || at.Port() < leastPort {
		return netip.Addr{}, false
	}
	for _, p := range addr.Protocols()[2:] {
		if p.Code != ma.P_QUIC_V1 {
			return netip.Addr{}, false
		}
	}
	return at.Addr().Unmap(), true
}

// firstTwo returns the part of an address that names host and port.
func firstTwo(addr ma.Multiaddr) ma.Multiaddr {
	if len(addr) < 2 {
		return nil
	}
	return addr[:2]
}

// privateBlocks are the private addresses of IPv4. A site routes between its networks of
// one block.
var privateBlocks = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
}

// isReachable reports whether an address may be one of a peer: a public one, or one of a
// private block that this node has an address of as well. Another node's loopback is of no use,
// but where this node has no other addresses, the mesh is one computer.
func isReachable(addr ma.Multiaddr, host netip.Addr, own []ma.Multiaddr) bool {
	if manet.IsPublicAddr(addr) {
		return true
	}
	if !host.IsPrivate() && !host.IsLoopback() {
		return false
	}
	onlyLoopback, near := true, false
	for _, o := range own {
		ip, err := manet.ToIP(o)
		if err != nil {
			continue
		}
		mine, _ := netip.AddrFromSlice(ip)
		mine = mine.Unmap()
		onlyLoopback = onlyLoopback && mine.IsLoopback()
		near = near || isNear(mine, host)
	}
	if host.IsLoopback() {
		return onlyLoopback
	}
	return near
}

// isNear reports whether two addresses may be of one site: of one private block of IPv4,
// or of one /48 of IPv6.
func isNear(x, y netip.Addr) bool {
	for _, block := range privateBlocks {
		if block.Contains(x) {
			return block.Contains(y)
		}
	}
	site, err := x.Prefix(rangeV6)
	return err == nil && x.Is6() && site.Contains(y)
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
