package peers

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

var errDown = errors.New("connection refused")

// fakeNetwork reaches the peers that are up.
type fakeNetwork struct {
	mu        sync.Mutex
	up        map[peer.ID]bool
	connected map[peer.ID]bool
	extra     int // connections to peers that are no targets
	dialed    []peer.ID
}

func newFakeNetwork() *fakeNetwork {
	return &fakeNetwork{up: map[peer.ID]bool{}, connected: map[peer.ID]bool{}}
}

func (n *fakeNetwork) Dial(_ context.Context, p peer.AddrInfo) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dialed = append(n.dialed, p.ID)
	if !n.up[p.ID] {
		return errDown
	}
	n.connected[p.ID] = true
	return nil
}

func (n *fakeNetwork) Connected(p peer.ID) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.connected[p]
}

func (n *fakeNetwork) Size() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.connected) + n.extra
}

// testDialer is a dialer with a clock and a network that the test moves.
type testDialer struct {
	*Dialer
	table *testTable
	net   *fakeNetwork
	log   bytes.Buffer
}

func newTestDialer(t *testing.T, table *testTable, bootstrap ...peer.ID) *testDialer {
	t.Helper()
	d := &testDialer{table: table, net: newFakeNetwork()}
	var infos []peer.AddrInfo
	for _, p := range bootstrap {
		infos = append(infos, peer.AddrInfo{ID: p, Addrs: []ma.Multiaddr{tcp}})
	}
	d.Dialer = NewDialer(table.Table, d.net, DialerOptions{
		Bootstrap: infos, Peers: 3, Redial: 5 * time.Second, RedialMax: 10 * time.Minute,
		Limit: func(addrs []ma.Multiaddr) []ma.Multiaddr { return addrs },
		Now:   func() time.Time { return table.now }, Logger: slog.New(slog.NewTextHandler(&d.log, nil)),
	})
	d.jitter = 0 // exact pauses
	return d
}

// step runs one round and its attempts, moves the clock to the next one, and
// returns how many attempts there were and how far the clock moved.
func (d *testDialer) step(t *testing.T) (attempts int, wait time.Duration) {
	t.Helper()
	due, wait := d.round()
	for _, p := range due {
		d.dial(t.Context(), p)
	}
	d.table.now = d.table.now.Add(wait)
	return len(due), wait
}

func TestPausesBetweenAttemptsDoubleUpToTheLongest(t *testing.T) {
	d := newTestDialer(t, newTestTable(t, nil), peerOf(1))
	want := []time.Duration{5, 10, 20, 40, 80, 160, 320, 600, 600, 600}
	for i, seconds := range want {
		if n, wait := d.step(t); n != 1 || wait != seconds*time.Second {
			t.Fatalf("attempt %d: %d dials, then %v; want one, then %v", i, n, wait, seconds*time.Second)
		}
	}
	if n := strings.Count(d.log.String(), "bootstrap peer not reached"); n != 1 {
		t.Errorf("the failure was logged %d times, want once", n)
	}
}

func TestPausesOfDifferentNodesDiffer(t *testing.T) {
	table := newTestTable(t, nil)
	pauses := map[time.Duration]bool{}
	for range 20 {
		d := newTestDialer(t, table, peerOf(1))
		d.jitter = NewDialer(table.Table, d.net, DialerOptions{}).jitter
		_, wait := d.step(t)
		if wait < 2500*time.Millisecond || wait > 7500*time.Millisecond {
			t.Errorf("the first pause is %v, want 2.5 to 7.5 s", wait)
		}
		pauses[wait] = true
	}
	if len(pauses) < 10 {
		t.Errorf("%d different pauses out of 20", len(pauses))
	}
}

func TestALostPeerIsDialedSoonAndAPeerThatWasMetStartsWithShortPauses(t *testing.T) {
	d := newTestDialer(t, newTestTable(t, nil), peerOf(1))
	for range 6 {
		d.step(t)
	}
	d.net.up[peerOf(1)] = true
	if n, wait := d.step(t); n != 1 || !d.net.connected[peerOf(1)] || wait != 320*time.Second {
		t.Fatalf("%d dials, then %v", n, wait)
	}
	d.Met(peerOf(1))
	if n, wait := d.step(t); n != 0 || wait != 10*time.Minute {
		t.Fatalf("while connected: %d dials, then %v", n, wait)
	}
	delete(d.net.connected, peerOf(1))
	d.net.up[peerOf(1)] = false
	d.Lost(peerOf(1))
	for _, want := range []struct {
		dials int
		wait  time.Duration
	}{{0, 5 * time.Second}, {1, 10 * time.Second}, {1, 20 * time.Second}} {
		if n, wait := d.step(t); n != want.dials || wait != want.wait {
			t.Errorf("after the loss: %d dials, then %v; want %+v", n, wait, want)
		}
	}
	if n := strings.Count(d.log.String(), "bootstrap peer not reached"); n != 2 {
		t.Errorf("logged %d times, want once before and once after it was met", n)
	}
}

