package peers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multistream"
)

// HelloProtocol is the first stream between two nodes: the dialer sends its hello,
// the other side answers with its own, which may hold the reason why it refuses.
const HelloProtocol protocol.ID = "/distillmesh/hello/1"

// ErrUnreachable means that a peer could not be dialed, or answered no hello.
var ErrUnreachable = errors.New("peer cannot be reached")

// Streams is what a Greeter needs of the network.
type Streams interface {
	NewStream(ctx context.Context, p peer.ID, protocols ...protocol.ID) (network.Stream, error)
	ClosePeer(p peer.ID) error // closes all connections to p
}

// GreeterOptions of a Greeter. All fields must be set.
type GreeterOptions struct {
	Self   func() Hello             // this node's hello now
	Met    func(p peer.ID, h Hello) // called after the first hello of a connection went through
	Wait   time.Duration            // for a peer's hello
	Logger *slog.Logger
}

// Greeter exchanges hellos with connected peers, and closes the connection to those
// that do not belong to the mesh.
type Greeter struct {
	ctx     context.Context
	table   *Table
	streams Streams
	opt     GreeterOptions

	mu      sync.Mutex
	started map[peer.ID]*greeting
}

// greeting is a hello that this side started; err is valid once done is closed.
type greeting struct {
	done chan struct{}
	err  error
}

// NewGreeter returns a Greeter that enters its results in table. Running hellos end
// with ctx.
func NewGreeter(ctx context.Context, table *Table, streams Streams, opt GreeterOptions) *Greeter {
	return &Greeter{ctx: ctx, table: table, streams: streams, opt: opt, started: map[peer.ID]*greeting{}}
}

// Greet sends a hello to a connected peer and returns the outcome: nil, a
// *RefusedError, or ErrUnreachable. There is one hello per connection, however many
// callers wait for it; ctx ends the wait of this caller alone. A caller that comes
// after a refusal has closed the connection gets that refusal.
func (g *Greeter) Greet(ctx context.Context, p peer.ID) error {
	if _, ok := g.table.Hello(p); ok {
		return nil
	}
	run, isFirst, err := g.start(p)
	if err != nil {
		return err
	}
	if isFirst {
		run.err = g.exchange(g.ctx, p)
		close(run.done)
	}
	select {
	case <-run.done:
		return run.err
	case <-ctx.Done():
		return fmt.Errorf("hello with %s: %w", p, ctx.Err())
	}
}

// start returns the hello with p that this connection has, or begins one.
func (g *Greeter) start(p peer.ID) (run *greeting, isFirst bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if run, ok := g.started[p]; ok {
		return run, false, nil
	}
	if err := g.table.wasRefused(p); err != nil {
		return nil, false, err
	}
	run = &greeting{done: make(chan struct{})}
	g.started[p] = run
	return run, true, nil
}

// Forget drops the hello of a peer that is no longer connected.
func (g *Greeter) Forget(p peer.ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.started, p)
}

// exchange is the dialer's side of the hello. Software that does not speak the
// protocol, such as other IPFS nodes, is told nothing but may fetch.
func (g *Greeter) exchange(ctx context.Context, p peer.ID) error {
	ours := g.opt.Self()
	theirs, err := g.ask(ctx, p, ours)
	var other multistream.ErrNotSupported[protocol.ID]
	isOther := errors.As(err, &other)
	if err != nil && !isOther {
		return fmt.Errorf("hello with %s: %w: %w", p, ErrUnreachable, err)
	}
	reason := theirs.Reason
	if reason == "" && !isOther {
		reason = ours.objection(theirs)
	}
	if reason == "" {
		reason = g.notMember(p)
	}
	switch {
	case reason != "":
		g.refuse(p, reason)
		return &RefusedError{Peer: p, Reason: reason}
	case isOther:
		g.table.Meet(p, Hello{})
	default:
		g.meet(p, theirs)
	}
	return nil
}

// ask sends our hello and returns the answer.
func (g *Greeter) ask(ctx context.Context, p peer.ID, ours Hello) (Hello, error) {
	ctx, cancel := context.WithTimeout(ctx, g.opt.Wait)
	defer cancel()
	s, err := g.streams.NewStream(ctx, p, HelloProtocol)
	if err != nil {
		return Hello{}, err
	}
	defer s.Close()
	_ = s.SetDeadline(time.Now().Add(g.opt.Wait))
	err = sendHello(s, ours)
	var theirs Hello
	if err == nil {
		theirs, err = receiveHello(s)
	}
	if err != nil {
		_ = s.Reset()
	}
	return theirs, err
}

// Answer is the handler of HelloProtocol: the peer sends its hello first.
func (g *Greeter) Answer(s network.Stream) {
	defer s.Close()
	p := s.Conn().RemotePeer()
	_ = s.SetDeadline(time.Now().Add(g.opt.Wait))
	theirs, err := receiveHello(s)
	if err != nil {
		_ = s.Reset()
		g.opt.Logger.Debug("hello failed", "peer", p, "err", err)
		return
	}
	ours := g.opt.Self()
	if ours.Reason = ours.objection(theirs); ours.Reason == "" {
		ours.Reason = g.notMember(p)
	}
	if err := sendHello(s, ours); err != nil {
		_ = s.Reset()
		return
	}
	if ours.Reason == "" {
		g.meet(p, theirs)
		return
	}
	// The reason must arrive before the connection closes, so the peer closes first.
	_ = s.CloseWrite()
	_, _ = io.Copy(io.Discard, io.LimitReader(s, maxHello))
	g.refuse(p, ours.Reason)
}

// notMember returns why p does not belong to the mesh, or "" when it does.
func (g *Greeter) notMember(p peer.ID) string {
	var refused *RefusedError
	if !errors.As(g.table.isMember(p), &refused) {
		return ""
	}
	return refused.Reason[:min(len(refused.Reason), maxReason)]
}

// refuse ends the connection to a peer that does not belong to the mesh.
func (g *Greeter) refuse(p peer.ID, reason string) {
	g.opt.Logger.Info("peer refused", "peer", p, "reason", reason)
	g.table.Refuse(p, reason)
	g.Forget(p)
	_ = g.streams.ClosePeer(p)
}

// meet follows a hello that went through.
func (g *Greeter) meet(p peer.ID, h Hello) {
	if !g.table.Meet(p, h) {
		return
	}
	g.opt.Logger.Debug("peer met", "peer", p, "role", h.Role, "agent", h.Agent)
	g.opt.Met(p, h)
}
