package p2p

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/marcopolo/simnet"

	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/streamtest"
)

// lines is a log whose lines a test waits for.
type lines chan string

func newLines() lines { return make(lines, 4096) }

func (l lines) Enabled(context.Context, slog.Level) bool { return true }
func (l lines) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l lines) WithGroup(string) slog.Handler            { return l }
func (l lines) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool {
		text += " " + a.String()
		return true
	})
	select {
	case l <- text:
	default: // the test does not read any more
	}
	return nil
}

// next waits for a line that holds a text.
func (l lines) next(t *testing.T, text string) string {
	t.Helper()
	for {
		select {
		case line := <-l:
			if strings.Contains(line, text) {
				return line
			}
		case <-t.Context().Done():
			t.Fatalf("no line %q", text)
		}
	}
}

// count reads what is there and counts the lines that hold a text.
func (l lines) count(text string) (n int) {
	for {
		select {
		case line := <-l:
			if strings.Contains(line, text) {
				n++
			}
		default:
			return n
		}
	}
}

// newNodeAt is newNode with a clock that is off.
func newNodeAt(t *testing.T, off time.Duration) (*node, func() time.Time) {
	t.Helper()
	n := newNode(t)
	now := func() time.Time { return time.Now().Add(off) }
	opt := announce.DefaultOptions()
	opt.Now = now
	var err error
	if n.book, err = announce.OpenBook(n.ds, opt); err != nil {
		t.Fatal(err)
	}
	return n, now
}

func near(got, want time.Duration) bool { return (got - want).Abs() < time.Minute }

func TestClocksThatDifferAreLoggedOnBothSides(t *testing.T) {
	for _, off := range []time.Duration{3 * time.Hour, -26 * time.Hour} {
		hub := newNode(t)
		seen := newLines()
		cfg := loopback(ProfileTrainer)
		cfg.Logger = slog.New(seen)
		hub.start(t, cfg)
		wrong, now := newNodeAt(t, off)
		here := newLines()
		cfg = loopback(ProfileEdge)
		cfg.Now, cfg.Logger = now, slog.New(here)
		wrong.start(t, cfg)
		connect(t, wrong, hub)
		want := map[bool]string{true: "ahead", false: "behind"}
		if line := seen.next(t, "clocks differ"); !strings.Contains(line, want[off > 0]) ||
			!strings.Contains(line, wrong.ID().String()) {
			t.Errorf("off by %v, the hub says %q", off, line)
		}
		if line := here.next(t, "clocks differ"); !strings.Contains(line, want[off < 0]) {
			t.Errorf("off by %v, the node says %q", off, line)
		}
		for n, ahead := range map[*node]time.Duration{hub: off, wrong: -off} {
			c := n.Clocks()
			if len(c.Differ) != 1 || !near(c.Differ[0].Ahead, ahead) || c.Differ[0].AtLeast || c.Agree != 0 {
				t.Errorf("off by %v: %+v", off, c)
			}
			if p := n.Peers(); len(p) != 1 || !near(p[0].Skew.Ahead, ahead) {
				t.Errorf("off by %v: peers %+v", off, p)
			}
		}
	}
}

// A node that does not answer the clock protocol is judged by what it signs. Nothing
// is logged twice, and a corrected clock is noticed.
func TestOldNodesAreJudgedByTheirAnnouncements(t *testing.T) {
	for _, off := range []time.Duration{2 * time.Hour, -5 * time.Hour, time.Minute} {
		simulated(t, func(t *testing.T, network *simnet.Simnet) {
			task := taskOf("digits")
			hub := newNode(t)
			seen := newLines()
			cfg := onNetwork(ProfileTrainer, network, address(0), 8000)
			cfg.Logger = slog.New(seen)
			hub.start(t, cfg)
			wrong, _ := newNodeAt(t, 0)
			var shift atomic.Int64
			shift.Store(int64(off))
			now := func() time.Time { return time.Now().Add(time.Duration(shift.Load())) }
			opt := announce.DefaultOptions()
			opt.Now = now
			var err error
			if wrong.book, err = announce.OpenBook(wrong.ds, opt); err != nil {
				t.Fatal(err)
			}
			cfg = onNetwork(ProfileEdge, network, address(1), 8000)
			cfg.Now = now
			wrong.start(t, cfg)
			wrong.host.RemoveStreamHandler(clockProtocol)
			if err := hub.Join(t.Context(), task); err != nil {
				t.Fatal(err)
			}
			connect(t, wrong, hub)
			wrong.publishSet(t, task, 1, 1000)
			time.Sleep(2 * time.Hour)
			c, said := hub.Clocks(), seen.count("clocks differ")
			if off == time.Minute {
				if len(c.Differ) != 0 || said != 0 || c.Agree != 1 {
					t.Errorf("a clock off by a minute: %+v, said %d times", c, said)
				}
			} else if len(c.Differ) != 1 || !near(c.Differ[0].Ahead, off) || said != 1 {
				t.Errorf("off by %v: %+v, said %d times", off, c, said)
			}
			if off > 0 {
				shift.Store(0) // its next record is signed at the right time
				time.Sleep(4 * time.Hour)
				if c := hub.Clocks(); len(c.Differ) != 0 {
					t.Errorf("set right: %+v", c)
				}
			}
			wrong.stop(t)
			hub.stop(t)
		})
	}
}

