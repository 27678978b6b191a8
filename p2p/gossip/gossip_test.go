package gossip

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs/go-cid"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	mocknet "github.com/libp2p/go-libp2p/p2p/net/mock"
	mh "github.com/multiformats/go-multihash"
	"go.uber.org/goleak"

	"github.com/distillmesh/distillmesh/p2p/announce"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func taskOf(name string) cid.Cid {
	c, err := cid.V1Builder{Codec: cid.Raw, MhType: mh.SHA2_256}.Sum([]byte(name))
	if err != nil {
		panic(err)
	}
	return c
}

// message is what a validator was asked about.
type message struct {
	topic cid.Cid
	from  peer.ID
	data  string
}

// member is a bus in a network in memory, with what it received.
type member struct {
	*Bus
	host     host.Host
	verdict  atomic.Int64
	received chan message
	joined   chan cid.Cid // topics that a peer joined
}

// line makes n buses, each connected to the next one alone.
func line(t *testing.T, n int, opt Options) []*member {
	t.Helper()
	network, err := mocknet.FullMeshLinked(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := network.Close(); err != nil {
			t.Error(err)
		}
	})
	members := make([]*member, n)
	for i, h := range network.Hosts() {
		m := &member{host: h, received: make(chan message, 64), joined: make(chan cid.Cid, 64)}
		m.verdict.Store(int64(announce.Accept))
		opt.Mesh = "test"
		opt.Validate = func(_ context.Context, topic cid.Cid, from peer.ID, data []byte) announce.Verdict {
			m.received <- message{topic, from, string(data)}
			return announce.Verdict(m.verdict.Load())
		}
		if m.Bus, err = Open(h, opt); err != nil {
			t.Fatal(err)
		}
		m.OnPeerJoined(func(topic cid.Cid, _ peer.ID) { m.joined <- topic })
		t.Cleanup(func() {
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		})
		members[i] = m
	}
	for i := range n - 1 {
		if _, err := network.ConnectPeers(members[i].host.ID(), members[i+1].host.ID()); err != nil {
			t.Fatal(err)
		}
	}
	return members
}

// settle lets virtual time pass, in which heartbeats run and messages arrive.
func settle() {
	time.Sleep(3 * time.Second) // of the bubble's clock
	synctest.Wait()
}

// drain returns what a channel holds.
func drain[T any](from chan T) (out []T) {
	for {
		select {
		case v := <-from:
			out = append(out, v)
		default:
			return out
		}
	}
}

// publish sends on a topic.
func (m *member) publish(t *testing.T, topic cid.Cid, data string) {
	t.Helper()
	if err := m.Publish(t.Context(), topic, []byte(data)); err != nil {
		t.Fatal(err)
	}
}

func TestAcceptedMessagesAreForwardedAndOthersAreNot(t *testing.T) {
	for _, tt := range []struct {
		verdict announce.Verdict
		reaches bool
	}{{announce.Accept, true}, {announce.Ignore, false}, {announce.Reject, false}} {
		t.Run(tt.verdict.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := line(t, 3, Options{})
				settle()
				m[1].verdict.Store(int64(tt.verdict))
				m[0].publish(t, cid.Undef, "hello")
				settle()
				want := message{cid.Undef, m[0].host.ID(), "hello"}
				if got := drain(m[1].received); len(got) != 1 || got[0] != want {
					t.Errorf("the neighbor judged %+v, want %+v", got, want)
				}
				if got := drain(m[2].received); (len(got) == 1) != tt.reaches {
					t.Errorf("the end of the line received %+v; %t was wanted", got, tt.reaches)
				}
			})
		})
	}
}

func TestMessagesReachTheNodesOfTheirTopic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := line(t, 2, Options{Small: true})
		task, other := taskOf("digits"), taskOf("letters")
		if err := errors.Join(m[0].Join(task), m[0].Join(other), m[1].Join(task), m[1].Join(task)); err != nil {
			t.Fatal(err)
		}
		settle()
		if got := drain(m[0].joined); len(got) != 2 || !slices.ContainsFunc(got, task.Equals) {
			t.Errorf("the other node was seen to join %v, want the mesh's topic and the task's", got)
		}
		if x, y := m[0].Peers(task), m[0].Peers(other); x != 1 || y != 0 {
			t.Errorf("%d peers in the topic of both, %d in the other", x, y)
		}
		m[0].publish(t, other, "to nobody")
		m[0].publish(t, task, "to the task")
		settle()
		if got := drain(m[1].received); len(got) != 1 || got[0] != (message{task, m[0].host.ID(), "to the task"}) {
			t.Errorf("received %+v", got)
		}
		if err := errors.Join(m[1].Leave(task), m[1].Leave(task), m[1].Leave(other)); err != nil {
			t.Errorf("leaving, again, and what is not joined: %v", err)
		}
		if got := m[0].Tasks(); len(got) != 2 || len(m[1].Tasks()) != 0 {
			t.Errorf("tasks %v and %v", got, m[1].Tasks())
		}
		if err := m[1].Publish(t.Context(), task, []byte("x")); !errors.Is(err, ErrNotJoined) {
			t.Errorf("publish after leaving: %v, want ErrNotJoined", err)
		}
		m[0].publish(t, task, "after it left")
		settle()
		if got := drain(m[1].received); len(got) != 0 {
			t.Errorf("received after leaving: %+v", got)
		}
	})
}

