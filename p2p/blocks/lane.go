package blocks

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// turn is a large message that is read, or waits to be.
type turn struct {
	from     peer.ID
	stream   network.Stream
	ready    chan struct{} // closed when it has a place
	begun    time.Time     // when it got the place
	end      *time.Timer
	read     atomic.Int64
	complete bool // nothing more is to come
}

// rate is how fast it has come, in bytes per second.
func (t *turn) rate(now time.Time) float64 {
	return float64(t.read.Load()) / now.Sub(t.begun).Seconds()
}

// lane is a number of places. The peer with fewest goes first, then the one that has used them for
// fewer seconds lately, then what has waited longest.
type lane struct {
	places  int
	mu      sync.Mutex
	reading []*turn
	waiting []*turn
	used    map[peer.ID]time.Duration // places, since a time
	since   time.Time
}

func newLane(places int) *lane {
	return &lane{places: places, used: map[peer.ID]time.Duration{}, since: time.Now()}
}

// compare orders what waits. Callers lock.
func (l *lane) compare(x, y *turn, held map[peer.ID]int) int {
	return cmp.Or(cmp.Compare(held[x.from], held[y.from]),
		cmp.Compare(l.used[x.from]/time.Second, l.used[y.from]/time.Second))
}

// use notes that a peer has used a place. Callers lock.
func (l *lane) use(p peer.ID, d time.Duration) {
	if now := time.Now(); now.Sub(l.since) > lately || len(l.used) >= maxUsed {
		clear(l.used)
		l.since = now
	}
	l.used[p] += d
}

// enter waits for a place.
func (l *lane) enter(ctx context.Context, s network.Stream) (*turn, error) {
	t := &turn{from: s.Conn().RemotePeer(), stream: s, ready: make(chan struct{})}
	l.mu.Lock()
	l.waiting = append(l.waiting, t)
	l.grant()
	l.mu.Unlock()
	longest := time.NewTimer(messageTime)
	defer longest.Stop()
	tick := time.NewTicker(placeWait)
	defer tick.Stop()
	for {
		select {
		case <-t.ready:
			return t, nil
		case <-tick.C:
			l.makeRoom(t)
			continue
		case <-ctx.Done():
		case <-longest.C:
		}
		l.leave(t)
		return nil, fmt.Errorf("%w: no place to read a message", ErrStalled)
	}
}

// held counts the places of each peer. Callers lock.
func (l *lane) held() map[peer.ID]int {
	held := map[peer.ID]int{}
	for _, t := range l.reading {
		held[t.from]++
	}
	return held
}

// grant gives free places to who waits. Callers lock.
func (l *lane) grant() {
	for len(l.reading) < l.places && len(l.waiting) > 0 {
		held, next := l.held(), 0
		for i, t := range l.waiting {
			if l.compare(t, l.waiting[next], held) < 0 {
				next = i
			}
		}
		t := l.waiting[next]
		l.waiting = slices.Delete(l.waiting, next, next+1)
		l.reading = append(l.reading, t)
		t.begun = time.Now()
		t.end = time.AfterFunc(messageTime, func() { _ = t.stream.Reset() })
		close(t.ready)
	}
}

// complete notes that nothing more is to come: its peer can no longer prolong it.
func (l *lane) complete(t *turn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t.complete = true
	t.end.Stop()
}

// leave gives a place back, or a turn in the queue. Leaving twice is fine.
func (l *lane) leave(t *turn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t.end != nil {
		t.end.Stop()
	}
	is := func(other *turn) bool { return other == t }
	if slices.ContainsFunc(l.reading, is) {
		l.use(t.from, time.Since(t.begun))
	}
	l.reading = slices.DeleteFunc(l.reading, is)
	l.waiting = slices.DeleteFunc(l.waiting, is)
	l.grant()
}

// makeRoom ends a message in favor of one that has waited.
func (l *lane) makeRoom(waits *turn) {
	l.mu.Lock()
	victim := l.victim(waits)
	l.mu.Unlock()
	if victim != nil {
		_ = victim.stream.Reset()
		l.leave(victim)
	}
}

// victim is the message that has to make room, nil for none: the slowest of those below the least
// rate and of those of the peer with most places, if it has at least two more than the peer that
// waits. Callers lock.
func (l *lane) victim(waits *turn) (slowest *turn) {
	if !slices.Contains(l.waiting, waits) {
		return nil
	}
	held := l.held()
	most := held[waits.from] + 2
	for _, n := range held {
		most = max(most, n)
	}
	now := time.Now()
	for _, t := range l.reading {
		if t.complete || now.Sub(t.begun) < placeWait {
			continue
		}
		if r := t.rate(now); (r < leastRate || held[t.from] >= most) && (slowest == nil || r < slowest.rate(now)) {
			slowest = t
		}
	}
	return slowest
}
