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
	usualMethods      = []string{"random", "gmm", "kip", "dm", "fedavg:epochs=5"}
	usualTableMethods = []string{"random", "gmm", "kip", "fedavg:epochs=5"}
	usualImageModels  = []string{"lenet", "convnet3:64", "ntk:1"}
	usualTableModels  = []string{"mlp", "ntk:1"}
)

func (a *app) simulateCommand() *cobra.Command {
	p := study.Plan{IPC: 1, Seeds: 3, Curve: 20, Pixels: artifact.U8}
	var split splitFlags
	var opt study.Options
	var reading data.Reading
	from, task, pixels := data.GlyphPath, "", string(artifact.U8)
	c := &cobra.Command{Use: "simulate", Short: "What would my devices gain? Any split, method and model beside the baselines", Args: args(0, 0),
		Long: "Split data over clients, distil each part, merge what is written, train, and compare with random real images of the same\n" +
			"bytes and treatment, with federated learning and with all the data. No network is used; the code is the nodes' own.\n" +
			"The folder of -o keeps what is done: the same command goes on after Ctrl-C, and more methods or seeds add to it.\n\n" +
			"Methods take settings, as in kip:official=true or fedavg:rounds=5:epochs=1:fraction=0.5.",
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if p.Split, err = split.parse(2); err != nil {
				return err
			}
			p.Pixels = artifact.PixelType(strings.ToUpper(pixels))
			if p.Data, err = a.openStudyData(cmd, from, task, reading); err != nil {
				return err
			}
			if len(p.Consumers) == 0 {
				p.Consumers = usualImageModels
				if p.Data.Task.IsTable() {
					p.Consumers = usualTableModels
				}
			}
			if len(p.Methods) == 0 {
				p.Methods = usualMethods
				if p.Data.Task.IsTable() {
					p.Methods = usualTableMethods
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
	f.StringVar(&from, "data", from, "what to split: a path as for 'data add', or registered data by name")
	f.StringVar(&task, "task", "", "a built-in task that the data at a path belong to (default: recognised, else made of the data)")
	addReadingFlags(c, &reading)
	split.add(c)
	f.IntVar(&p.IPC, "ipc", p.IPC, "stored images per class and client")
	f.StringSliceVar(&p.Methods, "method", nil, "methods and federated strategies, with settings after colons (default: "+strings.Join(usualMethods, ",")+")")
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

// openStudyData opens registered data by name, or a path: well-known data as
// their task, other data as a task of their own. Without a test part some of
// each class is held out.
func (a *app) openStudyData(cmd *cobra.Command, from, task string, reading data.Reading) (ds *data.Dataset, err error) {
	known := data.WellKnownTask(task)
	if task != "" && known == nil {
		return nil, node.Fail(node.CodeUsage, "leave out --task: one is made of the data", "%q is no built-in task", task)
	}
	if _, missing := os.Stat(from); missing != nil && from != data.GlyphPath {
		err = a.with(cmd.Context(), func(conn node.Conn) error {
			open, err := node.OpenLocal(cmd.Context(), conn, from)
			if err == nil {
				ds = open.Dataset
			}
			return err
		})
		if err != nil {
			return nil, node.Fail(node.CodeUsage, "give a path, or a name that 'distillmesh data ls' lists", "no file %s, and no registered data: %w", from, err)
		}
	} else if ds, err = reading.Open(from, known); errors.Is(err, data.ErrUnknownData) {
		draft := data.Task{Version: data.TaskVersion, Name: strings.ToLower(strings.TrimSuffix(filepath.Base(from), filepath.Ext(from)))}
		ds, _, err = reading.Derive(from, draft)
	}
	if err != nil {
		return nil, err
	}
	if ds, err = ds.Holdout(data.DefaultHoldout, 0); err != nil {
		return nil, err
	}
	for _, remark := range ds.Remarks {
		a.tell("%s: %s", ds.Name, remark)
	}
	return ds, nil
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
