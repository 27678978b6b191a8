package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/distillmesh/distillmesh/distill/text"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/jobs"
	"github.com/distillmesh/distillmesh/node/operations"
)

func (a *app) publishCommand() *cobra.Command {
	var req operations.PublishRequest
	sheet := ""
	c := &cobra.Command{Use: "publish CID", Short: "Announce a set to the mesh", Args: args(1, 1),
		Long: "Announce a set so that trainers can fetch it. Refused for sets that hold real samples or average fewer " +
			"than ten,\nunless --allow-real. --dry-run shows what would leave, each image beside the nearest real one.",
		RunE: func(cmd *cobra.Command, argv []string) error {
			req.CID = argv[0]
			if sheet != "" && !req.DryRun {
				return api.Fail(api.CodeUsage, "add --dry-run", "--sheet is the picture of a dry run")
			}
			return a.with(cmd.Context(), func(conn api.Conn) error {
				if req.DryRun {
					return a.dryRun(cmd, conn, argv[0], sheet)
				}
				p, err := operations.Publish.Do(cmd.Context(), conn, req, a.report)
				if err != nil {
					return err
				}
				if a.json {
					return a.document(p)
				}
				a.print("%s", p.Set.CID)
				if !p.Announced {
					a.tell("no node is running: it is announced at the next 'distillmesh run'")
				}
				return nil
			})
		}}
	c.Flags().BoolVar(&req.AllowReal, "allow-real", false, "publish even if it holds real samples")
	c.Flags().BoolVar(&req.DryRun, "dry-run", false, "show what would leave, and publish nothing")
	c.Flags().StringVar(&sheet, "sheet", "", "with --dry-run: where to write the picture (default: CID-pairs.png here)")
	return a.readFlags(c, false)
}

func (a *app) dryRun(cmd *cobra.Command, conn api.Conn, cid, path string) error {
	l, err := jobs.DryRun(cmd.Context(), conn, cid)
	if err != nil {
		return err
	}
	_, refused := operations.Publish.Do(cmd.Context(), conn, operations.PublishRequest{CID: cid, DryRun: true}, nil)
	if l.Sheet != nil {
		if path == "" {
			path = short(l.Set.CID) + "-pairs.png"
		}
		if err := os.WriteFile(path, l.Sheet, 0o600); err != nil {
			return err
		}
	}
	m, one := l.Manifest, "image"
	if m.Images.Shape[0] == 1 && m.Images.Shape[1] == 1 {
		one = "row" // of a table
	}
	if a.json {
		doc := map[string]any{"cid": l.Set.CID, "bytes": l.Set.Bytes, "manifest": m, "allowed": refused == nil}
		if refused != nil {
			doc["refused"] = refused.Error()
		}
		if l.Sheet != nil {
			doc["sheet"] = path
		}
		return a.document(doc)
	}
	a.print("set             %s", l.Set.CID)
	a.print("leaves          %s and their labels, %s; anyone in the mesh learns which classes this device holds",
		count(m.Images.Count, one), text.Bytes(l.Set.Bytes))
	a.print("contains real   %s (%s; a copy is 0, below 0.5 counts as real)", yes(m.ContainsReal), m.Nearness())
	if m.SmallestGroup > 0 {
		a.print("smallest group  %s averaged into one %s", count(m.SmallestGroup, "sample"), one)
	}
	if refused != nil {
		a.print("publish         refused: %v", refused)
	} else {
		a.print("publish         allowed")
	}
	if l.Sheet != nil {
		a.print("picture         %s: each %s beside its nearest real one; it holds raw data, keep it here", path, one)
	} else {
		a.print("picture         none: the data it was made from cannot be opened, or are a table")
	}
	return nil
}
