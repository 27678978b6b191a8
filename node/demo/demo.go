// Package demo runs the whole pipeline on one computer: ten edge nodes and a
// trainer as real processes on loopback, from local data to a trained model,
// compared with the control (random real images) and the bound (all data).
package demo

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/trial"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/open"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// Sizes of the demonstration.
const (
	clients   = 10
	perClient = 2    // classes per client: FedD3's ring, C_k = 2
	budget    = 1024 // bytes of a client's set, all of its DAG
	// tilesBudget is for the control of tiles, of which 1,024 bytes hold none.
	tilesBudget = 2 * budget
)

// clientTime is how long a client may distill, of the minute that the
// demonstration takes.
const clientTime = 3 * time.Second

// repeatTime is the deadline of repeated trainings, counted from the start.
const repeatTime = 55 * time.Second

// consumer is a model that is trained on the sets to evaluate them.
type consumer struct {
	model string
	steps int // of training on sets and controls; 0 for what the recipe says
	seeds int // trainings on the gathered sets, and draws of each control
	plain int // draws of whole random images, the weaker control
	// bound is the number of trainings on all the data, 0 where they would take
	// too long; samples is how many random samples replace all, 0 for all.
	bound, samples int
}

// consumers in the order of the table; the first is published.
var consumers = []consumer{
	{model: "lenet", seeds: 3, plain: 2, bound: 2},
	{model: "convnet3:64", steps: 300, seeds: 2},
	{model: "ntk:1", seeds: 5, plain: 5, bound: 2, samples: 3000},
}

// recipe is the common recipe with the consumer's number of steps.
func (c consumer) recipe(r recipe.Recipe) recipe.Recipe {
	if c.steps > 0 {
		r.MinSteps, r.MaxSteps = c.steps, c.steps
	}
	return r
}

// Options of a demonstration.
type Options struct {
	Data   string // folder of a data set; empty for the built-in digits
	Dir    string // where homes go; empty for a new temporary folder
	Self   string // the program to start nodes with
	Report api.Report
}

// Score is an accuracy over several seeds.
type Score = trial.Spread

// Row is one consumer's accuracies.
type Row struct {
	Consumer   string `json:"consumer"`
	Gathered   Score  `json:"gathered"`
	RandomReal Score  `json:"random_real"`  // as many, through the same code
	PlainReal  Score  `json:"random_plain"` // tiles of pixels, what fits twice the bytes
	AllData    Score  `json:"all_data"`     // n is 0 where it was not measured
	AllSamples int    `json:"all_data_samples"`
}

// Bytes is the traffic, and what one-shot FedAvg of the first consumer would
// have moved.
type Bytes struct {
	Sets   int64                  `json:"sets"`  // the whole DAGs of the sets
	Moved  int64                  `json:"moved"` // sent by all nodes over all protocols
	FedAvg operations.FedAvgBytes `json:"fedavg_one_shot"`
}

// Result is the document of a demonstration.
type Result struct {
	Task    string   `json:"task"`
	Data    string   `json:"data"`
	Clients int      `json:"clients"`
	Images  int      `json:"images"`  // stored
	Samples int      `json:"samples"` // that a consumer trains on
	Tiles   int      `json:"tiles"`   // of the control of tiles
	Method  string   `json:"method"`  // chosen by auto
	Why     string   `json:"why"`
	Results []Row    `json:"results"`
	Bytes   Bytes    `json:"bytes"`
	Sets    []string `json:"sets"`
	Model   string   `json:"model"`
	Sheet   string   `json:"sheet"`
	Homes   string   `json:"homes"`
	LeftOut int      `json:"runs_left_out"` // repeats that did not fit into the minute
	Seconds float64  `json:"seconds"`
}

