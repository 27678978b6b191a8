package peers

import (
	"fmt"
	"io"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-msgio"

	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/wire"
)

// Limits of a hello, in bytes.
const (
	MaxRole   = 32
	MaxAgent  = 128
	maxMesh   = 64
	maxReason = 512
	maxHello  = 16 << 10
)

// Hello is what two nodes tell each other first.
type Hello struct {
	Version int64 // of announcements, and so of topics
	Mesh    string
	Role    string
	Agent   string // name and version of the program
	Tasks   []cid.Cid
	Reason  string // why the sender refuses; empty when it does not
}

func (h Hello) encode() ([]byte, error) {
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
func decodeHello(data []byte) (Hello, error) {
	f, err := wire.Decode(data)
	if err != nil {
		return Hello{}, fmt.Errorf("decode hello: %w", err)
	}
	h := Hello{
		Version: f.Int("version"), Mesh: f.String("mesh", maxMesh), Role: f.String("role", MaxRole),
		Agent: f.String("agent", MaxAgent), Tasks: f.Links("tasks", announce.MaxTasks), Reason: f.String("reason", maxReason),
	}
	// A later version may have other fields. It is refused for its version, so that
	// its user learns the reason.
	if err := f.Err(); err != nil && h.Version == announce.Version {
		return Hello{}, fmt.Errorf("decode hello: %w", err)
	}
	return h, nil
}

// objection returns why a node with hello h refuses one with hello other, in words
// for the people at the other end. Empty means that it does not.
func (h Hello) objection(other Hello) string {
	switch {
	case other.Version != h.Version:
		return fmt.Sprintf("it speaks version %d of the protocol, this node %d", other.Version, h.Version)
	case other.Mesh != h.Mesh:
		return fmt.Sprintf("it belongs to mesh %q, this node to %q", other.Mesh, h.Mesh)
	}
	return ""
}

func sendHello(w io.Writer, h Hello) error {
	data, err := h.encode()
	if err != nil {
		return fmt.Errorf("send hello: %w", err)
	}
	if err := msgio.NewVarintWriter(w).WriteMsg(data); err != nil {
		return fmt.Errorf("send hello: %w", err)
	}
	return nil
}

func receiveHello(r io.Reader) (Hello, error) {
	data, err := msgio.NewVarintReaderSize(r, maxHello).ReadMsg()
	if err != nil {
		return Hello{}, fmt.Errorf("receive hello: %w", err)
	}
	return decodeHello(data)
}
