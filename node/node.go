package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multiaddr"

	"github.com/distillmesh/distillmesh/configs"
	"github.com/distillmesh/distillmesh/p2p"
	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/blocks"
	"github.com/distillmesh/distillmesh/p2p/ledger"
)

// Version is the program's version.
const Version = "0.1.0"

// The roles of a running node.
const (
	RoleEdge    = "edge"
	RoleTrainer = "trainer"
)

// edgeMemoryLimit is the soft memory limit of an edge node's process.
const edgeMemoryLimit = 128 << 20

// Node is one home at work: with a mesh when started by Run, without one when
// a verb opened it.
type Node struct {
	home   Home
	config configs.Config
	role   string
	log    *slog.Logger
	key    crypto.PrivKey
	id     peer.ID
	lock   *flock.Flock
	store  *blocks.Store
	book   *announce.Book
	notes  *notebook
	mesh   *p2p.Mesh // nil when offline
	now    func() time.Time
	start  time.Time

	traffic struct { // what recordTraffic has written down already
		sync.Mutex
		byProtocol map[protocol.ID]ledger.Count
		total      ledger.Count
	}

	ctx    context.Context // ends when the node closes
	cancel context.CancelFunc
	tasks  sync.WaitGroup // background goroutines
	closed sync.Once
	err    error
}

// OpenOffline opens a home without a mesh.
func OpenOffline(ctx context.Context, h Home, log *slog.Logger) (*Node, error) {
	cfg, err := h.Config()
	if err != nil {
		return nil, err
	}
	return open(ctx, h, cfg, log)
}

// open takes the lock and opens what a home holds.
func open(ctx context.Context, h Home, cfg configs.Config, log *slog.Logger) (_ *Node, err error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	n := &Node{home: h, config: cfg, log: log, now: time.Now, start: time.Now()}
	n.role = roleOf(cfg.Mesh.Role)
	n.ctx, n.cancel = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			n.Close()
		}
	}()
	if n.lock, err = h.lock(); err != nil {
		return nil, err
	}
	if n.key, err = h.key(); err != nil {
		return nil, err
	}
	if n.id, err = peer.IDFromPrivateKey(n.key); err != nil {
		return nil, err
	}
	opt := blocks.DefaultOptions()
	opt.QuotaBytes = int64(cfg.Storage.Quota)
	if n.store, err = blocks.Open(h.file("store"), opt); err != nil {
		return nil, err
	}
	book := announce.DefaultOptions()
	// Expiry spans more than two of the longest intervals between repeats.
	book.Lifetime = max(book.Lifetime, 5*cfg.Mesh.Announce.Std())
	if n.book, err = announce.OpenBook(n.store.Metadata("book"), book); err != nil {
		return nil, err
	}
	n.notes, err = openNotebook(h.file("notes.json"))
	return n, err
}

// roleOf resolves auto: an edge, until a GPU engine can make a trainer of it.
func roleOf(configured string) string {
	if configured == RoleTrainer {
		return RoleTrainer
	}
	return RoleEdge
}

// RunOptions override the configuration of one run.
type RunOptions struct {
	Role      string   // auto, edge, trainer; empty: as configured
	Bootstrap []string // multiaddrs beside those configured
	Ready     func(n *Node)
	Log       *slog.Logger
}

// Run is the node in the foreground: it joins the mesh, answers on the home's
// socket and works until ctx ends.
func Run(ctx context.Context, h Home, opt RunOptions) error {
	cfg, err := h.Config()
	if err != nil {
		return err
	}
	if opt.Role != "" {
		cfg.Mesh.Role = opt.Role
	}
	cfg.Mesh.Bootstrap = append(slices.Clone(cfg.Mesh.Bootstrap), opt.Bootstrap...)
	if err := cfg.Validate(); err != nil {
		return err
	}
	n, err := open(ctx, h, cfg, opt.Log)
	if err != nil {
		return err
	}
	defer n.Close()
	for _, p := range n.problems() {
		n.log.Warn(p.Message, "hint", p.Hint)
	}
	if err := n.join(ctx); err != nil {
		return err
	}
	path, err := h.socketPath()
	if err != nil {
		return err
	}
	api, err := serve(n, path)
	if err != nil {
		return err
	}
	if opt.Ready != nil {
		opt.Ready(n)
	}
	<-ctx.Done()
	n.log.Info("stopping")
	n.cancel()
	return errors.Join(api.Close(), n.Close())
}

