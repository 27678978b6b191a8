// Package p2p joins a node to the mesh: its identity and host, how it finds and
// greets peers, what it announces and hears, and how it fetches and serves
// content. It moves bytes and signed announcements and knows nothing of what
// they mean.
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
)

// Sentinels of this package. Fetches also return those of package blocks.
var (
	ErrAddrInUse   = errors.New("address already in use")
	ErrUnreachable = errors.New("peer cannot be reached")
	ErrRefused     = errors.New("refused by peer")
	ErrNotJoined   = errors.New("task not joined")
	ErrClosed      = errors.New("mesh is closed")
)

// Errors of fetches, under the names by which users of Mesh look for them.
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

// RefusedError is a refusal at hello, by either side. It is ErrRefused.
type RefusedError struct {
	Peer   peer.ID
	Reason string // plain words, for people
}

// Error names the peer and the reason.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("hello with %s: %v: %s", e.Peer, ErrRefused, e.Reason)
}

// Is makes errors.Is(err, ErrRefused) true.
func (e *RefusedError) Is(target error) bool { return target == ErrRefused }

// FetchOptions bound and steer a fetch.
type FetchOptions = blocks.FetchOptions

// FetchResult says what a fetch moved.
type FetchResult = blocks.FetchResult

// Peer is what is known of a connected peer, or of one that was refused lately.
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
	Refused   string    // why this peer and we parted; empty for connected peers
}
