package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/home"
	"github.com/distillmesh/distillmesh/p2p"
	"github.com/distillmesh/distillmesh/p2p/announce"
)

// StartOptions override the configuration of one run.
type StartOptions struct {
	Role      string   // auto, edge, trainer; empty: as configured
	Bootstrap []string // multiaddrs beside those configured
	Log       *slog.Logger
}

// Start opens a home, joins the mesh and answers on the home's socket, until Close.
// ctx is only for the start.
func Start(ctx context.Context, h home.Home, opt StartOptions) (*Node, error) {
	cfg, err := h.Config()
	if err != nil {
		return nil, err
	}
	if opt.Role != "" {
		cfg.Mesh.Role = opt.Role
	}
	role, reason := ResolveRole(cfg.Mesh.Role)
	if cfg.Mesh.Role = role; reason != "" {
		opt.Log.Info(reason)
	}
	cfg.Mesh.Bootstrap = append(slices.Clone(cfg.Mesh.Bootstrap), opt.Bootstrap...)
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	n, err := openHome(h, cfg, opt.Log)
	if err != nil {
		return nil, err
	}
	for _, p := range n.problems() {
		n.log.Warn(p.Message, "hint", p.Hint)
	}
	if err = n.join(ctx); err == nil {
		err = n.serve()
	}
	if err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// serve answers on the home's socket.
func (n *Node) serve() error {
	path, err := n.home.SocketPath()
	if err != nil {
		return err
	}
	if err := n.home.ClearUploads(); err != nil {
		return err
	}
	l, err := api.Listen(path)
	if err != nil {
		return err
	}
	n.server = api.Serve(l, api.ServerOptions{Table: n.Table, Describe: Describe, Spool: n.home.UploadPath(), Log: n.log})
	return nil
}

// join starts the mesh, joins the topics of this node, and starts the
// background work of its role.
func (n *Node) join(ctx context.Context) error {
	cfg, err := n.meshConfig()
	if err != nil {
		return err
	}
	peers := n.held.Blocks.Metadata("peers")
	if n.mesh, err = p2p.Open(ctx, cfg, n.key, n.held.Blocks, n.held.Book, peers); err != nil {
		return err
	}
	n.known.GoOnline(n.mesh)
	for _, task := range n.held.State.Tasks() {
		if err := n.mesh.Join(ctx, task); err != nil {
			return fmt.Errorf("join task %s: %w", task, err)
		}
	}
	n.tasks.Go(n.saveTraffic)
	if n.role == RoleTrainer {
		n.tasks.Go(n.runTrainer)
		return nil
	}
	return n.retire(ctx)
}

// retire withdraws the trainer announcements of an earlier run.
func (n *Node) retire(ctx context.Context) error {
	for _, r := range n.held.Book.Live(announce.Query{Subject: announce.SubjectTrainer, Signer: n.id}) {
		if err := n.mesh.Withdraw(ctx, r); err != nil {
			return err
		}
	}
	return nil
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
			return cfg, api.Fail(api.CodeUsage,
				"an address ends in /p2p/NODE-ID; 'distillmesh status' on that node prints it",
				"bootstrap address %s: %w", s, err)
		}
		cfg.Bootstrap = append(cfg.Bootstrap, *info)
	}
	return cfg, nil
}