// join starts the mesh, the topics this node has a part in, and what its role
// does in the background.
func (n *Node) join(ctx context.Context) error {
	cfg, err := n.meshConfig()
	if err != nil {
		return err
	}
	if n.role == RoleEdge {
		debug.SetMemoryLimit(edgeMemoryLimit)
	}
	if n.mesh, err = p2p.Open(ctx, cfg, n.key, n.store, n.book, n.store.Metadata("peers")); err != nil {
		return err
	}
	for _, task := range n.notes.taskCIDs() {
		if err := n.mesh.Join(ctx, task); err != nil {
			return fmt.Errorf("join task %s: %w", task, err)
		}
	}
	n.tasks.Go(n.saveTraffic)
	if n.role == RoleTrainer {
		t := newTrainer(n)
		n.tasks.Go(t.run)
		return nil
	}
	return n.retire(ctx)
}

// meshConfig turns the configuration into the options of package p2p.
func (n *Node) meshConfig() (p2p.Config, error) {
	profile := p2p.ProfileEdge
	if n.role == RoleTrainer {
		profile = p2p.ProfileTrainer
	}
	cfg := p2p.DefaultConfig(profile)
	m := n.config.Mesh
	cfg.Mesh, cfg.Role, cfg.Agent, cfg.MDNS = m.Name, n.role, "distillmesh/"+Version, m.MDNS
	cfg.AnnounceMin, cfg.AnnounceMax = m.Announce.Std()/2, m.Announce.Std()*3/2
	cfg.Logger = n.log
	cfg.Listen = nil
	for _, s := range m.ListenAddrs() {
		a, err := multiaddr.NewMultiaddr(s)
		if err != nil {
			return cfg, err
		}
		cfg.Listen = append(cfg.Listen, a)
	}
	for _, s := range m.Bootstrap {
		info, err := peer.AddrInfoFromString(s)
		if err != nil {
			return cfg, Fail(CodeUsage, "an address ends in /p2p/NODE-ID; 'distillmesh status' on that node prints it", "bootstrap address %s: %w", s, err)
		}
		cfg.Bootstrap = append(cfg.Bootstrap, *info)
	}
	return cfg, nil
}

// scope is a context that ends with either the request or the node.
func (n *Node) scope(request context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(request)
	stop := context.AfterFunc(n.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

// Online implements Conn.
func (n *Node) Online() bool { return n.mesh != nil }

// ID is the node's peer id.
func (n *Node) ID() peer.ID { return n.id }

// Role is what the node acts as: edge or trainer.
func (n *Node) Role() string { return n.role }

// Addrs are the dialable addresses of an online node.
func (n *Node) Addrs() []string {
	var out []string
	if n.mesh != nil {
		for _, a := range n.mesh.Addrs() {
			out = append(out, a.String())
		}
	}
	return out
}

// Close leaves the mesh, waits for background work and releases the home.
func (n *Node) Close() error {
	n.closed.Do(func() {
		n.cancel()
		n.tasks.Wait()
		var errs []error
		if n.mesh != nil {
			n.recordTraffic()
			errs = append(errs, n.mesh.Close())
		}
		if n.store != nil {
			errs = append(errs, n.store.Close())
		}
		if n.lock != nil {
			errs = append(errs, n.lock.Unlock())
		}
		n.err = errors.Join(errs...)
	})
	return n.err
}
