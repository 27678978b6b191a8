package peers

import (
	"net/netip"
	"sync"
	"time"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"golang.org/x/time/rate"
)

// Limits of the addresses that strangers sign or tell.
const (
	signedAddrs = 4    // of one signer's are dialed
	leastPort   = 1024 // ports below belong to other services
	maxHosts    = 4096 // of which the rate is remembered
)

// Reach decides which of the addresses that somebody signed or told are dialed. It is safe for
// concurrent use.
type Reach struct {
	own     func() []ma.Multiaddr
	now     func() time.Time
	perHost int

	mu    sync.Mutex
	hosts map[netip.Addr]*rate.Limiter
}

// NewReach makes a Reach of a node whose interfaces have the addresses own. One IP address
// is dialed perHost times, and then 4 times a minute.
func NewReach(own func() []ma.Multiaddr, now func() time.Time, perHost int) *Reach {
	return &Reach{own: own, now: now, perHost: perHost, hosts: map[netip.Addr]*rate.Limiter{}}
}

// Allowed returns the addresses that may be dialed now, of those that a stranger signed, and
// counts them as dialed.
func (r *Reach) Allowed(addrs []ma.Multiaddr) []ma.Multiaddr {
	out := r.Plausible(addrs)
	return r.Limit(out[:min(len(out), signedAddrs)])
}

// Plausible returns the addresses at which a node of this mesh may listen and which this node
// may reach.
func (r *Reach) Plausible(addrs []ma.Multiaddr) (out []ma.Multiaddr) {
	own := r.own()
	for _, addr := range addrs {
		if host, ok := hostOf(addr); ok && isReachable(addr, host, own) {
			out = append(out, addr)
		}
	}
	return out
}

// Limit returns the addresses whose hosts were not dialed too often, and counts them as dialed.
func (r *Reach) Limit(addrs []ma.Multiaddr) (out []ma.Multiaddr) {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	counted := map[netip.Addr]bool{}
	for _, addr := range addrs {
		ip, err := manet.ToIP(addr)
		if err != nil {
			continue
		}
		host, _ := netip.AddrFromSlice(ip)
		if host = host.Unmap(); !counted[host] && !r.limitOf(host).AllowN(now, 1) {
			continue
		}
		counted[host] = true
		out = append(out, addr)
	}
	return out
}

func (r *Reach) limitOf(host netip.Addr) *rate.Limiter {
	l, ok := r.hosts[host]
	if !ok {
		if len(r.hosts) >= maxHosts {
			clear(r.hosts)
		}
		l = rate.NewLimiter(dialsPerHost*minute, r.perHost)
		r.hosts[host] = l
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

// privateBlocks are the addresses of IPv4 that are not public: private ones, those of
// providers' and overlay networks, and those that devices without a router choose. A site routes
// between its networks of one block.
var privateBlocks = []netip.Prefix{
	netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("169.254.0.0/16"),
}

// isReachable reports whether an address may be one of a peer: a public one, or one of a
// private block that this node has an address of as well. Another node's loopback is of no use,
// but where this node has no other addresses, the mesh is one computer.
func isReachable(addr ma.Multiaddr, host netip.Addr, own []ma.Multiaddr) bool {
	if manet.IsPublicAddr(addr) {
		return true
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
// or of one /48 of private addresses of IPv6.
func isNear(x, y netip.Addr) bool {
	for _, block := range privateBlocks {
		if block.Contains(x) {
			return block.Contains(y)
		}
	}
	site, err := x.Prefix(rangeV6)
	return err == nil && x.Is6() && x.IsPrivate() && site.Contains(y)
}
