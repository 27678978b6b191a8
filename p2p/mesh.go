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
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"golang.org/x/time/rate"

	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/blocks"
	"github.com/distillmesh/distillmesh/p2p/catchup"
	"github.com/distillmesh/distillmesh/p2p/gossip"
	"github.com/distillmesh/distillmesh/p2p/ledger"
	"github.com/distillmesh/distillmesh/p2p/peers"
)

// Mesh is a running node of the mesh. It is safe for concurrent use. Its parts know
// each other only through small interfaces; Mesh creates and connects them.
type Mesh struct {
	cfg    Config
	log    *slog.Logger
	key    crypto.PrivKey
	book   *announce.Book
	store  *blocks.Store
	ledger *ledger.Ledger

	host        hostNetwork
	table       *peers.Table
	greeter     *peers.Greeter
	dialer      *peers.Dialer
	reach       *peers.Reach  // limits of dialing where peers or the local network say that one is
	found       *rate.Limiter // of dialing peers found on the local network
	announcers  *peers.Announcers
	bus         *gossip.Bus
	catchup     *catchup.Catchup
	republisher *announce.Republisher
	exchange    *blocks.Exchange
	providers   *providers
	mdns        interface{ Close() error } // nil when off
	clocks      *clocks
	copies      *copies

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	mu     sync.Mutex // guards closed against spawn
	closed bool
	tasks  sync.WaitGroup // everything spawned
}

// Open starts the node: it listens, finds peers, announces again what the book says
// this key offers, and serves what the store holds. known keeps the peers it met, for
// later runs. Peers that the book's Membership does not admit are kept out. Close the
// store and the book after Close.
// Errors: *AddrInUseError, or what Config.Validate says.
func Open(
	ctx context.Context, cfg Config, key crypto.PrivKey,
	store *blocks.Store, book *announce.Book, known datastore.Batching,
) (*Mesh, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	m := &Mesh{cfg: cfg, log: cfg.Logger, key: key, book: book, store: store, ledger: ledger.New()}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	if err := m.start(ctx, known); err != nil {
		return nil, errors.Join(fmt.Errorf("open mesh: %w", err), m.Close())
	}
	return m, nil
}

// start makes the parts and then the background work. It listens only once every
// handler is set: a peer that dials earlier would take this node for other software.
func (m *Mesh) start(ctx context.Context, known datastore.Batching) (err error) {
	m.table, err = peers.OpenTable(ctx, known, peers.TableOptions{
		Membership: m.book.Membership(), RefusedFor: m.cfg.RedialMax, KnownPeers: m.cfg.KnownPeers,
		Now: m.cfg.Now, Logger: m.log,
	})
	if err != nil {
		return err
	}
	g := newGate(m.table.Admits, m.cfg.Now)
	h, err := newHost(m.cfg, m.key, m.ledger, g)
	if err != nil {
		return err
	}
	m.host = hostNetwork{h, g}
	m.clocks = &clocks{
		self: h.ID(), now: m.cfg.Now, network: m.host, admits: m.table.Admits, wait: m.cfg.HelloWait, log: m.log,
	}
	m.copies = newCopies(m.cfg.Now, m.localAddrs, m.log)
	m.openPeers()
	m.openAnnouncers()
	if err := m.openAnnouncing(); err != nil {
		return err
	}
	if err := m.openContent(); err != nil {
		return err
	}
	m.handle()
	if err := m.rememberAddresses(); err != nil {
		return err
	}
	if err := listen(m.host, m.cfg); err != nil {
		return err
	}
	if err := m.republisher.Resume(ctx); err != nil {
		return err
	}
	m.spawn(func() { m.republisher.Run(m.ctx) })
	m.spawn(func() { m.dialer.Run(m.ctx) })
	m.spawn(m.runAnnouncers)
	m.spawn(func() { m.clocks.watch(m.ctx) })
	m.spawn(m.watchCopies)
	return m.startMDNS()
}

// openAnnouncing makes gossip, catch-up and the announcing of this node's records.
func (m *Mesh) openAnnouncing() (err error) {
	m.catchup = catchup.New(m.book, m.host, catchup.Options{
		Admits: m.table.Admits, Source: m.host.source, Judged: m.judged, Now: m.cfg.Now, Logger: m.log,
	})
	m.bus, err = gossip.Open(m.host, gossip.Options{Mesh: m.cfg.Mesh, Small: m.small(), Validate: m.validate})
	if err != nil {
		return err
	}
	m.republisher, err = announce.NewRepublisher(m.book, topics{m.bus, m.book}, announce.RepublisherOptions{
		Key: m.key, Min: m.cfg.AnnounceMin, Max: m.cfg.AnnounceMax, Addrs: m.host.Addrs,
		Now: m.cfg.Now, Logger: m.log, Issued: m.copies.issuedHere,
	})
	if err != nil {
		return err
	}
	m.bus.OnPeerJoined(m.republisher.PeerJoined)
	return nil
}

