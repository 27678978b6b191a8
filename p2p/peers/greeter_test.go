package peers

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	mh "github.com/multiformats/go-multihash"
	"github.com/multiformats/go-multistream"

	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/members"
	"github.com/distillmesh/distillmesh/p2p/streamtest"
	"github.com/distillmesh/distillmesh/p2p/wire"
)

func taskOf(name string) cid.Cid {
	c, err := cid.V1Builder{Codec: cid.Raw, MhType: mh.SHA2_256}.Sum([]byte(name))
	if err != nil {
		panic(err)
	}
	return c
}

var someHello = Hello{Version: 1, Mesh: "open", Role: "edge", Agent: "distillmesh/1",
	Tasks: []cid.Cid{taskOf("a"), taskOf("b")}}

// Hellos as earlier versions sent them: someHello, and one that refuses.
const (
	helloBytes = "a5646d657368646f70656e64726f6c656465646765656167656e746d64697374696c6c6d6573682f31657461736b7382" +
		"d82a58250001551220ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb" +
		"d82a582500015512203e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d6776657273696f6e01"
	refusalBytes = "a5646d657368646f70656e64726f6c656465646765656167656e746d64697374696c6c6d6573682f3166726561736f6e" +
		"781a69742062656c6f6e677320746f20616e6f74686572206d6573686776657273696f6e01"
)

func TestHellosHaveTheBytesOfEarlierVersions(t *testing.T) {
	refusal := someHello
	refusal.Tasks, refusal.Reason = nil, "it belongs to another mesh"
	for want, h := range map[string]Hello{helloBytes: someHello, refusalBytes: refusal} {
		data, err := h.encode()
		if err != nil || hex.EncodeToString(data) != want {
			t.Errorf("encoded %x, %v; want %s", data, err, want)
		}
		if got, err := decodeHello(data); err != nil || !reflect.DeepEqual(got, h) {
			t.Errorf("decoded %+v, %v; want %+v", got, err, h)
		}
	}
}

