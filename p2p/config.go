package p2p

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/distillmesh/distillmesh/p2p/peers"
)

// DefaultMesh is the mesh that nodes join by default.
const DefaultMesh = "open"

// Profile is a set of limits for one kind of machine.
type Profile string

// The profiles.
const (
	ProfileEdge    Profile = "edge"    // a small computer: at most 50 connections, 64 MiB for the network
	ProfileTrainer Profile = "trainer" // a server: up to 512 connections
)

// Config configures a node of the mesh. DefaultConfig fills it.
type Config struct {
	Mesh    string  // nodes of different meshes refuse each other
	Role    string  // told to peers at hello: "edge", "trainer"
	Agent   string  // told to peers: name and version of the program
	Profile Profile // limits

	Listen     []ma.Multiaddr  // TCP and QUIC addresses; port 0 lets the system choose
	Bootstrap  []peer.AddrInfo // dialed until connected, for as long as the node runs
	MDNS       bool            // find peers on the local network and be found
	PortMap    bool            // ask the router to forward our port, unless all of Listen is loopback
	KnownPeers int             // peers remembered over restarts and dialed again; 0 remembers none

	AnnounceMin time.Duration // shortest time between two announcements of the same thing
	AnnounceMax time.Duration // longest; raising it saves traffic, and records of nodes that have left stay longer
	Redial      time.Duration // first pause before a lost peer is dialed again; doubles up to RedialMax
	RedialMax   time.Duration // also how long a refused peer is neither dialed nor served
	HelloWait   time.Duration // for a peer's hello

	Now    func() time.Time // clock
	Logger *slog.Logger

	Simulated bool            // no sockets: skip what only makes sense on a real network
	Options   []libp2p.Option // appended to the host's own, for simulated networks
}

// DefaultConfig returns the configuration of a node that finds peers on its local
// network and nowhere else.
func DefaultConfig(p Profile) Config {
	return Config{
		Mesh: DefaultMesh, Role: string(p), Agent: "distillmesh", Profile: p,
		Listen: []ma.Multiaddr{
			ma.StringCast("/ip4/0.0.0.0/tcp/0"), ma.StringCast("/ip4/0.0.0.0/udp/0/quic-v1"),
			ma.StringCast("/ip6/::/tcp/0"), ma.StringCast("/ip6/::/udp/0/quic-v1"),
		},
		MDNS: true, PortMap: true, KnownPeers: 256,
		AnnounceMin: 10 * time.Minute, AnnounceMax: 30 * time.Minute,
		Redial: 5 * time.Second, RedialMax: 10 * time.Minute, HelloWait: 10 * time.Second,
		Now: time.Now, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

// meshName is the form of mesh names: they are part of topics, and users type them.
var meshName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// Validate names the first field that is out of range, its value, and the range.
func (c Config) Validate() error {
	bad := func(field string, value any, want string) error {
		return fmt.Errorf("p2p config: %s: %v, must be %s", field, value, want)
	}
	switch {
	case !meshName.MatchString(c.Mesh):
		return bad("Mesh", fmt.Sprintf("%q", c.Mesh), "1 to 63 of a-z, 0-9, '.', '_', '-', beginning with a letter or digit")
	case c.Profile != ProfileEdge && c.Profile != ProfileTrainer:
		return bad("Profile", fmt.Sprintf("%q", c.Profile), `"edge" or "trainer"`)
	case len(c.Role) > peers.MaxRole:
		return bad("Role", fmt.Sprintf("%d bytes", len(c.Role)), fmt.Sprintf("at most %d bytes", peers.MaxRole))
	case len(c.Agent) > peers.MaxAgent:
		return bad("Agent", fmt.Sprintf("%d bytes", len(c.Agent)), fmt.Sprintf("at most %d bytes", peers.MaxAgent))
	case c.AnnounceMin <= 0:
		return bad("AnnounceMin", c.AnnounceMin, "positive")
	case c.AnnounceMax < c.AnnounceMin:
		return bad("AnnounceMax", c.AnnounceMax, "at least AnnounceMin")
	case c.Redial <= 0 || c.RedialMax < c.Redial:
		return bad("Redial, RedialMax", fmt.Sprintf("%v, %v", c.Redial, c.RedialMax), "positive and rising")
	case c.HelloWait <= 0:
		return bad("HelloWait", c.HelloWait, "positive")
	case c.KnownPeers < 0:
		return bad("KnownPeers", c.KnownPeers, "0 or more")
	case c.Now == nil || c.Logger == nil:
		return errors.New("p2p config: Now, Logger: must be set")
	}
	return c.validateListen()
}

// validateListen refuses addresses that libp2p would drop silently.
func (c Config) validateListen() error {
	if len(c.Listen) == 0 {
		return errors.New("p2p config: Listen: empty, must name at least one address")
	}
	for _, a := range c.Listen {
		if _, err := socketOf(a); err != nil {
			return fmt.Errorf("p2p config: Listen: %s, must be IP with tcp or udp/quic-v1: %w", a, err)
		}
	}
	return nil
}
