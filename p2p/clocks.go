package p2p

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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

// clockProtocol tells the time: the asker opens a stream, the other side writes its
// clock. For nodes that do not speak it, the announcements that they sign are used instead.
const clockProtocol protocol.ID = "/distillmesh/clock/1"

// MaxSkew is the difference between two clocks from which it is reported. Beyond
// announce.Options.MaxAhead, 15 minutes, announcements are dropped.
const MaxSkew = 10 * time.Minute

// Limits of what is kept of clocks.
const (
	maxClock   = 64               // bytes of an answer
	maxClocks  = 1024             // peers
	clockPause = 10 * time.Minute // between two checks of a clock that was wrong
	clockHolds = time.Hour        // how long a wrong clock is reported after its peer left
)

// Skew is how far a peer's clock is ahead of this node's; negative when it is
// behind. The zero value means that they agree, or that nothing is known.
type Skew struct {
	Ahead   time.Duration
	AtLeast bool // concluded from announcements: the difference may be larger
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

// clocks compares this node's clock with those of peers and signers.
type clocks struct {
	self    peer.ID
	now     func() time.Time
	network clockNetwork
	admits  func(peer.ID) error // nil for peers that get an answer
	wait    time.Duration       // for an answer
	log     *slog.Logger

	mu    sync.Mutex
	peers map[peer.ID]*clock
}

// clockNetwork is what clocks needs of the network.
type clockNetwork interface {
	NewStream(ctx context.Context, p peer.ID, protocols ...protocol.ID) (network.Stream, error)
	Connected(p peer.ID) bool
}

// clock is one of them.
type clock struct {
	Skew
	at     time.Time // of the last measurement
	logged bool      // the difference was logged
}

// compare says which clocks agree and which differ.
func (c *clocks) compare() Clocks {
	var out Clocks
	c.mu.Lock()
	defer c.mu.Unlock()
	for p, k := range c.peers {
		connected := c.network.Connected(p)
		switch {
		case k.large() && (connected || c.now().Sub(k.at) < clockHolds):
			out.Differ = append(out.Differ, PeerSkew{p, k.Skew})
		case !k.large() && connected:
			out.Agree++
		}
	}
	slices.SortFunc(out.Differ, func(x, y PeerSkew) int { return strings.Compare(string(x.ID), string(y.ID)) })
	return out
}

// of returns the difference to one peer when it is large, else the zero Skew.
func (c *clocks) of(p peer.ID) Skew {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k, ok := c.peers[p]; ok && k.large() {
		return k.Skew
	}
	return Skew{}
}

// note takes a measurement of p's clock, or a bound, which counts only while nothing
// was measured. A large difference is logged once per peer.
func (c *clocks) note(p peer.ID, s Skew) {
	if p == c.self {
		return
	}
	c.mu.Lock()
	k, known := c.peers[p]
	if s.AtLeast && (!s.large() || known && !k.AtLeast) {
		c.mu.Unlock()
		return
	}
	if !known {
		k = c.add(p)
	}
	corrected := k.large() && !s.large()
	k.Skew, k.at = s, c.now()
	warn := s.large() && !k.logged
	k.logged = s.large()
	c.mu.Unlock()
	if warn {
		c.log.Warn("clocks differ, so announcements get lost: "+
			"set date and time, or turn on time synchronization, where the clock is wrong",
			"peer", p, "its_clock", s.String())
	}
	if corrected {
		c.log.Info("clocks agree again", "peer", p)
	}
}

// add makes the entry of a peer, in place of any other one when there are too many: one
// that was not measured if there is one, since anybody can sign records from the future.
func (c *clocks) add(p peer.ID) *clock {
	if c.peers == nil {
		c.peers = map[peer.ID]*clock{}
	}
	if len(c.peers) >= maxClocks {
		var out peer.ID
		for q, k := range c.peers {
			if out = q; k.AtLeast {
				break
			}
		}
		delete(c.peers, out)
	}
	c.peers[p] = &clock{}
	return c.peers[p]
}

// judge concludes from an announcement how clocks differ, with the error of the book
// that received it. A record that its signer sends itself by gossip was signed just
// now. A record from the future shows that its signer's clock is ahead. A record that
// has expired, which no peer sends knowingly, shows that the sender's clock is behind.
func (c *clocks) judge(from peer.ID, r announce.Record, err error, gossip bool) {
	now := c.now()
	switch {
	case r.Signer == "": // not readable
	case gossip && r.Signer == from:
		c.note(from, Skew{Ahead: r.Issued.Sub(now)})
	case errors.Is(err, announce.ErrFromFuture):
		c.note(r.Signer, Skew{Ahead: r.Issued.Sub(now), AtLeast: true})
	case errors.Is(err, announce.ErrExpired):
		c.note(from, Skew{Ahead: r.Expires.Sub(now), AtLeast: true})
	}
}

// answer is the stream handler.
func (c *clocks) answer(s network.Stream) {
	defer s.Close()
	if c.admits(s.Conn().RemotePeer()) != nil {
		_ = s.Reset()
		return
	}
	_ = s.SetDeadline(time.Now().Add(c.wait))
	var w wire.Map
	w.Int("unix_ms", c.now().UnixMilli())
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

// ask asks p for its time. A peer that does not answer is not compared.
func (c *clocks) ask(ctx context.Context, p peer.ID) {
	ctx, cancel := context.WithTimeout(ctx, c.wait)
	defer cancel()
	asked := c.now()
	s, err := c.network.NewStream(ctx, p, clockProtocol)
	if err != nil {
		return
	}
	defer s.Close()
	_ = s.SetDeadline(time.Now().Add(c.wait))
	data, err := msgio.NewVarintReaderSize(s, maxClock).ReadMsg()
	if err != nil {
		_ = s.Reset()
		return
	}
	theirs, err := decodeClock(data)
	if err != nil {
		c.log.Debug("clock not received", "peer", p, "err", err)
		return
	}
	took := c.now().Sub(asked)
	c.note(p, Skew{Ahead: theirs.Sub(asked.Add(took / 2))})
}

// watch asks connected peers again whose clocks were wrong, until ctx ends.
func (c *clocks) watch(ctx context.Context) {
	tick := time.NewTicker(clockPause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, d := range c.compare().Differ {
			if c.network.Connected(d.ID) {
				c.ask(ctx, d.ID)
			}
		}
	}
}