func TestAHelloBeyondItsLimitsIsRefused(t *testing.T) {
	for name, h := range map[string]Hello{
		"role":  {Version: 1, Role: strings.Repeat("x", MaxRole+1)},
		"agent": {Version: 1, Agent: strings.Repeat("x", MaxAgent+1)},
		"tasks": {Version: 1, Tasks: make([]cid.Cid, announce.MaxTasks+1)},
	} {
		for i := range h.Tasks {
			h.Tasks[i] = taskOf("t")
		}
		data, err := h.encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeHello(data); !errors.Is(err, wire.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAHelloOfALaterVersionIsReadWhateverElseItSays(t *testing.T) {
	var m wire.Map
	m.Int("version", 2)
	m.String("voucher", "signed")
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if h, err := decodeHello(data); err != nil || h.Version != 2 {
		t.Errorf("decoded %+v, %v", h, err)
	}
}

func FuzzDecodeHello(f *testing.F) {
	for _, text := range []string{helloBytes, refusalBytes, "a0"} {
		data, err := hex.DecodeString(text)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > maxHello {
			return
		}
		h, err := decodeHello(data)
		if err == nil && (len(h.Tasks) > announce.MaxTasks || len(h.Agent) > MaxAgent) {
			t.Errorf("accepted %+v", h)
		}
		if err == nil && h.Version == announce.Version {
			if again, err := h.encode(); err != nil || !bytes.Equal(again, data) && len(again) >= len(data) {
				t.Errorf("%x encodes again as %x, %v", data, again, err)
			}
		}
	})
}

// testNode is a greeter and its table, and stands for the node's network.
type testNode struct {
	*Greeter
	table *testTable
	id    peer.ID
	hello Hello

	mu      sync.Mutex
	other   func(network.Stream) // answers this node's streams; nil speaks no hello
	streams int
	closed  []peer.ID
	met     []peer.ID
}

func newTestNode(t *testing.T, n int, h Hello, membership members.Membership) *testNode {
	t.Helper()
	tn := &testNode{id: peerOf(n), hello: h, table: newTestTable(t, membership)}
	tn.Greeter = NewGreeter(t.Context(), tn.table.Table, tn, GreeterOptions{
		Self: func() Hello { return tn.hello }, Wait: 10 * time.Second, Logger: silent,
		Met: func(p peer.ID, _ Hello) {
			tn.mu.Lock()
			defer tn.mu.Unlock()
			tn.met = append(tn.met, p)
		},
	})
	return tn
}

func (tn *testNode) NewStream(_ context.Context, p peer.ID, _ ...protocol.ID) (network.Stream, error) {
	tn.mu.Lock()
	defer tn.mu.Unlock()
	tn.streams++
	if tn.other == nil {
		return nil, multistream.ErrNotSupported[protocol.ID]{}
	}
	ours, theirs := streamtest.Pipe(tn.id, p)
	go tn.other(theirs)
	return ours, nil
}

func (tn *testNode) ClosePeer(p peer.ID) error {
	tn.mu.Lock()
	defer tn.mu.Unlock()
	tn.closed = append(tn.closed, p)
	return nil
}

func TestHelloAdmitsOrRefusesOnBothSides(t *testing.T) {
	open := Hello{Version: 1, Mesh: "open", Role: "edge"}
	dialer, listener := peerOf(1), peerOf(2)
	for _, tt := range []struct {
		name               string
		theirs             Hello
		dialers, listeners members.Membership
		reason             string // for the dialer; empty when admitted
	}{
		{"nodes of one mesh", open, nil, nil, ""},
		{"another role", Hello{Version: 1, Mesh: "open", Role: "trainer"}, nil, nil, ""},
		{"another mesh", Hello{Version: 1, Mesh: "lab"}, nil, nil, `it belongs to mesh "open", this node to "lab"`},
		{"another version", Hello{Version: 2, Mesh: "open"}, nil, nil, "it speaks version 1 of the protocol, this node 2"},
		{"a dialer that is no member", open, nil, without{dialer}, "it is not on the list of members"},
		{"a listener that is no member", open, without{listener}, nil, "it is not on the list of members"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := newTestNode(t, 1, open, tt.dialers), newTestNode(t, 2, tt.theirs, tt.listeners)
				a.other = func(s network.Stream) { b.Answer(s) }
				err := a.Greet(t.Context(), b.id)
				synctest.Wait()
				if tt.reason == "" {
					if err != nil || len(a.met) != 1 || len(b.met) != 1 || len(a.closed)+len(b.closed) != 0 {
						t.Errorf("greet: %v; met %v and %v, closed %v and %v", err, a.met, b.met, a.closed, b.closed)
					}
					return
				}
				var refused *RefusedError
				if !errors.As(err, &refused) || refused.Reason != tt.reason || refused.Peer != b.id {
					t.Fatalf("greet: %v, want the reason %q", err, tt.reason)
				}
				if len(a.met) != 0 || len(a.closed) != 1 || a.table.Admits(b.id) == nil {
					t.Errorf("the dialer met %v and closed %v", a.met, a.closed)
				}
			})
		})
	}
}

func TestTheRefusedSideLearnsTheReasonAndBothCloseTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTestNode(t, 1, Hello{Version: 1, Mesh: "open"}, nil)
		b := newTestNode(t, 2, Hello{Version: 1, Mesh: "open"}, without{peerOf(1)})
		a.other = func(s network.Stream) { b.Answer(s) }
		_ = a.Greet(t.Context(), b.id)
		synctest.Wait()
		for name, n := range map[string]*testNode{"the refused": a, "the refusing": b} {
			if got := n.table.Refusals(); len(got) != 1 || got[0].Reason != "it is not on the list of members" ||
				len(n.closed) != 1 {
				t.Errorf("%s side notes %+v and closed %v", name, got, n.closed)
			}
		}
	})
}

