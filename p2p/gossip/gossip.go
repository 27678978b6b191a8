// Package gossip spreads small signed messages to every node of a topic: the
// mesh's own topic and one per task. One validator judges every message that
// arrives and decides whether it is forwarded.
package gossip

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/distillmesh/distillmesh/p2p/announce"
)

const (
	maxMessageBytes       = 16 << 10
	maxSubscriptionsInRPC = 2 * announce.MaxTasks // joins and leaves may share a message
	seenTTL               = 10 * time.Minute
	validatorTimeout      = time.Second
)

// Errors of this package.
var (
	ErrTooLarge     = errors.New("message exceeds the gossip limit")
	ErrTooManyTasks = fmt.Errorf("more than %d tasks", announce.MaxTasks)
	ErrNotJoined    = errors.New("topic not joined")
)

// Validator judges data that peer from forwarded on a topic: a task, or Undef for
// the mesh's own topic. It is called from several goroutines.
type Validator func(ctx context.Context, topic cid.Cid, from peer.ID, data []byte) announce.Verdict

// Options of a Bus.
type Options struct {
	Mesh     string    // name of the mesh, part of every topic
	Small    bool      // queues for a small device instead of the library's defaults
	Validate Validator // must be set
}

// Bus is one node's membership in the topics it joined.
type Bus struct {
	self   peer.ID
	prefix string
	ps     *pubsub.PubSub
	opt    Options
	ctx    context.Context
	cancel context.CancelFunc
	events sync.WaitGroup

	mu         sync.Mutex
	topics     map[cid.Cid]*joined // Undef is the mesh's own topic
	peerJoined func(topic cid.Cid, p peer.ID)
}

var _ announce.Topics = (*Bus)(nil)

// joined is an open topic. The node relays the topic and does not subscribe to it:
// the validator has taken each message already, and a second copy would be unread.
type joined struct {
	topic  *pubsub.Topic
	events *pubsub.TopicEventHandler
	leave  pubsub.RelayCancelFunc
}

// Open starts gossip on h and joins the mesh's own topic.
func Open(h host.Host, opt Options) (*Bus, error) {
	ctx, cancel := context.WithCancel(context.Background())
	b := &Bus{
		self: h.ID(), prefix: fmt.Sprintf("/distillmesh/%s/%d", opt.Mesh, announce.Version),
		opt: opt, ctx: ctx, cancel: cancel, topics: map[cid.Cid]*joined{},
	}
	ps, err := pubsub.NewGossipSub(ctx, h, b.options(opt)...)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("open gossip: %w", err)
	}
	b.ps = ps
	if err := b.Join(cid.Undef); err != nil {
		cancel()
		return nil, fmt.Errorf("open gossip: %w", err)
	}
	return b, nil
}

func (b *Bus) options(opt Options) []pubsub.Option {
	opts := []pubsub.Option{
		pubsub.WithMaxMessageSize(maxMessageBytes),
		pubsub.WithMessageIdFn(contentID),
		pubsub.WithSeenMessagesTTL(seenTTL),
		// Messages are small and rare. Without flooding, a message published before the
		// first heartbeat would reach nobody.
		pubsub.WithFloodPublish(true),
		pubsub.WithSubscriptionFilter(topicsOfMesh(b.prefix)),
		pubsub.WithPeerScore(scoreParams(), scoreThresholds()),
		pubsub.WithMaxControlMessageSize(maxMessageBytes),
	}
	if opt.Small {
		params := pubsub.DefaultGossipSubParams()
		params.D, params.Dlo, params.Dhi, params.Dlazy = 6, 4, 8, 6
		opts = append(opts, pubsub.WithGossipSubParams(params), pubsub.WithPeerOutboundQueueSize(128),
			pubsub.WithValidateQueueSize(64), pubsub.WithValidateWorkers(2), pubsub.WithValidateThrottle(64))
	}
	return opts
}

// topicsOfMesh accepts subscriptions to the topics of one mesh alone, since each that
// is tracked costs memory. It accepts tasks that this node has not joined: peers send
// a subscription once, when they connect, and what is refused then is never learned.
func topicsOfMesh(prefix string) pubsub.SubscriptionFilter {
	shape := regexp.MustCompile("^" + regexp.QuoteMeta(prefix) + "(/[a-z2-7]{50,70})?$")
	return pubsub.WrapLimitSubscriptionFilter(pubsub.NewRegexpSubscriptionFilter(shape), maxSubscriptionsInRPC)
}

// contentID identifies a message by topic and content, so that the same content is
// one message whoever sends it and however often.
func contentID(m *pb.Message) string {
	h := sha256.New()
	h.Write([]byte(m.GetTopic()))
	h.Write([]byte{0})
	h.Write(m.GetData())
	return string(h.Sum(nil))
}

// name returns the topic name of a task, or of the mesh for Undef.
func (b *Bus) name(task cid.Cid) string {
	if !task.Defined() {
		return b.prefix
	}
	return b.prefix + "/" + task.String()
}

// OnPeerJoined sets a function that is called whenever a peer joins a topic this
// node is in, from several goroutines. Set it before peers can connect.
func (b *Bus) OnPeerJoined(f func(topic cid.Cid, p peer.ID)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.peerJoined = f
}

