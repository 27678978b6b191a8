package main

import (
	"cmp"
	"context"
	"io"
	"os"
	"runtime/debug"
	"slices"

	"github.com/spf13/cobra"

	"github.com/distillmesh/distillmesh/configs"
	"github.com/distillmesh/distillmesh/node"
	"github.com/distillmesh/distillmesh/node/api"
)

func (a *app) initCommand() *cobra.Command {
	role := "auto"
	c := &cobra.Command{Use: "init", Short: "Make this device's home: key and commented configuration", Args: args(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains([]string{"auto", "edge", "trainer"}, role) {
				return api.Fail(api.CodeUsage, "use auto, edge or trainer", "--role %q is unknown", role)
			}
			id, created, err := a.home.Init(role)
			if err != nil {
				return err
			}
			if created {
				a.tell("made %s; settings are in %s", a.home.Path, a.home.ConfigPath())
				if role == "auto" {
					a.tell("where a GPU passes its self-test, 'distillmesh run' trains for the mesh; role = \"edge\" there declines")
				}
			} else {
				a.tell("%s existed already; nothing changed: settings are in %s", a.home.Path, a.home.ConfigPath())
			}
			if cfg, err := a.home.Config(); err == nil && cmd.Flags().Changed("role") && cfg.Mesh.Role != role {
				a.tell("the role stays %s: %s was there before and is not overwritten; change it there", cfg.Mesh.Role,
					a.home.ConfigPath())
			}
			if a.json {
				return a.document(map[string]any{"id": id, "home": a.home.Path, "created": created})
			}
			a.print("%s", id)
			return nil
		}}
	c.Flags().StringVar(&role, "role", role, "auto, edge or trainer")
	return a.readFlags(c, false)
}

// edgeMemoryLimit is the soft memory limit of an edge node's process, and edgeGarbage how
// much its heap may grow between two collections, in percent: a full book of announcements
// is most of it, and collecting twice as often costs little there.
const (
	edgeMemoryLimit = 64 << 20
	edgeGarbage     = 50
)

func (a *app) runCommand() *cobra.Command {
	var opt node.StartOptions
	var whileStdin bool
	c := &cobra.Command{Use: "run", Short: "Run the node in the foreground", Args: args(0, 0),
		Long: "Run the node in the foreground until Ctrl-C. Nodes on the same LAN find each other; --bootstrap reaches " +
			"further.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := a.home.Config()
			if err != nil {
				return err
			}
			if opt.Log, err = a.logger(cfg.Log.Level); err != nil {
				return err
			}
			var reason string
			if opt.Role, reason = node.ResolveRole(cmp.Or(opt.Role, cfg.Mesh.Role)); reason != "" {
				a.tell("%s", reason)
			}
			if opt.Role == node.RoleEdge {
				debug.SetMemoryLimit(edgeMemoryLimit)
				debug.SetGCPercent(edgeGarbage)
			}
			ctx := cmd.Context()
			if whileStdin {
				var cancel context.CancelFunc
				ctx, cancel = context.WithCancel(ctx)
				defer cancel()
				go func() {
					io.Copy(io.Discard, os.Stdin) // until the parent process closes it or dies
					cancel()
				}()
			}
			n, err := node.Start(ctx, a.home, opt)
			if err != nil {
				return err
			}
			a.tell("node %s runs as %s in mesh %q; Ctrl-C stops it", n.ID(), n.Role(), cfg.Mesh.Name)
			for _, addr := range n.Addrs() {
				a.print("%s", addr)
			}
			<-ctx.Done()
			return n.Close()
		}}
	c.Flags().BoolVar(&whileStdin, "while-stdin", false, "stop when standard input ends")
	c.Flags().MarkHidden("while-stdin")
	c.Flags().StringVar(&opt.Role, "role", "", "auto, edge or trainer (default: as configured)")
	c.Flags().StringArrayVar(&opt.Bootstrap, "bootstrap", nil,
		"address of a node to meet, /ip4/.../p2p/ID; may be repeated")
	return c
}

func (a *app) configCommand() *cobra.Command {
	show := &cobra.Command{Use: "show", Short: "Print the settings in force", Args: args(0, 0),
		RunE: func(*cobra.Command, []string) error {
			file, err := os.ReadFile(a.home.ConfigPath())
			if err != nil && !os.IsNotExist(err) {
				return err
			}
			settings, err := configs.Explain(file, os.Environ())
			if err != nil {
				return err
			}
			if a.json {
				return a.document(map[string]any{"settings": settings})
			}
			var rows [][]string
			for _, s := range settings {
				rows = append(rows, []string{s.Key, s.Value, s.Origin})
			}
			a.table("KEY VALUE ORIGIN", rows)
			return nil
		}}
	return group("config", "Settings: what is in force and where it comes from", a.readFlags(show, false))
}

func (a *app) versionCommand() *cobra.Command {
	c := &cobra.Command{Use: "version", Short: "Print the version", Args: args(0, 0),
		RunE: func(*cobra.Command, []string) error {
			if a.json {
				return a.document(map[string]any{"version": node.Version})
			}
			a.print("distillmesh %s", node.Version)
			return nil
		}}
	return a.readFlags(c, false)
}
