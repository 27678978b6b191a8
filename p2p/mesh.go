package p2p

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/ipfs/go-cid"
	"github.com/ipfs/go-datastore"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/blocks"
	"github.com/distillmesh/distillmesh/p2p/gossip"
	"github.com/distillmesh/distillmesh/p2p/ledger"
)

// Mesh is a running node of the mesh. It is safe for concurrent use.
type Mesh struct {
	cfg      Config
	log      *slog.Logger
	key      crypto.PrivKey
	host     host.Host
	book     *announce.Book
	store    *blocks.Store
	exchange *blocks.Exchange
	bus      *gossip.Bus
	ledger   *ledger.Ledger

	peers   *acquaintances
	hearsay hearsay
	crier   *crier
	dialler *dialler
	mdns    interface{ Close() error } // nil when off
	clocks  clocks
	copies  copies

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	mu     sync.Mutex // guards closed against spawn
	closed bool
	tasks  sync.WaitGroup // everything spawned
}

// Open starts the node: it listens, finds peers, announces again what the book
// says this key offers, and serves what the store holds. peers remembers whom it
// met; store and book stay the caller's to close, after Close.
// Errors: *AddrInUseError, or what Config.Validate says.
func Open(ctx context.Context, cfg Config, key crypto.PrivKey, store *blocks.Store, book *announce.Book, peers datastore.Batching) (*Mesh, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m := &Mesh{cfg: cfg, log: cfg.Logger, key: key, book: book, store: store, ledger: ledger.New(),
		peers: newAcquaintances(cfg), copies: newCopies(cfg.Now())}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	if err := m.start(ctx, peers); err != nil {
		return nil, errors.Join(fmt.Errorf("open mesh: %w", err), m.Close())
	}
	return m, nil
}

// start brings up host, gossip, exchange and the background work, in that
// order. It listens only once every handler is there: a peer that dials earlier
// would take this node for other software.
func (m *Mesh) start(ctx context.Context, peers datastore.Batching) (err error) {
	if m.host, err = newHost(m.cfg, m.key, m.ledger, m.peers.refused); err != nil {
		return err
	}
	small := m.cfg.Profile == ProfileEdge
	m.crier = newCrier(m)
	m.bus, err = gossip.Open(m.host, gossip.Options{Mesh: m.cfg.Mesh, Small: small, Validate: m.validate, Arrived: m.crier.arrived})
	if err != nil {
		return err
	}
	m.exchange, err = m.store.OpenExchange(m.host, blocks.ExchangeOptions{Find: m.providers, Serve: m.mayFetch, Small: small})
	if err != nil {
		return err
	}
	if m.dialler, err = newDialler(ctx, m, peers); err != nil {
		return err
	}
	m.host.SetStreamHandler(helloProtocol, m.answerHello)
	m.host.SetStreamHandler(catalogueProtocol, m.answerCatalogue)
	m.host.SetStreamHandler(clockProtocol, m.answerClock)
	m.host.Network().Notify(&network.NotifyBundle{ConnectedF: m.connected, DisconnectedF: m.disconnected})
	if err := listen(m.host, m.cfg); err != nil {
		return err
	}
	if err := m.crier.resume(ctx); err != nil {
		return err
	}
	m.spawn(m.crier.run)
	m.spawn(m.dialler.run)
	m.spawn(m.watchClocks)
	m.spawn(m.watchCopies)
	return m.startMDNS()
}

// spawn runs f on a goroutine that Close waits for; after Close it does nothing.
func (m *Mesh) spawn(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.tasks.Go(f)
	}
}

// ID returns the node's peer id.
func (m *Mesh) ID() peer.ID { return m.host.ID() }

// Addrs returns the addresses at which the node can be dialled, with /p2p/ID.
func (m *Mesh) Addrs() []ma.Multiaddr {
	addrs, err := peer.AddrInfoToP2pAddrs(&peer.AddrInfo{ID: m.host.ID(), Addrs: m.host.Addrs()})
	if err != nil {
		return nil // a host's own id is always valid
	}
	return addrs
}

