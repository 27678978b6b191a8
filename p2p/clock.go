package p2p

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-msgio"

	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/wire"
)

// clockProtocol tells the time: the asker opens a stream, the other side writes
// its clock. Nodes without it are judged by the announcements they sign.
const clockProtocol protocol.ID = "/distillmesh/clock/1"

// MaxSkew is the difference between two clocks from which it is reported. Beyond
// announce.Options.MaxAhead, 15 minutes, announcements are dropped.
const MaxSkew = 10 * time.Minute

// Limits of what is kept of clocks.
const (
	maxClock   = 64               // bytes of an answer
	maxClocks  = 1024             // peers
	clockPause = 10 * time.Minute // between two looks at a clock that was wrong
	clockHolds = time.Hour        // how long a wrong clock is reported after the peer has gone
)

// Skew is how far a peer's clock is ahead of this node's; negative when it is
// behind. The zero value means that they agree, or that nothing is known.
type Skew struct {
	Ahead   time.Duration
	AtLeast bool // concluded from announcements: it may be more
}

// String says direction and size in words, such as "at least 3h0m0s ahead".
func (s Skew) String() string {
	text := fmt.Sprintf("%v ahead", s.Ahead.Round(time.Second))
	if s.Ahead < 0 {
		text = fmt.Sprintf("%v behind", -s.Ahead.Round(time.Second))
	}
	if s.AtLeast {
		text = "at least " + text
	}
	return text
}

// large reports whether the difference is to be reported.
func (s Skew) large() bool { return s.Ahead >= MaxSkew || s.Ahead <= -MaxSkew }

// PeerSkew is a peer whose clock differs by MaxSkew or more.
type PeerSkew struct {
	ID peer.ID
	Skew
}

// Clocks is how this node's clock compares with others.
type Clocks struct {
	Agree  int        // connected peers whose clock agrees
	Differ []PeerSkew // connected or met lately, in order of ID
}

// clocks is what is known of the clocks of peers and signers.
type clocks struct {
	mu    sync.Mutex
	peers map[peer.ID]*clock
}

// clock is one of them.
type clock struct {
	Skew
	at   time.Time // of the last look
	said bool      // a difference was logged
}

// Clocks compares this node's clock with those of its peers.
func (m *Mesh) Clocks() Clocks {
	var out Clocks
	m.clocks.mu.Lock()
	defer m.clocks.mu.Unlock()
	for p, c := range m.clocks.peers {
		here := m.host.Network().Connectedness(p) == network.Connected
		switch {
		case c.large() && (here || m.cfg.Now().Sub(c.at) < clockHolds):
			out.Differ = append(out.Differ, PeerSkew{p, c.Skew})
		case !c.large() && here:
			out.Agree++
		}
	}
	slices.SortFunc(out.Differ, func(x, y PeerSkew) int { return strings.Compare(string(x.ID), string(y.ID)) })
	return out
}

// skewOf is the difference to one peer, when it is large.
func (m *Mesh) skewOf(p peer.ID) Skew {
	m.clocks.mu.Lock()
	defer m.clocks.mu.Unlock()
	if c, ok := m.clocks.peers[p]; ok && c.large() {
		return c.Skew
	}
	return Skew{}
}

// noteSkew takes a measurement of p's clock, or a bound, which counts only while
// nothing was measured. A large difference is logged once a peer.
func (m *Mesh) noteSkew(p peer.ID, s Skew) {
	if p == m.host.ID() {
		return
	}
	m.clocks.mu.Lock()
	c, known := m.clocks.peers[p]
	if s.AtLeast && (!s.large() || known && !c.AtLeast) {
		m.clocks.mu.Unlock()
		return
	}
	if !known {
		c = m.clocks.add(p)
	}
	corrected := c.large() && !s.large()
	c.Skew, c.at = s, m.cfg.Now()
	say := s.large() && !c.said
	c.said = s.large()
	m.clocks.mu.Unlock()
	if say {
		m.log.Warn("clocks differ, so announcements get lost: "+
			"set date and time, or turn on time synchronization, where the clock is wrong",
			"peer", p, "its_clock", s.String())
	}
	if corrected {
		m.log.Info("clocks agree again", "peer", p)
	}
}

