// Command bytes measures accuracy over the bytes of whole sets: ten devices with two
// classes each, every method and its control at every budget, on networks and closed
// forms, by the same runs as simulate. Finished runs are kept in a folder, so that
// budgets, methods and seeds can be added. It prints a table, and writes the records and
// a figure where asked. Without DISTILLMESH_DATA it says so and does nothing.
//
//	go run ./test/bytes -data mnist -budgets 512,1024,3100 -methods dm -models lenet,convnet3:64 -seeds 3 -o DIR
//	  [-validation 0.1] [-steps N] [-records FILE] [-figure FILE]
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/study"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/open"
)

// folders are where the data sets lie under DISTILLMESH_DATA.
var folders = map[string]string{"mnist": "mnist", "fashion-mnist": "fashion-mnist", "cifar-10": "cifar-10-batches-bin"}

// point is the runs of a method, a model and a budget.
type point struct {
	Data   string `json:"data"`
	Budget int64  `json:"budget"`
	study.Summary
}

type options struct {
	data, budgets, methods, models, pixels, dir string
	seeds, steps, ring, clients                 int
	validation                                  float64
}

func main() {
	var o options
	records, picture := "", ""
	flag.StringVar(&o.data, "data", "mnist", "data set")
	flag.StringVar(&o.budgets, "budgets", "1024", "bytes of a device's set, all of its DAG")
	flag.StringVar(&o.methods, "methods", "dm", "methods, with settings as in simulate")
	flag.StringVar(&o.models, "models", "lenet", "models")
	flag.StringVar(&o.pixels, "pixels", "", "how images are stored, as in simulate")
	flag.StringVar(&o.dir, "o", "", "folder of finished runs")
	flag.IntVar(&o.seeds, "seeds", 3, "runs of each combination")
	flag.IntVar(&o.steps, "steps", 0, "steps of training; 0 for what sets recommend")
	flag.IntVar(&o.ring, "ring", 2, "classes of a device")
	flag.IntVar(&o.clients, "clients", 10, "devices")
	flag.Float64Var(&o.validation, "validation", 0,
		"share of the training samples to measure on, in place of the test part")
	flag.StringVar(&records, "records", "", "file for the records, in JSON")
	flag.StringVar(&picture, "figure", "", "file for the figure, in SVG")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	points, err := o.run(ctx)
	if err == nil {
		table(points)
		err = write(points, records, picture)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bytes:", err)
		os.Exit(1)
	}
}

// run does all budgets.
func (o options) run(ctx context.Context) (out []point, err error) {
	root := os.Getenv("DISTILLMESH_DATA")
	if root == "" || o.dir == "" {
		return nil, fmt.Errorf("needs real data and a folder: set DISTILLMESH_DATA, give -o")
	}
	ds, err := open.Path(filepath.Join(root, folders[o.data]), nil)
	if err != nil {
		return nil, err
	}
	if ds, err = study.Parts(ds, o.validation); err != nil {
		return nil, err
	}
	for word := range strings.SplitSeq(o.budgets, ",") {
		budget, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return nil, err
		}
		doc, err := study.Run(ctx, study.Plan{Data: ds, Budget: budget, IPC: 1, Methods: strings.Split(o.methods, ","),
			Consumers: strings.Split(o.models, ","), Seeds: o.seeds, Steps: o.steps, Curve: 1, NoBound: true,
			Pixels: artifact.PixelType(strings.ToUpper(o.pixels)),
			Split:  data.Split{Kind: data.Ring, Clients: o.clients, PerClient: o.ring}},
			study.Options{Dir: filepath.Join(o.dir, fmt.Sprintf("%s.%d", ds.Name, budget)), Report: tell()})
		if err != nil {
			return nil, err
		}
		for _, s := range doc.Summary {
			out = append(out, point{ds.Name, budget, s})
		}
	}
	return out, nil
}

// tell reports each stage once.
func tell() func(study.Progress) {
	last := ""
	return func(p study.Progress) {
		if p.Stage != last {
			last = p.Stage
			fmt.Fprintln(os.Stderr, p.Stage)
		}
	}
}

// table prints a line of Markdown per point.
func table(points []point) {
	fmt.Println("| data | budget | method | bytes of a set | images | model | accuracy, % | minus control | s |")
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, p := range points {
		against := "-"
		if d := p.MinusRandom; d != nil {
			against = fmt.Sprintf("%+.1f", 100*d.Mean)
			if d.Low != nil && d.High != nil {
				against += fmt.Sprintf(" [%+.1f, %+.1f]", 100**d.Low, 100**d.High)
			}
		}
		fmt.Printf("| %s | %d | %s | %d | %d | %s | %.1f ± %.1f [%d] | %s | %.0f |\n", p.Data, p.Budget, p.Method,
			p.BytesUp/10, p.Images, p.Consumer, 100*p.Accuracy.Mean, 100*p.Accuracy.Std, p.Accuracy.N, against, p.Seconds)
	}
}

// write writes the records and the figure.
func write(points []point, records, picture string) error {
	if records != "" {
		doc, err := json.MarshalIndent(points, "", " ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(records, append(doc, '\n'), 0o644); err != nil {
			return err
		}
	}
	if picture == "" {
		return nil
	}
	svg, err := draw(points).SVG()
	if err != nil {
		return err
	}
	return os.WriteFile(picture, svg, 0o644)
}
