package p2p

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/marcopolo/simnet"

	"github.com/distillmesh/distillmesh/p2p/announce"
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

func TestClocksThatDifferAreSaidOnBothSides(t *testing.T) {
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
		if line := seen.next(t, "clocks differ"); !strings.Contains(line, want[off > 0]) || !strings.Contains(line, wrong.ID().String()) {
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

// A node that does not tell its time is judged by what it signs. Nothing is said
// twice, and a clock that is set right is right again.
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
				shift.Store(0) // its next round is signed by the right time
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

// What reaches a node over others shows the least that the clocks can differ by.
func TestAnnouncementsBoundClocks(t *testing.T) {
	n := newNode(t).start(t, loopback(ProfileEdge))
	now := time.Now()
	from, signer := peer.ID("from"), peer.ID("signer")
	r := announce.Record{Signer: signer, Announcement: announce.Announcement{Issued: now.Add(3 * time.Hour), Expires: now.Add(5 * time.Hour)}}
	n.clocks.judge(from, r, announce.ErrFromFuture, true)
	if s := n.clocks.of(signer); !near(s.Ahead, 3*time.Hour) || !s.AtLeast || s.String() != "at least 3h0m0s ahead" {
		t.Errorf("signer of a record from the future: %v", s)
	}
	r.Issued, r.Expires = now.Add(-9*time.Hour), now.Add(-7*time.Hour)
	n.clocks.judge(from, r, announce.ErrExpired, false)
	if s := n.clocks.of(from); !near(s.Ahead, -7*time.Hour) || !s.AtLeast {
		t.Errorf("peer that hands over what has expired: %v", s)
	}
	n.clocks.note(from, Skew{Ahead: time.Second}) // measured
	n.clocks.judge(from, r, announce.ErrExpired, false)
	if s := n.clocks.of(from); s != (Skew{}) {
		t.Errorf("a bound stands over a measurement: %v", s)
	}
	r.Expires = now.Add(-time.Minute) // lapsed on its way
	n.clocks.judge(peer.ID("other"), r, announce.ErrExpired, false)
	if s := n.clocks.of("other"); s != (Skew{}) {
		t.Errorf("a record that lapsed on its way counts: %v", s)
	}
	for i := range 2 * maxClocks {
		n.clocks.note(peer.ID(rune(i)), Skew{Ahead: time.Hour})
	}
	if n := len(n.clocks.peers); n > maxClocks {
		t.Errorf("%d clocks are kept", n)
	}
}

// A node of an older version knows no clock protocol: nothing breaks.
func TestTheClockProtocolIsOptional(t *testing.T) {
	a, b := newNode(t).start(t, loopback(ProfileEdge)), newNode(t).start(t, loopback(ProfileEdge))
	b.host.RemoveStreamHandler(clockProtocol)
	connect(t, a, b)
	a.clocks.ask(t.Context(), b.ID())
	if c := a.Clocks(); len(c.Differ)+c.Agree != 0 {
		t.Errorf("compared with a peer that tells no time: %+v", c)
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
