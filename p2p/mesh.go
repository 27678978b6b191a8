package p2p

import (
	"context"

	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/blocks"
	"github.com/distillmesh/distillmesh/p2p/ledger"
)

// Mesh is a running node of the mesh.
type Mesh struct{}

// Open starts the node: it listens, finds peers, announces again what the book
// says this key offers, and serves what the store holds. peers remembers whom it
// met; store and book stay the caller's to close, after Close.
// Errors: *AddrInUseError, or what Config.Validate says.
func Open(ctx context.Context, cfg Config, key crypto.PrivKey, store *blocks.Store, book *announce.Book, peers datastore.Batching) (*Mesh, error) {
	panic("in the making")
}

// ID returns the node's peer id.
func (m *Mesh) ID() peer.ID { panic("in the making") }

// Addrs returns the addresses at which the node can be dialled, with /p2p/ID.
func (m *Mesh) Addrs() []ma.Multiaddr { panic("in the making") }

// Book returns the announcements held.
func (m *Mesh) Book() *announce.Book { panic("in the making") }

// Ledger returns the byte counts of this node.
func (m *Mesh) Ledger() *ledger.Ledger { panic("in the making") }

// Join takes part in a task: its topic, and catch-up on it with every peer.
// Joining twice is fine.
func (m *Mesh) Join(ctx context.Context, task cid.Cid) error { panic("in the making") }

// Leave ends taking part in a task. What is offered stays offered.
func (m *Mesh) Leave(task cid.Cid) error { panic("in the making") }

// Tasks returns the tasks joined, in order of CID.
func (m *Mesh) Tasks() []cid.Cid { panic("in the making") }

// Publish signs a draft, tells the mesh now, and goes on announcing it with
// jitter until it is withdrawn. It joins the task if need be.
func (m *Mesh) Publish(ctx context.Context, draft announce.Announcement) (announce.Record, error) {
	panic("in the making")
}

// Withdraw takes back an own offer or have.
func (m *Mesh) Withdraw(ctx context.Context, rec announce.Record) error { panic("in the making") }

// Fetch brings the DAG under root into the store: complete, verified and pinned,
// or not at all.
func (m *Mesh) Fetch(ctx context.Context, root cid.Cid, opt FetchOptions) (FetchResult, error) {
	panic("in the making")
}

// FetchRaw returns one block of at most max bytes, from the store or from peers.
func (m *Mesh) FetchRaw(ctx context.Context, c cid.Cid, max int64) ([]byte, error) {
	panic("in the making")
}

// Connect dials an address ending in /p2p/ID and returns once the hello went
// through. Errors: *RefusedError with the reason, or ErrUnreachable.
func (m *Mesh) Connect(ctx context.Context, addr ma.Multiaddr) error { panic("in the making") }

// Peers returns the connected peers and those refused lately, in order of ID.
func (m *Mesh) Peers() []Peer { panic("in the making") }

// Close leaves the mesh and waits for everything it started.
func (m *Mesh) Close() error { panic("in the making") }
