package p2p

import (
	"fmt"
	"io"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-msgio"

	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/gossip"
	"github.com/distillmesh/distillmesh/p2p/wire"
)

// helloProtocol is the first stream between two nodes: the dialler says who it
// is, the other answers with the same or with the reason why they part.
const helloProtocol protocol.ID = "/distillmesh/hello/1"

// Limits of a hello, bytes.
const (
	maxRole   = 32
	maxAgent  = 128
	maxMesh   = 64
	maxReason = 512
	maxHello  = 16 << 10
)

// hello is what nodes tell each other first.
type hello struct {
	Version int64 // of announcements, and so of topics
	Mesh    string
	Role    string
	Agent   string
	Tasks   []cid.Cid
	Reason  string // why the sender refuses; empty when it does not
}

func (h hello) encode() ([]byte, error) {
	var m wire.Map
	m.Int("version", h.Version)
	m.String("mesh", h.Mesh)
	m.String("role", h.Role)
	m.String("agent", h.Agent)
	m.Links("tasks", h.Tasks)
	m.String("reason", h.Reason)
	return m.Encode()
}

// decodeHello reads at most maxHello bytes from a peer.
func decodeHello(data []byte) (hello, error) {
	f, err := wire.Decode(data)
	if err != nil {
		return hello{}, fmt.Errorf("decode hello: %w", err)
	}
	h := hello{
		Version: f.Int("version"), Mesh: f.String("mesh", maxMesh), Role: f.String("role", maxRole),
		Agent: f.String("agent", maxAgent), Tasks: f.Links("tasks", gossip.MaxTasks), Reason: f.String("reason", maxReason),
	}
	// A later version may say more; whether we can talk at all is judged first.
	if err := f.Err(); err != nil && h.Version == announce.Version {
		return hello{}, fmt.Errorf("decode hello: %w", err)
	}
	return h, nil
}

// objection says why a node that says h of itself cannot be in this mesh, in
// words for the people at the other end. Empty means welcome.
func (h hello) objection(other hello) string {
	switch {
	case other.Version != h.Version:
		return fmt.Sprintf("it speaks version %d of the protocol, this node %d", other.Version, h.Version)
	case other.Mesh != h.Mesh:
		return fmt.Sprintf("it belongs to mesh %q, this node to %q", other.Mesh, h.Mesh)
	}
	return ""
}

// sendHello and receiveHello move one hello over s before its deadline.
func sendHello(s network.Stream, h hello) error {
	data, err := h.encode()
	if err != nil {
		return fmt.Errorf("send hello: %w", err)
	}
	if err := msgio.NewVarintWriter(s).WriteMsg(data); err != nil {
		return fmt.Errorf("send hello: %w", err)
	}
	return nil
}

func receiveHello(s network.Stream) (hello, error) {
	data, err := msgio.NewVarintReaderSize(s, maxHello).ReadMsg()
	if err != nil {
		return hello{}, fmt.Errorf("receive hello: %w", err)
	}
	return decodeHello(data)
}

// self is this node's hello.
func (m *Mesh) self() hello {
	return hello{Version: announce.Version, Mesh: m.cfg.Mesh, Role: m.cfg.Role, Agent: m.cfg.Agent, Tasks: m.bus.Tasks()}
}

// answerHello is the stream handler: the peer speaks first.
func (m *Mesh) answerHello(s network.Stream) {
	defer s.Close()
	p := s.Conn().RemotePeer()
	_ = s.SetDeadline(time.Now().Add(m.cfg.HelloWait))
	theirs, err := receiveHello(s)
	if err != nil {
		_ = s.Reset()
		m.log.Debug("hello failed", "peer", p, "err", err)
		return
	}
	ours := m.self()
	ours.Reason = ours.objection(theirs)
	if err := sendHello(s, ours); err != nil {
		_ = s.Reset()
		return
	}
	if ours.Reason == "" {
		m.welcome(p, theirs)
		return
	}
	// The reason must arrive before the connection goes, so the peer hangs up first.
	_ = s.CloseWrite()
	_, _ = io.Copy(io.Discard, io.LimitReader(s, maxHello))
	m.part(p, ours.Reason)
}