func TestAMessageAboveTheLimitIsAnErrorAndIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := line(t, 2, Options{})
		settle()
		err := m[0].Publish(t.Context(), cid.Undef, make([]byte, announce.MaxEnvelopeBytes+1))
		if !errors.Is(err, ErrTooLarge) {
			t.Errorf("publish: %v, want ErrTooLarge", err)
		}
		largest := string(bytes.Repeat([]byte{'x'}, announce.MaxEnvelopeBytes))
		m[0].publish(t, cid.Undef, largest)
		settle()
		if got := drain(m[1].received); len(got) != 1 || got[0].data != largest {
			t.Errorf("received %d messages, want the largest one", len(got))
		}
	})
}

func TestTheNumberOfTasksIsBounded(t *testing.T) {
	m := line(t, 1, Options{})[0]
	for i := range announce.MaxTasks {
		if err := m.Join(taskOf(fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Join(taskOf("one more")); !errors.Is(err, ErrTooManyTasks) {
		t.Errorf("task %d: %v, want ErrTooManyTasks", announce.MaxTasks+1, err)
	}
	if err := m.Leave(taskOf("0")); err != nil {
		t.Fatal(err)
	}
	if err := m.Join(taskOf("one more")); err != nil {
		t.Errorf("after leaving one: %v", err)
	}
}

func TestOnlySubscriptionsToTopicsOfTheMeshAreTracked(t *testing.T) {
	filter := topicsOfMesh("/distillmesh/a.b/1")
	task := taskOf("digits").String()
	for name, tt := range map[string]struct {
		topic string
		want  bool
	}{
		"the mesh's own topic":             {"/distillmesh/a.b/1", true},
		"the topic of a task":              {"/distillmesh/a.b/1/" + task, true},
		"another mesh":                     {"/distillmesh/axb/1", false},
		"another version":                  {"/distillmesh/a.b/2", false},
		"a mesh whose name is longer":      {"/distillmesh/a.b/1x", false},
		"what is no CID":                   {"/distillmesh/a.b/1/" + task[:20], false},
		"a task below a task":              {"/distillmesh/a.b/1/" + task + "/" + task, false},
		"the topic of a task, and a break": {"/distillmesh/a.b/1/" + task + "\n", false},
	} {
		if got := filter.CanSubscribe(tt.topic); got != tt.want {
			t.Errorf("%s: %t, want %t", name, got, tt.want)
		}
	}
	subscribe, topic := true, "/distillmesh/a.b/1"
	many := make([]*pb.RPC_SubOpts, maxSubscriptionsInRPC+1)
	for i := range many {
		many[i] = &pb.RPC_SubOpts{Subscribe: &subscribe, Topicid: &topic}
	}
	if _, err := filter.FilterIncomingSubscriptions("p", many); err == nil {
		t.Errorf("%d subscriptions in one message were accepted", len(many))
	}
	if got, err := filter.FilterIncomingSubscriptions("p", many[1:]); err != nil || len(got) != 1 {
		t.Errorf("as many as honest nodes may send: %d, %v", len(got), err)
	}
}

// The library refuses parameters that contradict each other only when gossip starts,
// and says nothing of a peer's score: these are the rules that the parameters follow.
func TestScoresPunishInvalidMessagesAndNothingElse(t *testing.T) {
	topic := topicScoreParams()
	if topic.InvalidMessageDeliveriesWeight >= 0 || topic.MeshMessageDeliveriesWeight != 0 ||
		topic.MeshFailurePenaltyWeight != 0 {
		t.Errorf("a quiet peer is punished, or an invalid message is not: %+v", topic)
	}
	peers := scoreParams()
	if peers.IPColocationFactorWeight != 0 {
		t.Error("peers behind one address are punished")
	}
	// Peers name others when a topic is left (peer exchange). No score is high enough to dial those.
	if peers.TopicScoreCap >= scoreThresholds().AcceptPXThreshold || peers.AppSpecificScore("p") != 0 {
		t.Error("a peer can have this node dial whom it names")
	}
	// Penalties are squared: the sixth invalid message of a peer ends what it can send.
	graylist := scoreThresholds().GraylistThreshold
	for n, want := range map[float64]bool{5: false, 6: true} {
		if got := topic.InvalidMessageDeliveriesWeight*n*n < graylist; got != want {
			t.Errorf("graylisted after %v invalid messages: %t, want %t", n, got, want)
		}
	}
	for _, d := range []time.Duration{time.Hour, 6 * time.Hour} {
		left := math.Pow(decayOver(d), float64(d/scoreDecayInterval))
		if left < 0.009 || left > 0.011 {
			t.Errorf("after %v a counter is at %.4f of its value, want 1 %%", d, left)
		}
	}
}