// openContent makes the exchange of blocks.
func (m *Mesh) openContent() (err error) {
	m.providers = newProviders(m)
	m.exchange, err = m.store.OpenExchange(m.host, blocks.ExchangeOptions{
		Find: m.providers.find, Small: m.small(),
		Serve: func(p peer.ID, _ cid.Cid) bool { return m.table.Admits(p) == nil },
	})
	return err
}

// small reports whether the node has a small device's limits.
func (m *Mesh) small() bool { return m.cfg.Profile == ProfileEdge }

// spawn runs f on a goroutine that Close waits for. After Close it does nothing.
func (m *Mesh) spawn(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.tasks.Go(f)
	}
}

// ID returns the node's peer id.
func (m *Mesh) ID() peer.ID { return m.host.ID() }

// Addrs returns the addresses at which the node can be dialed, with /p2p/ID.
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

// Clocks compares this node's clock with those of its peers.
func (m *Mesh) Clocks() Clocks { return m.clocks.compare() }

// Copy reports whether a second node was noticed that uses this node's key.
func (m *Mesh) Copy() (KeyCopy, bool) { return m.copies.copy() }

// Join joins a task: its topic, and catch-up on it with every peer. Joining twice is
// fine. It returns once the topic is joined; catching up goes on.
func (m *Mesh) Join(ctx context.Context, task cid.Cid) error {
	if !task.Defined() {
		return fmt.Errorf("join task: %w: no task given", ErrNotJoined)
	}
	if err := m.check(ctx); err != nil {
		return fmt.Errorf("join task %s: %w", task, err)
	}
	if err := (topics{m.bus, m.book}).Join(task); err != nil {
		return err
	}
	for _, p := range m.table.Met() {
		m.spawn(func() { m.learnFrom(p, []cid.Cid{task}) })
	}
	m.announcers.Wake()
	return nil
}

// Leave leaves a task. What this node offers stays offered.
func (m *Mesh) Leave(task cid.Cid) error {
	if !task.Defined() {
		return nil // the mesh's own topic is left by Close alone
	}
	m.book.Release(task)
	return m.bus.Leave(task)
}

// topics joins gossip and gives the records of the task their room in the book.
type topics struct {
	*gossip.Bus
	book *announce.Book
}

// Join implements announce.Topics.
func (t topics) Join(task cid.Cid) error {
	if err := t.Bus.Join(task); err != nil {
		return err
	}
	t.book.Reserve(task)
	return nil
}

// Tasks returns the tasks joined, in order of CID.
func (m *Mesh) Tasks() []cid.Cid { return m.bus.Tasks() }

// topics returns the mesh's own topic and those of the joined tasks.
func (m *Mesh) topics() []cid.Cid { return append([]cid.Cid{cid.Undef}, m.bus.Tasks()...) }

// validate is the validator of gossip: the book's, but a record that is held through
// catch-up alone is forwarded.
func (m *Mesh) validate(ctx context.Context, topic cid.Cid, from peer.ID, data []byte) announce.Verdict {
	r, verdict, err := m.book.Receive(ctx, data, m.host.source(from), topic)
	m.clocks.judge(from, r, err, true)
	switch verdict {
	case announce.Reject:
		m.log.Debug("announcement rejected", "from", from, "err", err)
	case announce.Accept:
		m.used(from, peers.SentRecord)
	}
	if errors.Is(err, announce.ErrHeld) && m.catchup.TakeLearned(data) {
		return announce.Accept
	}
	return verdict
}

// judged inspects a record that came by catch-up, and the book's error. Gossip
// never delivers what this node's own key signed, catch-up does.
func (m *Mesh) judged(from peer.ID, r announce.Record, err error) {
	m.clocks.judge(from, r, err, false)
	if err == nil {
		m.used(from, peers.SentRecord)
	}
	if r.Signer == m.host.ID() && !errors.Is(err, announce.ErrHeld) {
		m.copies.judge(r, from)
	}
}

// used notes what a peer was good for. Bootstrap peers stay in the configuration.
func (m *Mesh) used(p peer.ID, use peers.Use) {
	if !m.dialer.IsBootstrap(p) {
		m.table.Used(p, use, func() []ma.Multiaddr { return m.addrsOf(p) })
	}
}

// Publish signs a draft, publishes it, and goes on announcing it until it is
// withdrawn. It joins the task if need be. A record published without subscribers is
// kept as well: peers receive it when they join.
func (m *Mesh) Publish(ctx context.Context, draft announce.Announcement) (announce.Record, error) {
	if err := m.check(ctx); err != nil {
		return announce.Record{}, fmt.Errorf("publish %s: %w", draft.Subject, err)
	}
	r, err := m.republisher.Issue(ctx, draft)
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

// check returns why a call cannot proceed.
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
	if m.table != nil {
		for _, p := range m.table.Met() {
			m.table.Drop(p)
		}
	}
	if m.exchange != nil {
		errs = append(errs, m.exchange.Close())
	}
	if m.host.Host != nil {
		errs = append(errs, m.host.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close mesh: %w", err)
	}
	return nil
}
