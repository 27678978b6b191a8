package ledger

import (
	"fmt"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

func TestBytesAreCountedByPeerAndProtocol(t *testing.T) {
	l := New()
	l.LogSentMessage(10)
	l.LogSentMessageStream(10, "/a", "p")
	l.LogRecvMessage(5)
	l.LogRecvMessageStream(5, "/b", "p")
	if got := l.Totals(); got != (Count{In: 5, Out: 10}) {
		t.Errorf("totals %+v", got)
	}
	if got := l.ByPeer()["p"]; got != (Count{In: 5, Out: 10}) {
		t.Errorf("peer %+v", got)
	}
	if got := l.ByProtocol(); got["/a"] != (Count{Out: 10}) || got["/b"] != (Count{In: 5}) {
		t.Errorf("protocols %+v", got)
	}
	if got := l.GetBandwidthForProtocol("/a"); got.TotalOut != 10 {
		t.Errorf("reporter %+v", got)
	}
}

func TestRowsAreBoundedAndNoByteIsLost(t *testing.T) {
	l := New()
	const n = maxPeers + 100
	for i := range n {
		l.LogSentMessageStream(1, protocol.ID(fmt.Sprint("/", i)), peer.ID(fmt.Sprint(i)))
	}
	var peers, protocols int64
	for _, c := range l.ByPeer() {
		peers += c.Out
	}
	for _, c := range l.ByProtocol() {
		protocols += c.Out
	}
	if peers != n || protocols != n || len(l.ByPeer()) > maxPeers+1 || len(l.ByProtocol()) > maxProtocols+1 {
		t.Errorf("%d and %d bytes in %d and %d rows, want %d", peers, protocols, len(l.ByPeer()), len(l.ByProtocol()), n)
	}
}

func BenchmarkLog(b *testing.B) {
	l := New()
	b.ReportAllocs()
	for b.Loop() {
		l.LogSentMessageStream(100, "/ipfs/bitswap/1.2.0", "peer")
	}
}
