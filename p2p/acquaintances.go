package p2p

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multistream"
	"golang.org/x/time/rate"
)

// maxRefused bounds the refused peers that are remembered.
const maxRefused = 64

// Catch-up requests that one peer may make: a burst for joining many tasks, then
// one a second.
const (
	answerRate  = 1
	answerBurst = 32
)

// acquaintance is what is known of one connected peer.
type acquaintance struct {
	hello    hello
	welcome  bool // hello went through, or the peer speaks none
	since    time.Time
	greeting *greeting     // in progress or done, by this side
	answers  *rate.Limiter // of its catch-up requests
	asking   bool          // one of them is being answered
}

// greeting is one attempt at a hello; err is valid once done is closed.
type greeting struct {
	done chan struct{}
	err  error
}

// refusal is why a peer and this node parted.
type refusal struct {
	reason string
	at     time.Time
}

// acquaintances keeps the connected peers and those refused lately.
type acquaintances struct {
	now    func() time.Time
	forget time.Duration // how long a refused peer is not dialled

	mu    sync.Mutex
	known map[peer.ID]*acquaintance
	gone  map[peer.ID]refusal
}

func newAcquaintances(cfg Config) *acquaintances {
	return &acquaintances{now: cfg.Now, forget: cfg.RedialMax, known: map[peer.ID]*acquaintance{}, gone: map[peer.ID]refusal{}}
}

// of returns the entry of p, making it if need be. Callers lock.
func (a *acquaintances) of(p peer.ID) *acquaintance {
	k, ok := a.known[p]
	if !ok {
		k = &acquaintance{since: a.now(), answers: rate.NewLimiter(answerRate, answerBurst)}
		a.known[p] = k
	}
	return k
}

// refused reports whether p was refused so lately that it is not dialled.
func (a *acquaintances) refused(p peer.ID) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	r, ok := a.gone[p]
	return ok && a.now().Sub(r.at) < a.forget
}

// pardon lets p be dialled again: someone asked for it by name.
func (a *acquaintances) pardon(p peer.ID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.gone, p)
}

// refuse remembers why p was refused, at the price of the oldest refusal.
func (a *acquaintances) refuse(p peer.ID, reason string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.known, p)
	a.gone[p] = refusal{reason, a.now()}
	if len(a.gone) <= maxRefused {
		return
	}
	oldest := p
	for q, r := range a.gone {
		if r.at.Before(a.gone[oldest].at) {
			oldest = q
		}
	}
	delete(a.gone, oldest)
}

// admit notes a hello that went through and reports whether it is the first.
func (a *acquaintances) admit(p peer.ID, h hello) (first bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	k := a.of(p)
	first = !k.welcome
	k.hello, k.welcome = h, true
	delete(a.gone, p)
	return first
}

// drop forgets a peer that is no longer connected.
func (a *acquaintances) drop(p peer.ID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.known, p)
}