// add makes the entry of a peer, at the price of another when there are too many.
func (c *clocks) add(p peer.ID) *clock {
	if c.peers == nil {
		c.peers = map[peer.ID]*clock{}
	}
	if len(c.peers) >= maxClocks {
		for q := range c.peers {
			delete(c.peers, q)
			break
		}
	}
	c.peers[p] = &clock{}
	return c.peers[p]
}

// judgeClock concludes from an announcement how clocks differ. One that its signer
// passes on itself was signed just now. One from the future shows that its
// signer's clock is ahead. One that has expired, which no peer passes on knowingly,
// shows that the clock of the peer it came from is behind. fresh means that it came
// by gossip.
func (m *Mesh) judgeClock(from peer.ID, r announce.Record, err error, fresh bool) {
	now := m.cfg.Now()
	switch {
	case r.Signer == "": // not readable
	case fresh && r.Signer == from:
		m.noteSkew(from, Skew{Ahead: r.Issued.Sub(now)})
	case errors.Is(err, announce.ErrFromFuture):
		m.noteSkew(r.Signer, Skew{Ahead: r.Issued.Sub(now), AtLeast: true})
	case errors.Is(err, announce.ErrExpired):
		m.noteSkew(from, Skew{Ahead: r.Expires.Sub(now), AtLeast: true})
	}
}

// answerClock is the stream handler.
func (m *Mesh) answerClock(s network.Stream) {
	defer s.Close()
	if m.peers.refused(s.Conn().RemotePeer()) {
		_ = s.Reset()
		return
	}
	_ = s.SetDeadline(time.Now().Add(m.cfg.HelloWait))
	var w wire.Map
	w.Int("unix_ms", m.cfg.Now().UnixMilli())
	data, err := w.Encode()
	if err == nil {
		err = msgio.NewVarintWriter(s).WriteMsg(data)
	}
	if err != nil {
		_ = s.Reset()
	}
}

// decodeClock reads at most maxClock bytes from a peer.
func decodeClock(data []byte) (time.Time, error) {
	f, err := wire.Decode(data)
	if err != nil {
		return time.Time{}, fmt.Errorf("decode clock: %w", err)
	}
	now := time.UnixMilli(f.Int("unix_ms"))
	if err := f.Err(); err != nil {
		return time.Time{}, fmt.Errorf("decode clock: %w", err)
	}
	return now, nil
}

// compareClock asks p for its time; a peer that does not tell it is left alone.
func (m *Mesh) compareClock(ctx context.Context, p peer.ID) {
	ctx, cancel := context.WithTimeout(ctx, m.cfg.HelloWait)
	defer cancel()
	asked := m.cfg.Now()
	s, err := m.host.NewStream(ctx, p, clockProtocol)
	if err != nil {
		return
	}
	defer s.Close()
	_ = s.SetDeadline(time.Now().Add(m.cfg.HelloWait))
	data, err := msgio.NewVarintReaderSize(s, maxClock).ReadMsg()
	if err != nil {
		_ = s.Reset()
		return
	}
	theirs, err := decodeClock(data)
	if err != nil {
		m.log.Debug("clock not told", "peer", p, "err", err)
		return
	}
	wait := m.cfg.Now().Sub(asked)
	m.noteSkew(p, Skew{Ahead: theirs.Sub(asked.Add(wait / 2))})
}

// watchClocks looks again at the clocks of connected peers that were wrong, until
// the mesh closes.
func (m *Mesh) watchClocks() {
	tick := time.NewTicker(clockPause)
	defer tick.Stop()
	for {
		select {
		case <-m.ctx.Done():
			return
		case <-tick.C:
		}
		for _, d := range m.Clocks().Differ {
			if m.host.Network().Connectedness(d.ID) == network.Connected {
				m.compareClock(m.ctx, d.ID)
			}
		}
	}
}