// Run runs the demonstration. The nodes that it starts end before it returns,
// and also when this process is killed.
func Run(ctx context.Context, opt Options) (*Result, error) {
	began := time.Now()
	path := opt.Data
	if path == "" {
		path = data.GlyphPath
	}
	ds, err := open.Path(path, nil)
	if errors.Is(err, open.ErrUnknownData) {
		return nil, api.Fail(api.CodeUsage,
			"give well-known images, such as MNIST; for your own data use 'distillmesh simulate'", "%w", err)
	}
	if err != nil {
		return nil, err
	}
	if ds.Test == nil {
		return nil, api.Fail(api.CodeUsage, "give a data set with a test part, such as MNIST", "%s has no test part",
			path)
	}
	if opt.Dir == "" {
		if opt.Dir, err = os.MkdirTemp("", "distillmesh-demo-"); err != nil {
			return nil, err
		}
	}
	lab, err := newLab(ds, opt.Report, began.Add(repeatTime))
	if err != nil {
		return nil, err
	}
	if err := lab.choose(ctx); err != nil {
		return nil, err
	}
	out := &Result{Task: ds.Task.Name, Data: path, Clients: clients, Method: lab.method.Name(), Why: lab.why,
		Homes: opt.Dir}
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error { return lab.queue.work(ctx, max(2, runtime.GOMAXPROCS(0))) })
	both.Go(func() error {
		defer lab.queue.close()
		lab.control()
		if err := runMesh(ctx, opt, path, lab, out); err != nil {
			return err
		}
		lab.compare()
		return nil
	})
	if err := both.Wait(); err != nil {
		return nil, err
	}
	out.Results, out.LeftOut = lab.rows(), lab.queue.leftOut
	out.Seconds = math.Round(time.Since(began).Seconds()*10) / 10
	return out, nil
}

// runMesh is the part on the mesh: nodes start, edges distill and announce, the
// trainer gathers and trains.
func runMesh(ctx context.Context, opt Options, path string, lab *lab, out *Result) error {
	m, err := startMesh(ctx, opt)
	if err != nil {
		return err
	}
	defer m.stop()
	if err := m.distill(ctx, path, lab, opt.Report); err != nil {
		return err
	}
	sets, err := m.await(ctx, lab.task.Name, opt.Report)
	if err != nil {
		return err
	}
	if err := lab.gather(ctx, m.trainer, sets); err != nil {
		return err
	}
	out.Sets, out.Images, out.Bytes.Sets = lab.roots, lab.stored.Len(), lab.setBytes
	out.Samples, out.Tiles = lab.gathered.Len(), lab.countTiles()
	if out.Model, err = m.train(ctx, lab, opt.Report); err != nil {
		return err
	}
	if out.Bytes.Moved, out.Bytes.FedAvg, err = m.traffic(ctx, lab.task.Name); err != nil {
		return err
	}
	out.Sheet = filepath.Join(opt.Dir, "sheet.png")
	png, err := artifact.EncodePNG(artifact.Sheet(lab.task, lab.stored, artifact.PreviewPerClass, 4))
	if err != nil {
		return err
	}
	return os.WriteFile(out.Sheet, png, 0o644)
}

// score is the mean and sample deviation of accuracies.
func score(values []float64) Score {
	slices.Sort(values) // rounding must not depend on the order of arrival
	return trial.SpreadOf(values)
}

// percent is a score as the table shows it, with the number of runs; a
// deviation needs two.
func percent(s Score) string {
	switch s.N {
	case 0:
		return "-"
	case 1:
		return fmt.Sprintf("%.1f [1]", 100*s.Mean)
	}
	return fmt.Sprintf("%.1f +-%.1f [%d]", 100*s.Mean, 100*s.Std, s.N)
}

// String is the row as the table shows it.
func (r Row) String() string {
	all := percent(r.AllData)
	if r.AllData.N > 0 {
		all += fmt.Sprintf(" (%d samples)", r.AllSamples)
	}
	return fmt.Sprintf("%s\t%s\t%s\t%s\t%s", r.Consumer, percent(r.Gathered), percent(r.RandomReal),
		percent(r.PlainReal), all)
}