func TestOtherSoftwareIsAdmittedWithoutAHelloUnlessItIsNoMember(t *testing.T) {
	for _, tt := range []struct {
		name       string
		membership members.Membership
		admitted   bool
	}{{"an open mesh", nil, true}, {"a mesh of members", without{peerOf(2)}, false}} {
		t.Run(tt.name, func(t *testing.T) {
			a := newTestNode(t, 1, Hello{Version: 1, Mesh: "open"}, tt.membership)
			err := a.Greet(t.Context(), peerOf(2))
			if (err == nil) != tt.admitted || (len(a.closed) == 0) != tt.admitted {
				t.Errorf("greet: %v, closed %v", err, a.closed)
			}
			if len(a.table.Met()) != 0 || len(a.met) != 0 {
				t.Error("other software counts as a node of the mesh")
			}
		})
	}
}

func TestThereIsOneHelloPerConnectionHoweverManyAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hello := Hello{Version: 1, Mesh: "open"}
		a, b := newTestNode(t, 1, hello, nil), newTestNode(t, 2, hello, nil)
		a.other = func(s network.Stream) {
			time.Sleep(time.Second) // of the bubble's clock
			b.Answer(s)
		}
		var asking sync.WaitGroup
		for range 8 {
			asking.Go(func() {
				if err := a.Greet(t.Context(), b.id); err != nil {
					t.Error(err)
				}
			})
		}
		asking.Wait()
		if err := a.Greet(t.Context(), b.id); err != nil || a.streams != 1 {
			t.Errorf("%d hellos, %v", a.streams, err)
		}
		a.table.Drop(b.id)
		a.Forget(b.id)
		if err := a.Greet(t.Context(), b.id); err != nil || a.streams != 2 {
			t.Errorf("after a new connection %d hellos, %v; want 2", a.streams, err)
		}
	})
}

func TestWhoAsksAfterARefusalClosedTheConnectionLearnsTheReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newTestNode(t, 1, Hello{Version: 1, Mesh: "open"}, nil)
		b := newTestNode(t, 2, Hello{Version: 1, Mesh: "lab"}, nil)
		a.other = func(s network.Stream) { b.Answer(s) }
		first := a.Greet(t.Context(), b.id)
		a.table.Drop(b.id)
		a.Forget(b.id)
		var refused *RefusedError
		if err := a.Greet(t.Context(), b.id); !errors.As(err, &refused) || refused.Error() != first.Error() {
			t.Errorf("greet: %v, then %v", first, err)
		}
		if a.streams != 1 {
			t.Errorf("%d hellos over a connection that is closed", a.streams)
		}
		a.table.ClearRefusal(b.id)
		if err := a.Greet(t.Context(), b.id); err == nil || a.streams != 2 {
			t.Errorf("once the user asks again: %v, %d hellos; want another hello", err, a.streams)
		}
	})
}

func TestAPeerThatDoesNotAnswerIsUnreachable(t *testing.T) {
	for name, answer := range map[string]func(network.Stream){
		"one that stays silent": func(s network.Stream) {
			_, _ = io.Copy(io.Discard, s)
			_ = s.Close()
		},
		"one that closes the stream": func(s network.Stream) { _ = s.Close() },
		"one that answers nonsense": func(s network.Stream) {
			_, _ = receiveHello(s)
			_, _ = s.Write([]byte{3, 1, 2, 3})
			_ = s.Close()
		},
		"one that answers too much": func(s network.Stream) {
			_, _ = receiveHello(s)
			_, _ = s.Write([]byte{0xff, 0xff, 0x7f})
			_ = s.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newTestNode(t, 1, Hello{Version: 1, Mesh: "open"}, nil)
				a.other = answer
				start := time.Now()
				err := a.Greet(t.Context(), peerOf(2))
				if !errors.Is(err, ErrUnreachable) || time.Since(start) > 10*time.Second {
					t.Errorf("greet: %v after %v, want ErrUnreachable within the wait", err, time.Since(start))
				}
				if _, ok := a.table.Hello(peerOf(2)); ok {
					t.Error("it counts as met")
				}
			})
		})
	}
}