// welcome returns the peers of this mesh that are connected.
func (a *acquaintances) welcome() []peer.ID {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []peer.ID
	for p, k := range a.known {
		if k.welcome && k.hello.Mesh != "" {
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

// admitQuestion reports whether a catch-up request of p may be answered now, and
// returns what to call when it has been.
func (m *Mesh) admitQuestion(p peer.ID) (done func(), ok bool) {
	a := m.peers
	if a.refused(p) {
		return nil, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	k := a.of(p)
	if k.asking || !k.answers.AllowN(a.now(), 1) {
		return nil, false
	}
	k.asking = true
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		k.asking = false
	}, true
}

// connected starts a hello with every peer that this node dialled.
func (m *Mesh) connected(_ network.Network, c network.Conn) {
	if c.Stat().Direction == network.DirOutbound {
		p := c.RemotePeer()
		m.spawn(func() { _ = m.greet(m.ctx, p) })
	}
}

// disconnected forgets a peer once its last connection is gone.
func (m *Mesh) disconnected(n network.Network, c network.Conn) {
	p := c.RemotePeer()
	if n.Connectedness(p) == network.Connected {
		return
	}
	m.peers.drop(p)
	m.dialler.lost(p)
}

// greet says hello to a connected peer, once a connection however many ask, and
// returns the outcome: nil, a *RefusedError, or ErrUnreachable.
func (m *Mesh) greet(ctx context.Context, p peer.ID) error {
	m.peers.mu.Lock()
	k := m.peers.of(p)
	if k.welcome {
		m.peers.mu.Unlock()
		return nil
	}
	g, mine := k.greeting, k.greeting == nil
	if mine {
		g = &greeting{done: make(chan struct{})}
		k.greeting = g
	}
	m.peers.mu.Unlock()
	if mine {
		g.err = m.sayHello(m.ctx, p)
		close(g.done)
	}
	select {
	case <-g.done:
		return g.err
	case <-ctx.Done():
		return fmt.Errorf("hello with %s: %w", p, ctx.Err())
	}
}

// sayHello is the dialler's side of the hello.
func (m *Mesh) sayHello(ctx context.Context, p peer.ID) error {
	ctx, cancel := context.WithTimeout(ctx, m.cfg.HelloWait)
	defer cancel()
	s, err := m.host.NewStream(ctx, p, helloProtocol)
	var foreign multistream.ErrNotSupported[protocol.ID]
	if errors.As(err, &foreign) {
		// Other software of the InterPlanetary kind: it may fetch, it is told nothing.
		m.peers.admit(p, hello{})
		return nil
	}
	if err != nil {
		return fmt.Errorf("hello with %s: %w: %w", p, ErrUnreachable, err)
	}
	defer s.Close()
	_ = s.SetDeadline(time.Now().Add(m.cfg.HelloWait))
	ours := m.self()
	if err := sendHello(s, ours); err != nil {
		_ = s.Reset()
		return fmt.Errorf("hello with %s: %w: %w", p, ErrUnreachable, err)
	}
	theirs, err := receiveHello(s)
	if err != nil {
		_ = s.Reset()
		return fmt.Errorf("hello with %s: %w: %w", p, ErrUnreachable, err)
	}
	reason := theirs.Reason
	if reason == "" {
		reason = ours.objection(theirs)
	}
	if reason != "" {
		_ = s.Close()
		m.part(p, reason)
		return &RefusedError{Peer: p, Reason: reason}
	}
	m.welcome(p, theirs)
	return nil
}

// part ends the connection to a peer that does not belong here.
func (m *Mesh) part(p peer.ID, reason string) {
	m.log.Info("peer refused", "peer", p, "reason", reason)
	m.peers.refuse(p, reason)
	_ = m.host.Network().ClosePeer(p)
}

// welcome follows a hello that went through: remember the peer, and catch up.
func (m *Mesh) welcome(p peer.ID, h hello) {
	if !m.peers.admit(p, h) {
		return
	}
	m.log.Debug("peer met", "peer", p, "role", h.Role, "agent", h.Agent)
	m.dialler.met(p)
	m.spawn(func() { m.compareClock(m.ctx, p) })
	m.spawn(func() { m.learnFrom(p, m.topics()) })
}

// Peers returns the connected peers and those refused lately, in order of ID.
func (m *Mesh) Peers() []Peer {
	var out []Peer
	for _, p := range m.host.Network().Peers() {
		out = append(out, m.describe(p))
	}
	m.peers.mu.Lock()
	for p, r := range m.peers.gone {
		if m.host.Network().Connectedness(p) != network.Connected {
			out = append(out, Peer{ID: p, Since: r.at, Refused: r.reason})
		}
	}
	m.peers.mu.Unlock()
	slices.SortFunc(out, func(x, y Peer) int { return cmp.Compare(x.ID, y.ID) })
	return out
}

func (m *Mesh) describe(p peer.ID) Peer {
	out := Peer{ID: p, Latency: m.host.Peerstore().LatencyEWMA(p), Skew: m.skewOf(p)}
	for _, c := range m.host.Network().ConnsToPeer(p) {
		out.Addrs = append(out.Addrs, c.RemoteMultiaddr())
		out.Direction, out.Since = c.Stat().Direction, c.Stat().Opened
	}
	m.peers.mu.Lock()
	defer m.peers.mu.Unlock()
	if k, ok := m.peers.known[p]; ok && k.welcome {
		out.Mesh, out.Role, out.Agent, out.Tasks = k.hello.Mesh, k.hello.Role, k.hello.Agent, k.hello.Tasks
	}
	if out.Agent == "" {
		if v, err := m.host.Peerstore().Get(p, "AgentVersion"); err == nil {
			out.Agent, _ = v.(string)
		}
	}
	return out
}
