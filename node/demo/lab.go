package demo

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/coreset"
	"github.com/distillmesh/distillmesh/node"
	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/model"
)

// lab measures accuracies: of the gathered sets, of as many random real images
// drawn by the same clients, and of all the data. What it draws stays in this
// process.
type lab struct {
	task     *data.Task
	train    data.Source
	test     *data.Samples
	parts    [][]int // training samples of each client
	report   node.Report
	gathered *data.Samples
	roots    []string
	setBytes int64

	shown       atomic.Bool  // whether the trainings are what is being waited for
	done, total atomic.Int64 // steps of all trainings
	mu          sync.Mutex
	scores      map[string]map[string][]float64 // consumer -> source -> accuracies
}

// Sources of training data.
const (
	fromSets   = "gathered"
	fromRandom = "random real"
	fromAll    = "all data"
)

func newLab(ds *data.Dataset, report node.Report) (*lab, error) {
	l := &lab{task: ds.Task, train: ds.Train, report: report, scores: map[string]map[string][]float64{}}
	for _, c := range consumers {
		l.scores[c] = map[string][]float64{}
	}
	var err error
	if l.test, err = data.Load(ds.Task, ds.Test, nil); err != nil {
		return nil, err
	}
	l.parts, err = split().Parts(ds.Train.Labels(), len(ds.Task.Classes))
	return l, err
}

func split() data.Split { return data.Split{Kind: data.Ring, Clients: clients, PerClient: perClient} }

// control queues the trainings on random real images: each draw takes from
// every client as many as it publishes, stored and rounded the same way, and
// trains by the same recipe.
func (l *lab) control(ctx context.Context, work *errgroup.Group) {
	for seed := range uint64(seeds) {
		work.Go(func() error {
			samples, err := l.randomReal(ctx, seed)
			if err != nil {
				return err
			}
			return l.measureAll(ctx, fromRandom, samples, train.DefaultRecipe(), seed)
		})
	}
}

func (l *lab) randomReal(ctx context.Context, seed uint64) (*data.Samples, error) {
	var batches []*data.Samples
	for client, part := range l.parts {
		// Draw first, then read: only the drawn samples are decoded.
		labels := &data.Samples{Shape: data.Shape{C: 1, H: 1, W: 1}, Classes: len(l.task.Classes)}
		for _, i := range part {
			labels.X = append(labels.X, float32(i))
			labels.Y = append(labels.Y, l.train.Labels()[i])
		}
		drawn, err := coreset.Random{}.Distill(ctx, distill.Request{Samples: labels, IPC: ipc, Seed: seed*clients + uint64(client)})
		if err != nil {
			return nil, err
		}
		index := make([]int, drawn.Images.Len())
		for i, x := range drawn.Images.X {
			index[i] = int(x)
		}
		real, err := data.Load(l.task, l.train, index)
		if err != nil {
			return nil, err
		}
		rounded, err := artifact.RoundTrip(real, artifact.U8)
		if err != nil {
			return nil, err
		}
		batches = append(batches, rounded)
	}
	return data.Merge(batches...)
}

// gather reads the fetched sets from the trainer's node.
func (l *lab) gather(ctx context.Context, trainer node.Conn, sets []node.SetInfo) error {
	var batches []*data.Samples
	for _, s := range sets {
		_, set, _, err := node.ReadSetHere(ctx, trainer, s.CID)
		if err != nil {
			return err
		}
		batches = append(batches, set.Samples)
		l.roots = append(l.roots, s.CID)
		l.setBytes += s.Bytes
	}
	var err error
	l.gathered, err = data.Merge(batches...)
	return err
}

// bound queues the trainings on all the data and the remaining seeds on the
// gathered sets.
func (l *lab) bound(ctx context.Context, work *errgroup.Group) {
	l.shown.Store(true)
	for seed := range uint64(boundSeeds) {
		work.Go(func() error {
			all, err := l.all(len(l.train.Labels()), seed)
			if err != nil {
				return err
			}
			return l.measure(ctx, consumers[0], fromAll, all, train.FullDataRecipe(), seed)
		})
		work.Go(func() error {
			some, err := l.all(ntkBound, seed)
			if err != nil {
				return err
			}
			return l.measure(ctx, consumers[1], fromAll, some, train.Recipe{}, seed)
		})
	}
	for seed := range uint64(seeds) {
		work.Go(func() error { return l.measureAll(ctx, fromSets, l.gathered, train.DefaultRecipe(), seed) })
	}
}

// all loads n training samples: all of them, or a random draw.
func (l *lab) all(n int, seed uint64) (*data.Samples, error) {
	if n >= len(l.train.Labels()) {
		return data.Load(l.task, l.train, nil)
	}
	return data.Load(l.task, l.train, data.Stream(seed, "demo-all").Perm(len(l.train.Labels()))[:n])
}

func (l *lab) measureAll(ctx context.Context, source string, samples *data.Samples, recipe train.Recipe, seed uint64) error {
	for _, c := range consumers {
		if c != consumers[0] && source == fromSets && seed > 0 {
			continue // closed form: the sets give one predictor, whatever the seed
		}
		if err := l.measure(ctx, c, source, samples, recipe, seed); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) measure(ctx context.Context, consumer, source string, samples *data.Samples, recipe train.Recipe, seed uint64) error {
	spec, err := model.Parse(consumer, l.task.Shape, len(l.task.Classes))
	if err != nil {
		return err
	}
	before := 0
	options := train.Options{Seed: seed, Workers: 1, HookEvery: 50, Hook: func(p train.Progress) error {
		l.progress(int64(p.Step - before))
		before = p.Step
		return nil
	}}
	if spec.Iterative() {
		l.total.Add(int64(recipe.Steps(samples.Len())))
	}
	trained, err := spec.Fit(ctx, samples, recipe, options)
	if err != nil {
		return fmt.Errorf("train %s on %s: %w", consumer, source, err)
	}
	acc, err := train.Evaluate(ctx, trained, l.test)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.scores[consumer][source] = append(l.scores[consumer][source], acc.Fraction())
	return nil
}

func (l *lab) progress(steps int64) {
	done := l.done.Add(steps)
	if l.report != nil && l.shown.Load() {
		l.report(node.Progress{Stage: "measure", Done: done, Total: l.total.Load(), Unit: "steps"})
	}
}

// rows is the table.
func (l *lab) rows() []Row {
	var out []Row
	for i, c := range consumers {
		r := Row{Consumer: c, Gathered: score(l.scores[c][fromSets]), RandomReal: score(l.scores[c][fromRandom]),
			AllData: score(l.scores[c][fromAll]), AllSamples: len(l.train.Labels())}
		if i > 0 {
			r.AllSamples = min(ntkBound, r.AllSamples)
		}
		out = append(out, r)
	}
	return out
}
