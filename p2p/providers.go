package p2p

import (
	"cmp"
	"context"
	"crypto/sha256"
	"slices"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"golang.org/x/time/rate"

	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/peers"
)

// Limits of asking for content. Anybody can sign that he has it, and any address.
const (
	maxFallbackPeers  = 16               // connected ones, asked for content which nobody has announced
	maxDials          = 8                // providers of one root to be dialed at once
	providersPerHost  = 32               // dials to one IP address, then 4 a minute
	providersAtOnce   = 64               // dials in all, then providersPerSecond
	providersPerSec   = 1                // see providersAtOnce
	askAgain          = 5 * time.Second  // until a provider of the same root counts as asked in vain
	dialAgain         = 30 * time.Second // until a provider that was not reached is dialed again
	maxProvidersKnown = 4096             // entries of each kind that are remembered
)

// providers finds peers that have content.
type providers struct {
	self peer.ID
	book interface {
		Live(announce.Query) []announce.Record
	}
	admits  func(peer.ID) error // nil for peers that may be asked
	ask     func(peer.AddrInfo) // lets the host dial a peer
	network interface {
		Connected(p peer.ID) bool
		connectedPeers() []peer.ID
		listenAddrs(p peer.ID) peer.AddrInfo
	}
	reach *peers.Reach
	now   func() time.Time
	dials *rate.Limiter

	mu     sync.Mutex
	served map[peer.ID]struct{}    // sent content that was verified
	asked  map[askedFor]askedTimes // in vain so far
	dialed map[peer.ID]dialedAt
}

// askedFor is a provider of a root.
type askedFor struct {
	root cid.Cid
	p    peer.ID
}

// askedTimes is how often a provider was named, and when last.
type askedTimes struct {
	times int
	last  time.Time
}

// dialedAt is the answer to whether a peer may be dialed, which holds for a while.
type dialedAt struct {
	at    time.Time
	addrs []ma.Multiaddr
}

func newProviders(m *Mesh) *providers {
	return &providers{
		self: m.host.ID(), book: m.book, admits: m.table.Admits, ask: m.host.gate.ask, network: m.host,
		now:    m.cfg.Now,
		reach:  peers.NewReach(m.localAddrs, m.cfg.Now, providersPerHost),
		dials:  rate.NewLimiter(providersPerSec, providersAtOnce),
		served: map[peer.ID]struct{}{}, asked: map[askedFor]askedTimes{}, dialed: map[peer.ID]dialedAt{},
	}
}

// sent notes that p sent content which was verified.
func (f *providers) sent(p peer.ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.served) >= maxProvidersKnown {
		clear(f.served)
	}
	f.served[p] = struct{}{}
}

// find returns the peers that announced content and can be reached, best first, or else
// the fallback peers. It is the provider search of every fetch.
func (f *providers) find(_ context.Context, c cid.Cid) []peer.AddrInfo {
	records := slices.DeleteFunc(f.book.Live(announce.Query{Root: c}), func(r announce.Record) bool {
		return r.Signer == f.self || r.Subject == announce.SubjectScore || f.admits(r.Signer) != nil
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	order := make([]candidate, len(records))
	for i, r := range records {
		_, served := f.served[r.Signer]
		order[i] = candidate{r, served, f.asked[askedFor{c, r.Signer}].times, f.rank(r)}
	}
	slices.SortStableFunc(order, candidate.compare)
	var out []peer.AddrInfo
	dials := 0
	for _, r := range order {
		if slices.ContainsFunc(out, func(p peer.AddrInfo) bool { return p.ID == r.Signer }) {
			continue
		}
		info := peer.AddrInfo{ID: r.Signer}
		if !f.network.Connected(r.Signer) {
			if dials == maxDials {
				continue
			}
			if info.Addrs = f.toDial(r.Record); len(info.Addrs) == 0 {
				continue
			}
			f.ask(info)
			dials++
		}
		f.note(askedFor{c, r.Signer})
		out = append(out, info)
	}
	if len(out) == 0 {
		return f.fallback()
	}
	return out
}

// toDial returns where the signer of a record may be dialed. A fetch asks again and again,
// so the answer holds for a while. Callers lock.
func (f *providers) toDial(r announce.Record) []ma.Multiaddr {
	now := f.now()
	if d, ok := f.dialed[r.Signer]; ok && now.Sub(d.at) < dialAgain {
		return d.addrs
	}
	if f.dials.TokensAt(now) < 1 {
		return nil
	}
	addrs := f.reach.Allowed(append(slices.Clone(r.Addrs), f.network.listenAddrs(r.Signer).Addrs...))
	if len(addrs) > 0 {
		f.dials.AllowN(now, 1)
	}
	if len(f.dialed) >= maxProvidersKnown {
		clear(f.dialed)
	}
	f.dialed[r.Signer] = dialedAt{now, addrs}
	return addrs
}

// note counts that a provider is asked. Callers lock.
func (f *providers) note(a askedFor) {
	now := f.now()
	t := f.asked[a]
	if t.times > 0 && now.Sub(t.last) < askAgain {
		return
	}
	if len(f.asked) >= maxProvidersKnown {
		clear(f.asked)
	}
	f.asked[a] = askedTimes{t.times + 1, now}
}

// candidate is a record of a provider, and what decides when he is asked.
type candidate struct {
	announce.Record
	served bool   // he has sent verified content
	times  int    // that he was asked for this root in vain
	rank   []byte // differs from node to node
}

// compare orders providers: those who have sent verified content before; then those asked
// for the root less often, so that who only says that he has it does not come first each
// time. Of the former, who fetched the content before who made it, which spares the edge's
// uplink; of strangers who made it first, since it costs nothing to say that one has it. Then
// by a hash that differs from node to node, so that not all nodes ask the same one first.
func (x candidate) compare(y candidate) int {
	if x.served != y.served {
		if x.served {
			return -1
		}
		return 1
	}
	if n := cmp.Compare(x.times, y.times); n != 0 && !x.served {
		return n
	}
	if (x.Kind == announce.Have) != (y.Kind == announce.Have) {
		if (x.Kind == announce.Have) == x.served {
			return -1
		}
		return 1
	}
	return slices.Compare(x.rank, y.rank)
}

func (f *providers) rank(r announce.Record) []byte {
	h := sha256.New()
	h.Write([]byte(f.self))
	h.Write([]byte(r.Signer))
	h.Write(r.Root.Bytes())
	return h.Sum(nil)
}

// fallback returns connected peers to ask for what nobody announced who can be reached.
func (f *providers) fallback() []peer.AddrInfo {
	var out []peer.AddrInfo
	for _, p := range f.network.connectedPeers() {
		if len(out) < maxFallbackPeers && f.admits(p) == nil {
			out = append(out, f.network.listenAddrs(p))
		}
	}
	return out
}