// Join joins a topic. Joining again does nothing.
func (b *Bus) Join(task cid.Cid) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.topics[task]; ok {
		return nil
	}
	if len(b.topics) > announce.MaxTasks { // the mesh's own topic comes on top
		return fmt.Errorf("join task %s: %w", task, ErrTooManyTasks)
	}
	j, err := b.join(task)
	if err != nil {
		return fmt.Errorf("join topic %s: %w", b.name(task), err)
	}
	b.topics[task] = j
	return nil
}

func (b *Bus) join(task cid.Cid) (*joined, error) {
	name := b.name(task)
	validate := func(ctx context.Context, from peer.ID, m *pubsub.Message) pubsub.ValidationResult {
		return b.validate(ctx, task, from, m.GetData())
	}
	err := b.ps.RegisterTopicValidator(name, pubsub.ValidatorEx(validate),
		pubsub.WithValidatorTimeout(validatorTimeout), pubsub.WithValidatorConcurrency(8))
	if err != nil {
		return nil, err
	}
	topic, err := b.ps.Join(name)
	if err != nil {
		return nil, errors.Join(err, b.ps.UnregisterTopicValidator(name))
	}
	j := &joined{topic: topic}
	if j.events, err = topic.EventHandler(); err != nil {
		return nil, errors.Join(err, topic.Close(), b.ps.UnregisterTopicValidator(name))
	}
	if err = topic.SetScoreParams(topicScoreParams()); err == nil {
		j.leave, err = topic.Relay()
	}
	if err != nil {
		j.events.Cancel()
		return nil, errors.Join(err, topic.Close(), b.ps.UnregisterTopicValidator(name))
	}
	ctx, cancel := context.WithCancel(b.ctx)
	relayed := j.leave
	j.leave = func() { relayed(); cancel(); j.events.Cancel() }
	b.events.Go(func() { b.watch(ctx, task, j.events) })
	return j, nil
}

// watch reports peers that join a topic until ctx ends.
func (b *Bus) watch(ctx context.Context, task cid.Cid, events *pubsub.TopicEventHandler) {
	for {
		e, err := events.NextPeerEvent(ctx)
		if err != nil {
			return
		}
		b.mu.Lock()
		report := b.peerJoined
		b.mu.Unlock()
		if e.Type == pubsub.PeerJoin && report != nil {
			report(task, e.Peer)
		}
	}
}

// validate maps the validator's verdict to the library's. Own messages were judged
// when they were signed, and the book would call them already held.
func (b *Bus) validate(ctx context.Context, task cid.Cid, from peer.ID, data []byte) pubsub.ValidationResult {
	if from == b.self {
		return pubsub.ValidationAccept
	}
	switch b.opt.Validate(ctx, task, from, data) {
	case announce.Accept:
		return pubsub.ValidationAccept
	case announce.Reject:
		return pubsub.ValidationReject
	}
	return pubsub.ValidationIgnore
}

// Leave leaves a topic. Leaving one that was not joined does nothing.
func (b *Bus) Leave(task cid.Cid) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	j, ok := b.topics[task]
	if !ok {
		return nil
	}
	delete(b.topics, task)
	j.leave()
	if err := errors.Join(j.topic.Close(), b.ps.UnregisterTopicValidator(b.name(task))); err != nil {
		return fmt.Errorf("leave topic %s: %w", b.name(task), err)
	}
	return nil
}

// Tasks returns the tasks joined, in order of CID.
func (b *Bus) Tasks() []cid.Cid {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]cid.Cid, 0, len(b.topics))
	for task := range b.topics {
		if task.Defined() {
			out = append(out, task)
		}
	}
	slices.SortFunc(out, func(x, y cid.Cid) int { return slices.Compare(x.Bytes(), y.Bytes()) })
	return out
}

// Peers returns the number of connected peers in a joined topic.
func (b *Bus) Peers(task cid.Cid) int { return len(b.ps.ListPeers(b.name(task))) }

// Publish sends data to the topic of task, or of the mesh for Undef. It checks the
// size, since the library accepts oversized messages and then sends them nowhere.
// A message published without subscribers is lost: see Peers.
func (b *Bus) Publish(ctx context.Context, task cid.Cid, data []byte) error {
	if len(data) > announce.MaxEnvelopeBytes {
		return fmt.Errorf("publish %d bytes: %w", len(data), ErrTooLarge)
	}
	b.mu.Lock()
	j, ok := b.topics[task]
	b.mu.Unlock()
	if !ok {
		return fmt.Errorf("publish on %s: %w", b.name(task), ErrNotJoined)
	}
	if err := j.topic.Publish(ctx, data); err != nil {
		return fmt.Errorf("publish on %s: %w", b.name(task), err)
	}
	return nil
}

// Close leaves all topics and stops gossip.
func (b *Bus) Close() error {
	var errs []error
	for _, task := range append(b.Tasks(), cid.Undef) {
		errs = append(errs, b.Leave(task))
	}
	b.cancel()
	b.events.Wait()
	return errors.Join(errs...)
}
