// Package p2p joins a node to the mesh: identity and host, finding peers and
// the hello, announcing and catching up, fetching and serving content. It moves bytes and
// signed announcements and does not interpret them.
package p2p

import (
	"errors"
	"fmt"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/distillmesh/distillmesh/p2p/blocks"
	"github.com/distillmesh/distillmesh/p2p/peers"
)

// Errors of this package.
var (
	ErrAddrInUse = errors.New("address already in use")
	ErrNotJoined = errors.New("task not joined")
	ErrClosed    = errors.New("mesh is closed")
)

// Errors of connecting, which come from package peers.
var (
	ErrUnreachable = peers.ErrUnreachable
	ErrRefused     = peers.ErrRefused
)

// RefusedError is a refusal at hello, by either side. It is ErrRefused.
type RefusedError = peers.RefusedError

// Errors of fetches, which come from package blocks.
var (
	ErrNoProviders = blocks.ErrNoProviders
	ErrStalled     = blocks.ErrStalled
	ErrTooLarge    = blocks.ErrTooLarge
	ErrFull        = blocks.ErrFull
)

// AddrInUseError says which address is taken. It is ErrAddrInUse.
type AddrInUseError struct{ Addr ma.Multiaddr }

// Error names the address.
func (e *AddrInUseError) Error() string { return fmt.Sprintf("listen on %s: %v", e.Addr, ErrAddrInUse) }

// Is makes errors.Is(err, ErrAddrInUse) true.
func (e *AddrInUseError) Is(target error) bool { return target == ErrAddrInUse }

// FetchOptions limit and direct a fetch.
type FetchOptions = blocks.FetchOptions

// FetchResult is what a fetch moved.
type FetchResult = blocks.FetchResult

// Peer describes a connected peer, or one that was refused lately.
type Peer struct {
	ID        peer.ID
	Addrs     []ma.Multiaddr // remote addresses of open connections
	Mesh      string         // from its hello; empty for peers that speak none, such as other IPFS software
	Role      string
	Agent     string
	Tasks     []cid.Cid
	Latency   time.Duration // smoothed; 0 when not measured yet
	Direction network.Direction
	Since     time.Time // when the connection, or the refusal, happened
	Skew      Skew      // of its clock, when it is MaxSkew or more
	Refused   string    // why the peer was refused, by either side; empty for connected peers
}