// fakePeers are peers in memory that answer the clock protocol.
type fakePeers struct {
	connected map[peer.ID]bool
	answer    func(network.Stream)
}

func (f *fakePeers) Connected(p peer.ID) bool { return f.connected[p] }

func (f *fakePeers) NewStream(_ context.Context, p peer.ID, _ ...protocol.ID) (network.Stream, error) {
	if f.answer == nil {
		return nil, errors.New("protocol not supported")
	}
	ours, theirs := streamtest.Pipe("self", p)
	go f.answer(theirs)
	return ours, nil
}

// newClocks are clocks without a network, of a node whose clock is off.
func newClocks(off time.Duration) (*clocks, *fakePeers) {
	peers := &fakePeers{connected: map[peer.ID]bool{}}
	return &clocks{
		self: "self", now: func() time.Time { return time.Now().Add(off) }, network: peers, wait: 10 * time.Second,
		admits: func(peer.ID) error { return nil }, log: slog.New(slog.DiscardHandler),
	}, peers
}

// Records that other nodes forward bound the difference from below.
func TestAnnouncementsBoundClocks(t *testing.T) {
	at := func(ahead time.Duration) Skew { return Skew{Ahead: ahead, AtLeast: true} }
	for _, tt := range []struct {
		name            string
		issued, expires time.Duration // from now
		err             error
		gossip          bool
		from            peer.ID
		wantSigner      Skew
		wantFrom        Skew
	}{
		{"a record from the future shows that its signer is ahead", 3 * time.Hour, 5 * time.Hour, announce.ErrFromFuture,
			true, "from", at(3 * time.Hour), Skew{}},
		{"an expired record shows that its sender is behind", -9 * time.Hour, -7 * time.Hour, announce.ErrExpired, false,
			"from", Skew{}, at(-7 * time.Hour)},
		{"a record that expired on its way shows nothing", -2 * time.Hour, -time.Minute, announce.ErrExpired, false,
			"from", Skew{}, Skew{}},
		{"a valid record that another node forwards shows nothing", -time.Hour, time.Hour, nil, true, "from", Skew{}, Skew{}},
		{"a record that its signer sends was signed just now", -time.Hour, time.Hour, nil, true, "signer",
			Skew{Ahead: -time.Hour}, Skew{Ahead: -time.Hour}},
		{"a record that its signer hands over may be old", -time.Hour, time.Hour, nil, false, "signer", Skew{}, Skew{}},
		{"this node's own record shows nothing", 3 * time.Hour, 5 * time.Hour, announce.ErrFromFuture, true, "self",
			Skew{}, Skew{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := newClocks(0)
				signer := peer.ID("signer")
				if tt.from == "self" {
					signer = "self"
				}
				now := time.Now()
				c.judge(tt.from, announce.Record{Signer: signer, Announcement: announce.Announcement{
					Issued: now.Add(tt.issued), Expires: now.Add(tt.expires),
				}}, tt.err, tt.gossip)
				if got := c.of(signer); got != tt.wantSigner {
					t.Errorf("the signer's clock: %v, want %v", got, tt.wantSigner)
				}
				if got := c.of(tt.from); got != tt.wantFrom {
					t.Errorf("the sender's clock: %v, want %v", got, tt.wantFrom)
				}
			})
		})
	}
}

