package main

import (
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/distillmesh/distillmesh/distill/text"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/demo"
)

func (a *app) demoCommand() *cobra.Command {
	var opt demo.Options
	c := &cobra.Command{Use: "demo", Short: "Run ten edge nodes and a trainer on this computer, offline",
		Args: args(0, 0),
		Long: "Start ten edge nodes and a trainer as processes on loopback; the edges distill built-in digits (or --data " +
			"DIR) and announce\nthem, the trainer gathers them by CID and trains. Contacts no other computer, and stops " +
			"every process it started.",
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if opt.Self, err = os.Executable(); err != nil {
				return err
			}
			opt.Report = a.report
			got, err := demo.Run(cmd.Context(), opt)
			if cmd.Context().Err() != nil {
				return api.Fail(api.CodeStopped, "every node has ended; run it again to start from the beginning", "interrupted")
			}
			if err != nil {
				return err
			}
			a.finish()
			if a.json {
				return a.document(got)
			}
			a.showDemo(got)
			return nil
		}}
	c.Flags().StringVar(&opt.Data, "data", "", "folder of MNIST-like files instead of the built-in digits")
	c.Flags().StringVar(&opt.Dir, "dir", "", "where the nodes' homes go (default: a new temporary folder)")
	return a.readFlags(c, false)
}

func (a *app) showDemo(r *demo.Result) {
	a.print("%d devices, two classes of %s each, distilled them into %d images, %s of each device; "+
		"a trainer gathered these.", r.Clients, r.Task, r.Images, text.Bytes(r.Bytes.Sets/int64(r.Clients)))
	a.print("%s\n", wrapped(r.Method+" was chosen: "+r.Why, studyWidth-2, "  "))
	w := tabwriter.NewWriter(a.stdout, 0, 0, 3, ' ', 0)
	fmt.Fprintf(w, "accuracy in %% [runs]\tgathered\t%d random real\t%d tiles, twice the bytes\tall data\n", r.Images,
		r.Tiles)
	for _, row := range r.Results {
		fmt.Fprintln(w, row)
	}
	w.Flush()
	b := r.Bytes
	a.print("\nbytes   %s of sets; %s moved in all (every node, every protocol)\n        one-shot FedAvg of LeNet: "+
		"%s up, %s down",
		text.Bytes(b.Sets), text.Bytes(b.Moved), text.Bytes(b.FedAvg.Up), text.Bytes(b.FedAvg.Down))
	a.print("model   %s", r.Model)
	for i, s := range r.Sets {
		a.print("%s %s", map[bool]string{true: "sets   ", false: "       "}[i == 0], s)
	}
	late := ""
	if r.LeftOut > 0 {
		late = fmt.Sprintf(" (repeated trainings skipped to end within a minute: %d)", r.LeftOut)
	}
	a.print("sheet   %s\nhomes   %s\ntime    %.1f s%s\n", r.Sheet, r.Homes, r.Seconds, late)
	run := "DISTILLMESH_PATH=" + r.Homes + "/trainer distillmesh"
	a.print("Next steps:\n  %s ls\n  %s models show %s\n  %s publish --dry-run %s",
		run, run, short8(r.Model), strings.Replace(run, "/trainer", "/edge-1",
			1), "$(DISTILLMESH_PATH="+r.Homes+"/edge-1 distillmesh ls -q)")
}