func TestKnownPeersAreDialedOnlyWhileThereIsRoom(t *testing.T) {
	table := newTestTable(t, nil)
	for i := range 4 {
		table.Remember(peerOf(i), []ma.Multiaddr{tcp})
	}
	for _, tt := range []struct {
		name        string
		connections int
		known       int // of the four that are dialed in the first round
	}{
		{"no connection: three are dialed beside the bootstrap peer's room", 0, 2},
		{"one connection", 1, 1},
		{"as many connections as there should be", 3, 0},
		{"more than that", 9, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newTestDialer(t, table, peerOf(9))
			d.net.extra = tt.connections
			due, _ := d.round()
			if len(due) != tt.known+1 || due[0].ID != peerOf(9) {
				t.Errorf("dials %v, want the bootstrap peer and %d known ones", due, tt.known)
			}
		})
	}
}

func TestKnownPeersAreDialedWhereTheyMayBeAndBootstrapPeersWhereTheirUserSays(t *testing.T) {
	table := newTestTable(t, nil)
	table.Remember(peerOf(1), []ma.Multiaddr{tcp, quic})
	table.Remember(peerOf(2), []ma.Multiaddr{tcp})
	d := newTestDialer(t, table, peerOf(9))
	d.opt.Limit = func(addrs []ma.Multiaddr) []ma.Multiaddr {
		return slices.DeleteFunc(slices.Clone(addrs), tcp.Equal)
	}
	due, _ := d.round()
	if len(due) != 2 || due[0].ID != peerOf(9) || len(due[1].Addrs) != 1 || !due[1].Addrs[0].Equal(quic) {
		t.Errorf("dials %v, want the bootstrap peer and one known peer at %v", due, quic)
	}
	if due, _ := d.round(); len(due) != 0 {
		t.Errorf("%v is dialed again at once", due)
	}
}

func TestPeersThatCannotBeTargetsAreNotDialed(t *testing.T) {
	table := newTestTable(t, without{peerOf(1)})
	table.Remember(peerOf(1), []ma.Multiaddr{tcp}) // a member no more
	table.Remember(peerOf(2), []ma.Multiaddr{tcp})
	d := newTestDialer(t, table)
	d.Lost(peerOf(3)) // never known
	if n, _ := d.step(t); n != 1 || d.net.dialed[0] != peerOf(2) {
		t.Errorf("dialed %v, want peer 2 alone", d.net.dialed)
	}
	if _, kept := d.attempts[peerOf(3)]; kept {
		t.Error("the state of a peer that is no target stays")
	}
}

func TestAnAttemptThatStillRunsIsNotRepeated(t *testing.T) {
	d := newTestDialer(t, newTestTable(t, nil), peerOf(1))
	if due, _ := d.round(); len(due) != 1 {
		t.Fatalf("first round: %v", due)
	}
	d.table.now = d.table.now.Add(time.Hour)
	if due, _ := d.round(); len(due) != 0 {
		t.Errorf("dialed again while the first attempt runs: %v", due)
	}
	d.dial(t.Context(), peer.AddrInfo{ID: peerOf(1)})
	select {
	case <-d.wake:
	default:
		t.Error("the next attempt is not planned when an attempt ends that took longer than the pause")
	}
}

func TestRunDialsUntilItIsStoppedAndWaitsForItsAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newTestDialer(t, newTestTable(t, nil), peerOf(1))
		start := time.Now()
		d.opt.Now = func() time.Time { return epoch.Add(time.Since(start)) }
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { d.Run(ctx); close(done) }()
		time.Sleep(time.Hour) // of the bubble's clock
		d.net.mu.Lock()
		failed := len(d.net.dialed) // 8 within 635 s, then one per 10 minutes
		d.net.up[peerOf(1)] = true
		d.net.mu.Unlock()
		if failed != 12 {
			t.Errorf("%d attempts in an hour, want 12", failed)
		}
		time.Sleep(10 * time.Minute)
		if !d.net.Connected(peerOf(1)) {
			t.Error("not connected ten minutes after the peer came back")
		}
		cancel()
		<-done
	})
}