// Book returns the announcements held.
func (m *Mesh) Book() *announce.Book { return m.book }

// Ledger returns the byte counts of this node.
func (m *Mesh) Ledger() *ledger.Ledger { return m.ledger }

// Join takes part in a task: its topic, and catch-up on it with every peer.
// Joining twice is fine. It returns once the topic is joined; catching up goes on.
func (m *Mesh) Join(ctx context.Context, task cid.Cid) error {
	if !task.Defined() {
		return fmt.Errorf("join task: %w: no task given", ErrNotJoined)
	}
	if err := m.check(ctx); err != nil {
		return fmt.Errorf("join task %s: %w", task, err)
	}
	if err := m.bus.Join(task); err != nil {
		return err
	}
	for _, p := range m.peers.welcome() {
		m.spawn(func() { m.learnFrom(p, []cid.Cid{task}) })
	}
	return nil
}

// Leave ends taking part in a task. What is offered stays offered.
func (m *Mesh) Leave(task cid.Cid) error {
	if !task.Defined() {
		return nil // the mesh's own topic is left by Close alone
	}
	return m.bus.Leave(task)
}

// Tasks returns the tasks joined, in order of CID.
func (m *Mesh) Tasks() []cid.Cid { return m.bus.Tasks() }

// topics returns the mesh's own topic and those of the joined tasks.
func (m *Mesh) topics() []cid.Cid { return append([]cid.Cid{cid.Undef}, m.bus.Tasks()...) }

// validate is gossip's validator: the book's rules, but that a record which is
// held through catch-up alone is passed on.
func (m *Mesh) validate(ctx context.Context, topic cid.Cid, from peer.ID, data []byte) announce.Verdict {
	r, verdict, err := m.book.Receive(ctx, data, topic)
	m.judgeClock(from, r, err, true)
	if verdict == announce.Reject {
		m.log.Debug("announcement rejected", "from", from, "err", err)
	}
	if errors.Is(err, announce.ErrHeld) && m.hearsay.take(data) {
		return announce.Accept
	}
	return verdict
}

// Publish signs a draft, tells the mesh now, and goes on announcing it with
// jitter until it is withdrawn. It joins the task if need be. With nobody
// listening it still counts: peers hear it when they arrive.
func (m *Mesh) Publish(ctx context.Context, draft announce.Announcement) (announce.Record, error) {
	if err := m.check(ctx); err != nil {
		return announce.Record{}, fmt.Errorf("publish %s: %w", draft.Subject, err)
	}
	r, err := m.crier.issue(ctx, draft)
	if err != nil {
		return announce.Record{}, fmt.Errorf("publish %s: %w", draft.Subject, err)
	}
	return r, nil
}

// Withdraw takes back an own offer or have.
func (m *Mesh) Withdraw(ctx context.Context, rec announce.Record) error {
	_, err := m.Publish(ctx, announce.Announcement{
		Task: rec.Task, Kind: announce.Withdraw, Subject: rec.Subject, Root: rec.Root,
	})
	return err
}

// check says why a call cannot go on.
func (m *Mesh) check(ctx context.Context) error {
	if m.ctx.Err() != nil {
		return ErrClosed
	}
	return ctx.Err()
}

// Close leaves the mesh and waits for everything it started. Running fetches end
// with ErrClosed.
func (m *Mesh) Close() error {
	m.mu.Lock()
	again := m.closed
	m.closed = true
	m.mu.Unlock()
	if again {
		return nil
	}
	m.cancel()
	var errs []error
	if m.mdns != nil {
		errs = append(errs, m.mdns.Close())
	}
	if m.bus != nil {
		errs = append(errs, m.bus.Close())
	}
	m.tasks.Wait()
	if m.exchange != nil {
		errs = append(errs, m.exchange.Close())
	}
	if m.host != nil {
		errs = append(errs, m.host.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close mesh: %w", err)
	}
	return nil
}
