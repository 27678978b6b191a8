package node

import (
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/p2p"
)

func TestProblemsOfClocksSayWhoseAndHowMuch(t *testing.T) {
	skew := func(id string, ahead time.Duration) p2p.PeerSkew {
		return p2p.PeerSkew{ID: peer.ID(id), Skew: p2p.Skew{Ahead: ahead}}
	}
	now := time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)
	for want, c := range map[string]p2p.Clocks{
		"the clock of peer ": {Differ: []p2p.PeerSkew{skew("a", 3*time.Hour)}},
		"this device's clock differs from those of all 2 peers": {Differ: []p2p.PeerSkew{skew("a", -3*time.Hour),
			skew("b", -4*time.Hour)}},
		"the clocks of 2 peers differ from this device's": {Differ: []p2p.PeerSkew{skew("a", -3*time.Hour),
			skew("b", -4*time.Hour)}, Agree: 1},
		"the clocks of 3 peers differ from this device's": {Differ: []p2p.PeerSkew{skew("a", -3*time.Hour),
			skew("b", 4*time.Hour), skew("c", time.Hour)}},
	} {
		p := clockProblem(c, now)
		if p.Code != operations.ProblemClock || !strings.HasPrefix(p.Message, want) || !strings.Contains(p.Message,
			"3h0m0s ") || !strings.Contains(p.Hint, "2031-05-06 07:08:09 UTC") {
			t.Errorf("%+v: %+v", c, p)
		}
	}
}
