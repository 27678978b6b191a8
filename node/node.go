package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/distillmesh/distillmesh/configs"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/catalogue"
	"github.com/distillmesh/distillmesh/node/holdings"
	"github.com/distillmesh/distillmesh/node/home"
	"github.com/distillmesh/distillmesh/p2p"
	"github.com/distillmesh/distillmesh/train/engine"
	"github.com/distillmesh/distillmesh/train/gpu"
)

// Version is the program's version.
const Version = "0.1.0"

// The roles of a running node.
const (
	RoleEdge    = "edge"
	RoleTrainer = "trainer"
)

// usableGPU looks for a GPU, and says what was found; a variable, so that tests have one or none.
var usableGPU = func() (gpu.Device, gpu.Found, error) {
	found := gpu.Find()
	d, err := engine.Usable(found)
	return d, found, err
}

// ResolveRole resolves a configured role, and says why in a line: auto is a trainer where a GPU passes its self-test,
// else an edge. The reason is empty where no GPU has a driver, and where the role is configured.
func ResolveRole(configured string) (role, reason string) {
	switch configured {
	case RoleTrainer, RoleEdge:
		return configured, ""
	}
	d, found, err := usableGPU()
	switch {
	case err == nil:
		return RoleTrainer,
			fmt.Sprintf("%s, %s, passed its self-test, so this node trains for the mesh; role = \"edge\" in [mesh] of "+
				"config.toml declines", d.ID, d.Name)
	case found.WithoutGPU():
		return RoleEdge, ""
	}
	return RoleEdge, "no GPU to train on: " + err.Error()
}

// roleOffline is the role that is shown while no node runs: auto is decided at the start.
func roleOffline(configured string) string {
	if configured == RoleTrainer {
		return RoleTrainer
	}
	return RoleEdge
}

// Node is a running node: online when made by Start, offline when a verb opened it.
// It is an api.Conn to itself.
type Node struct {
	*api.Table
	home   home.Home
	config configs.Config
	role   string
	log    *slog.Logger
	key    crypto.PrivKey
	id     peer.ID
	lock   *flock.Flock
	held   *holdings.Holdings
	known  *catalogue.Catalogue
	mesh   *p2p.Mesh   // nil when offline
	server *api.Server // nil when offline
	moved  traffic
	start  time.Time

	ctx    context.Context // ends when the node closes
	cancel context.CancelFunc
	tasks  sync.WaitGroup // background goroutines
	closed sync.Once
	err    error
}

// OpenOffline opens a home without a mesh.
func OpenOffline(h home.Home, log *slog.Logger) (*Node, error) {
	cfg, err := h.Config()
	if err != nil {
		return nil, err
	}
	return openHome(h, cfg, log)
}

// openHome takes the lock and opens the content of a home.
func openHome(h home.Home, cfg configs.Config, log *slog.Logger) (_ *Node, err error) {
	if err := h.Check(); err != nil {
		return nil, err
	}
	n := &Node{home: h, config: cfg, role: roleOffline(cfg.Mesh.Role), log: log, start: time.Now()}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			n.Close()
		}
	}()
	if n.lock, err = h.Lock(); err != nil {
		return nil, err
	}
	if n.key, err = h.Key(); err != nil {
		return nil, err
	}
	if n.id, err = peer.IDFromPrivateKey(n.key); err != nil {
		return nil, err
	}
	// Announcements are valid for more than two of the longest intervals
	// between repeats.
	opt := holdings.Options{QuotaBytes: int64(cfg.Storage.Quota), Lifetime: 5 * cfg.Mesh.Announce.Std()}
	if n.held, err = holdings.Open(h.Path, opt); err != nil {
		return nil, err
	}
	n.known = catalogue.New(n.held, n.id, cfg.Trainer.MaxTasks, log)
	n.known.JudgeScores(catalogue.ScoreRules{Check: checkScore, Remember: cfg.Trust.ForgetAfter.Std(), Now: time.Now})
	n.Table = n.operations()
	return n, nil
}

// Online implements api.Conn.
func (n *Node) Online() bool { return n.mesh != nil }

// ID is the node's peer id.
func (n *Node) ID() peer.ID { return n.id }

// Role is the role of the node: edge or trainer.
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

// Close ends running operations, leaves the mesh, waits for background work and
// releases the home.
func (n *Node) Close() error {
	n.closed.Do(func() {
		n.cancel()
		var errs []error
		if n.server != nil {
			n.log.Info("stopping")
			errs = append(errs, n.server.Close())
		}
		n.tasks.Wait()
		if n.mesh != nil {
			n.recordTraffic()
			errs = append(errs, n.mesh.Close())
		}
		if n.held != nil {
			errs = append(errs, n.held.Close())
		}
		if n.lock != nil {
			errs = append(errs, n.lock.Unlock())
		}
		n.err = errors.Join(errs...)
	})
	return n.err
}
