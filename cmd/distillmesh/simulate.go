package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/study"
	"github.com/distillmesh/distillmesh/node"
	"github.com/distillmesh/distillmesh/train/data"
)

// What simulate compares unless told otherwise.
var (
	usualMethods     = []string{"random", "gmm", "kip", "dm", "fedavg"}
	usualImageModels = []string{"lenet", "convnet3:64", "ntk:1"}
	usualTableModels = []string{"mlp", "ntk:1"}
)

func (a *app) simulateCommand() *cobra.Command {
	p := study.Plan{IPC: 1, Seeds: 3, Curve: 20, Pixels: artifact.U8, Methods: usualMethods}
	split := splitFlags{clients: 10}
	var opt study.Options
	path, task, pixels := data.GlyphPath, "", string(artifact.U8)
	c := &cobra.Command{Use: "simulate", Short: "What would my devices gain? Any split, method and model beside the baselines", Args: args(0, 0),
		Long: "Split data over clients, distil each part, merge what is written, train, and compare with random real images of the same\n" +
			"bytes and treatment, with federated learning and with all the data. No network is used; the code is the nodes' own.\n" +
			"The folder of -o keeps what is done: the same command goes on after Ctrl-C, and more methods or seeds add to it.\n\n" +
			"Methods take settings, as in kip:official=true or fedavg:rounds=5:epochs=1:fraction=0.5.",
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if p.Split, err = split.parse(data.Ring, 2); err != nil {
				return err
			}
			p.Pixels = artifact.PixelType(strings.ToUpper(pixels))
			if p.Data, err = a.openStudyData(cmd, path, task); err != nil {
				return err
			}
			if len(p.Consumers) == 0 {
				p.Consumers = usualImageModels
				if p.Data.Task.IsTable() {
					p.Consumers = usualTableModels
				}
			}
			if opt.Dir == "" {
				opt.Dir = fmt.Sprintf("study-%s.%s.%d", p.Data.Name, p.Split, p.Split.Clients)
			}
			opt.Report = func(s study.Progress) {
				a.report(node.Progress{Stage: s.Stage, Done: s.Done, Total: s.Total, Unit: s.Unit})
			}
			doc, err := study.Run(cmd.Context(), p, opt)
			if errors.Is(err, study.ErrPlan) {
				return node.Fail(node.CodeUsage, "see 'distillmesh simulate --help'", "%w", err)
			}
			if err != nil {
				return err
			}
			return a.showStudy(doc, opt.Dir)
		}}
	f := c.Flags()
	f.StringVar(&path, "data", path, "what to split: a path as for 'data add'")
	f.StringVar(&task, "task", "", "the task of data that are not well known")
	split.add(c)
	f.IntVar(&p.IPC, "ipc", p.IPC, "stored images per class and client")
	f.StringSliceVar(&p.Methods, "method", p.Methods, "methods and federated strategies, with settings after colons")
	f.StringSliceVar(&p.Consumers, "model", nil, "models to train (default: "+strings.Join(usualImageModels, ",")+"; of tables "+strings.Join(usualTableModels, ",")+")")
	f.IntVar(&p.Seeds, "seeds", p.Seeds, "runs of each combination")
	f.StringVar(&pixels, "pixels", pixels, "how pixels are stored: U8 (with a range an image), F16 or F32")
	f.IntVar(&p.Formation, "formation", 0, "tiles along a side of a stored image (default: the method's own)")
	f.IntVar(&p.Steps, "steps", 0, "training steps (default: what the sets recommend)")
	f.IntVar(&p.Curve, "curve", p.Curve, "times that the test set is looked at during a training")
	f.BoolVar(&p.NoBound, "no-bound", false, "leave out the training on all data")
	f.IntVar(&opt.Workers, "workers", 0, "processor cores to use (default: all)")
	f.StringVarP(&opt.Dir, "output", "o", "", "folder of what is done and of the report (default: study-DATA.SPLIT.CLIENTS)")
	return a.readFlags(c, false)
}

func (a *app) openStudyData(cmd *cobra.Command, path, task string) (*data.Dataset, error) {
	known := data.WellKnownTask(task)
	if task != "" && known == nil {
		return nil, node.Fail(node.CodeUsage, "see 'distillmesh task ls'", "unknown task %q", task)
	}
	return data.Open(path, known)
}

// showStudy writes the document beside what was done and prints it.
func (a *app) showStudy(doc *study.Document, dir string) error {
	a.finish()
	if a.json {
		return a.document(doc)
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "method\tmodel\taccuracy %\t- random, 95 %\timages\tup\tdown\ts\tMiB\t")
	for _, s := range doc.Summary {
		difference := "-"
		if d := s.MinusRandom; d != nil {
			difference = fmt.Sprintf("%+.1f", 100*d.Mean)
			if d.Low != nil {
				difference += fmt.Sprintf(" [%+.1f %+.1f]", 100**d.Low, 100**d.High)
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%.1f +-%.1f [%d]\t%s\t%d\t%s\t%s\t%.1f\t%.0f\t\n", s.Method, s.Consumer, 100*s.Accuracy.Mean, 100*s.Accuracy.Std, s.Accuracy.N,
			difference, s.Images, size(s.BytesUp), size(s.BytesDown), s.Seconds, s.PeakRSS)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	here, err := os.Getwd()
	if err == nil {
		if rel, err := filepath.Rel(here, dir); err == nil {
			dir = rel
		}
	}
	a.tell("everything is in %s", dir)
	return nil
}

// splitFlags are the flags that say how data are handed to clients.
type splitFlags struct {
	ring    int
	alpha   float64
	iid     bool
	clients int
	seed    uint64
}

func (s *splitFlags) add(c *cobra.Command) {
	c.Flags().IntVar(&s.clients, "clients", s.clients, "how many clients")
	c.Flags().IntVar(&s.ring, "ring", 0, "classes per client, in a ring")
	c.Flags().Float64Var(&s.alpha, "dirichlet", 0, "shares of each class drawn from Dir(ALPHA)")
	c.Flags().BoolVar(&s.iid, "iid", false, "equal random shares")
	c.Flags().Uint64Var(&s.seed, "split-seed", 0, "seed of the split")
}

// parse is the split asked for; without any of the flags, kind and perClient.
func (s *splitFlags) parse(kind data.SplitKind, perClient int) (data.Split, error) {
	split, chosen := data.Split{Clients: s.clients, Seed: s.seed}, 0
	if s.ring != 0 {
		split.Kind, split.PerClient, chosen = data.Ring, s.ring, chosen+1
	}
	if s.alpha != 0 {
		split.Kind, split.Alpha, chosen = data.Dirichlet, s.alpha, chosen+1
	}
	if s.iid {
		split.Kind, chosen = data.IID, chosen+1
	}
	if chosen == 0 && kind != "" {
		split.Kind, split.PerClient, chosen = kind, perClient, 1
	}
	if chosen != 1 {
		return split, node.Fail(node.CodeUsage, "see '--help'", "want one of --ring K, --iid, --dirichlet ALPHA")
	}
	return split, nil
}
