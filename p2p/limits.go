package p2p

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/libp2p/go-libp2p/x/rate"
)

// limits are what a profile allows. Five limits inside libp2p must agree, or the
// tightest one silently closes connections that the others admit: scopes,
// connections per subnet, their rate, the network-prefix limits and the connection
// manager. All are derived from these.
type limits struct {
	low, high       int // connection manager: trims to low when above high
	inbound         int // connections
	outbound        int
	streams         int
	memoryBytes     int64
	files           int
	perAddress      int     // connections from one IPv4 address or IPv6 /56
	ratePerAddress  float64 // new ones per second, after a burst of perAddress
	graceOfNewPeers time.Duration
}

func (p Profile) limits() limits {
	if p == ProfileTrainer {
		return limits{
			low: 256, high: 512, inbound: 1024, outbound: 512, streams: 16384, memoryBytes: 1 << 30, files: 2048,
			perAddress: 1024, ratePerAddress: 50, graceOfNewPeers: time.Minute,
		}
	}
	return limits{
		low: 32, high: 48, inbound: 96, outbound: 64, streams: 1024, memoryBytes: 64 << 20, files: 128,
		perAddress: 256, ratePerAddress: 10, graceOfNewPeers: time.Minute,
	}
}

// resourceManager turns limits into libp2p's resource manager. It sets each value:
// scaling the defaults would add to a base far too high for a small device.
func (l limits) resourceManager() (network.ResourceManager, error) {
	scaling := rcmgr.DefaultLimits
	libp2p.SetDefaultServiceLimits(&scaling)
	all := rcmgr.ResourceLimits{
		Conns:           rcmgr.LimitVal(l.inbound + l.outbound),
		ConnsInbound:    rcmgr.LimitVal(l.inbound),
		ConnsOutbound:   rcmgr.LimitVal(l.outbound),
		Streams:         rcmgr.LimitVal(l.streams),
		StreamsInbound:  rcmgr.LimitVal(l.streams),
		StreamsOutbound: rcmgr.LimitVal(l.streams),
		FD:              rcmgr.LimitVal(l.files),
		Memory:          rcmgr.LimitVal64(l.memoryBytes),
	}
	partial := rcmgr.PartialLimitConfig{System: all, Transient: all}
	partial.Transient.Memory = rcmgr.LimitVal64(l.memoryBytes / 4)
	limiter := rcmgr.NewFixedLimiter(partial.Build(scaling.Scale(l.memoryBytes, l.files)))

	rm, err := rcmgr.NewResourceManager(limiter, rcmgr.WithMetricsDisabled(),
		rcmgr.WithLimitPerSubnet(
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: l.perAddress}},
			[]rcmgr.ConnLimitPerSubnet{
				{PrefixLength: 56, ConnCount: l.perAddress}, {PrefixLength: 48, ConnCount: 4 * l.perAddress},
			}),
		rcmgr.WithConnRateLimiters(l.connRate()))
	if err != nil {
		return nil, fmt.Errorf("resource manager: %w", err)
	}
	return rm, nil
}

// connRate limits new connections per address. A limiter of our own replaces the
// library's entirely, so loopback has to be exempt here too.
func (l limits) connRate() *rate.Limiter {
	each := rate.Limit{RPS: l.ratePerAddress, Burst: l.perAddress}
	return &rate.Limiter{
		NetworkPrefixLimits: []rate.PrefixLimit{
			{Prefix: netip.MustParsePrefix("127.0.0.0/8")}, {Prefix: netip.MustParsePrefix("::1/128")},
		},
		SubnetRateLimiter: rate.SubnetLimiter{
			IPv4SubnetLimits: []rate.SubnetLimit{{PrefixLength: 32, Limit: each}},
			IPv6SubnetLimits: []rate.SubnetLimit{{PrefixLength: 56, Limit: each}},
			GracePeriod:      time.Minute,
		},
	}
}

func (l limits) connManager() (*connmgr.BasicConnMgr, error) {
	cm, err := connmgr.NewConnManager(l.low, l.high, connmgr.WithGracePeriod(l.graceOfNewPeers))
	if err != nil {
		return nil, fmt.Errorf("connection manager: %w", err)
	}
	return cm, nil
}