func TestAMeasurementReplacesABoundAndStaysAgainstOne(t *testing.T) {
	c, _ := newClocks(0)
	c.note("p", Skew{Ahead: time.Hour, AtLeast: true})
	c.note("p", Skew{Ahead: time.Second})
	if s := c.of("p"); s != (Skew{}) {
		t.Errorf("after a measurement of one second: %v", s)
	}
	c.note("p", Skew{Ahead: time.Hour, AtLeast: true})
	if s := c.of("p"); s != (Skew{}) {
		t.Errorf("a bound replaced a measurement: %v", s)
	}
	for i := range 2 * maxClocks {
		c.note(peer.ID(rune(i)), Skew{Ahead: time.Hour})
	}
	if n := len(c.peers); n > maxClocks {
		t.Errorf("%d clocks are kept, at most %d", n, maxClocks)
	}
	for want, s := range map[string]Skew{
		"at least 3h0m0s ahead": {Ahead: 3 * time.Hour, AtLeast: true}, "1h0m0s behind": {Ahead: -time.Hour},
	} {
		if s.String() != want {
			t.Errorf("%q, want %q", s, want)
		}
	}
}

func TestAClockIsAskedAndHalfTheTripIsAllowedFor(t *testing.T) {
	for name, tt := range map[string]struct {
		off     time.Duration // of the other clock
		answer  func(network.Stream)
		connect bool
		want    Clocks
	}{
		"a clock that agrees": {2 * time.Second, nil, true, Clocks{Agree: 1}},
		"a clock two hours ahead": {2 * time.Hour, nil, true,
			Clocks{Differ: []PeerSkew{{"p", Skew{Ahead: 2 * time.Hour}}}}},
		"a clock behind, its peer gone": {-time.Hour, nil, false,
			Clocks{Differ: []PeerSkew{{"p", Skew{Ahead: -time.Hour}}}}},
		"a clock that agrees, peer gone": {0, nil, false, Clocks{}},
		"an answer that is not a clock": {0, func(s network.Stream) { _, _ = s.Write([]byte{1, 0xf6}); _ = s.Close() },
			true, Clocks{}},
		"an answer that is too long": {0, func(s network.Stream) { _, _ = s.Write([]byte{0xff, 1}); _ = s.Close() },
			true, Clocks{}},
		"no answer before the wait is up": {0, func(s network.Stream) { _, _ = io.Copy(io.Discard, s); _ = s.Close() },
			true, Clocks{}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, peers := newClocks(0)
				other, _ := newClocks(tt.off)
				peers.answer = func(s network.Stream) {
					time.Sleep(time.Second) // of the bubble's clock: the way there
					near, far := streamtest.Pipe("self", "p")
					go other.answer(far)
					answer, _ := io.ReadAll(near)
					time.Sleep(time.Second) // and the way back
					_, _ = s.Write(answer)
					_ = errors.Join(near.Close(), s.Close())
				}
				if tt.answer != nil {
					peers.answer = tt.answer
				}
				peers.connected["p"] = tt.connect
				c.ask(t.Context(), "p")
				got := c.compare()
				for i := range got.Differ {
					got.Differ[i].Ahead = got.Differ[i].Ahead.Round(time.Second)
				}
				if !reflect.DeepEqual(got, tt.want) {
					t.Errorf("compared: %+v, want %+v", got, tt.want)
				}
				time.Sleep(2 * clockHolds)
				if c := c.compare(); !tt.connect && len(c.Differ) != 0 {
					t.Errorf("long after its peer left a clock is reported: %+v", c)
				}
			})
		})
	}
}

func TestAPeerThatIsNotAdmittedIsNotToldTheTime(t *testing.T) {
	c, peers := newClocks(0)
	other, _ := newClocks(time.Hour)
	other.admits = func(peer.ID) error { return errors.New("no member") }
	peers.answer, peers.connected["p"] = other.answer, true
	c.ask(t.Context(), "p")
	if got := c.compare(); len(got.Differ)+got.Agree != 0 {
		t.Errorf("compared: %+v", got)
	}
}

// Nodes of older versions do not know the clock protocol.
func TestTheClockProtocolIsOptional(t *testing.T) {
	a, b := newNode(t).start(t, loopback(ProfileEdge)), newNode(t).start(t, loopback(ProfileEdge))
	b.host.RemoveStreamHandler(clockProtocol)
	connect(t, a, b)
	a.clocks.ask(t.Context(), b.ID())
	if c := a.Clocks(); len(c.Differ)+c.Agree != 0 {
		t.Errorf("compared with a peer that does not answer: %+v", c)
	}
	if p := a.Peers(); len(p) != 1 || p[0].Mesh != "test" || p[0].Skew != (Skew{}) {
		t.Errorf("the peer itself: %+v", p)
	}
}

func FuzzClock(f *testing.F) {
	f.Add([]byte{0xa1, 0x67, 'u', 'n', 'i', 'x', '_', 'm', 's', 0x01})
	f.Fuzz(func(t *testing.T, data []byte) {
		if at, err := decodeClock(data); err != nil && !at.IsZero() {
			t.Errorf("%x: %v with %v", data, at, err)
		}
	})
}
