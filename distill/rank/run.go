package rank

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/trial"
	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/engine"
	"github.com/distillmesh/distillmesh/train/model"
)

// Options are what a ranking needs besides its plan. None changes the result, except a
// device that computes differently.
type Options struct {
	// Dir is the folder of finished trainings: an interruption loses those under way at most.
	Dir    string
	Device device.Choice
	// Costs asks for what it took, in the document: the only part of it that differs from run to run.
	Costs bool
	// Report, when not nil, is called as work goes on, from several goroutines.
	Report func(Progress)
}

// Progress is what a ranking is doing.
type Progress struct {
	Stage       string
	Done, Total int64
	Unit        string
}

// The split of a ranking: this share of the training samples is held out to choose learning
// rates by, and no more than so many.
const (
	validationShare = 0.1
	validationMost  = 5000
)

// choosing is the seed that learning rates are chosen with; trials count from 0.
const choosing = 1 << 20

// points is how many times a training is evaluated whose best checkpoint is reported; others once.
const points = 20

// Run trains what the folder does not hold yet and returns the scores. It fails with ErrPlan
// before any work, and with distill.ErrTooFew where there are too few real samples to draw
// the controls from.
func Run(ctx context.Context, p Plan, opt Options) (*Document, error) {
	r, err := newRunner(ctx, p, opt)
	if err != nil {
		return nil, err
	}
	defer r.close()
	began, watch := time.Now(), r.memory.Watch()
	defer watch.Stop()
	doc := r.document()
	if opt.Costs {
		doc.Costs = &Costs{}
	}
	for _, model := range p.Models {
		if err := r.model(ctx, model, doc); err != nil {
			return nil, err
		}
	}
	doc.Tau = agreements(doc.Rows, p.Models)
	if opt.Costs {
		doc.Costs.finish(began, watch)
	}
	return doc, nil
}

// runner is one call of Run.
type runner struct {
	plan    Plan
	opt     Options
	workers int
	store   *trial.Store
	engine  string
	task    string // CID
	train   *data.Samples
	pool    pool
	choose  *trial.Bench // on validation samples
	judge   *trial.Bench // on the test part
	memory  *trial.Memory
	white   *whitening
	mu      sync.Mutex
	taught  map[string]*train.Model
}

func newRunner(ctx context.Context, p Plan, opt Options) (*runner, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	r := &runner{plan: p, opt: opt, workers: opt.Device.Runs(), taught: map[string]*train.Model{}}
	var err error
	if r.engine, err = trial.Engine(opt.Device); err != nil {
		return nil, err
	}
	all, err := data.LoadAll(p.Data.Task, p.Data.Train)
	if err != nil {
		return nil, err
	}
	test, err := data.LoadAll(p.Data.Task, p.Data.Test)
	if err != nil {
		return nil, err
	}
	cid, err := artifact.TaskCID(p.Data.Task)
	if err != nil {
		return nil, err
	}
	r.task = cid.String()
	kept, held := Split(all)
	if len(held) == 0 {
		return nil, fmt.Errorf("%w: %d training samples, too few to choose learning rates on some of them", ErrPlan,
			all.Len())
	}
	validation := all.Subset(held)
	r.train = all.Subset(kept)
	r.pool = poolOf(p.Data.Task, r.train)
	if r.store, err = trial.Open(opt.Dir, teachersFolder); err != nil {
		return nil, err
	}
	r.memory = trial.NewMemory()
	one, err := engine.Together(opt.Device.With(1), r.workers)
	if err != nil {
		return nil, err
	}
	identity := []any{"rank", r.task, trial.Fingerprint(r.train), r.engine}
	bench := func(on *data.Samples) *trial.Bench {
		return &trial.Bench{Test: on, Device: one, Store: r.store, Memory: r.memory,
			Identity: append(slices.Clone(identity), trial.Fingerprint(on))}
	}
	r.choose, r.judge = bench(validation), bench(test)
	return r, nil
}

func (r *runner) close() {
	r.memory.Stop()
	r.store.Close()
}

// document is one without rows.
func (r *runner) document() *Document {
	return &Document{SchemaVersion: SchemaVersion, Data: r.plan.Data.Name, Task: r.task, Train: r.train.Len(),
		Validation: r.choose.Test.Len(), Test: r.judge.Test.Len(), Engine: r.engine, References: r.plan.References,
		Epochs: r.plan.Epochs}
}

// iterative reports whether a model is trained by gradient steps.
func (r *runner) iterative(name string) bool {
	spec, err := model.Parse(name, r.train.Shape, r.train.Classes)
	return err == nil && spec.Iterative()
}

// model ranks all candidates on one model.
func (r *runner) model(ctx context.Context, name string, doc *Document) error {
	work := &work{runner: r, model: name, done: map[string]*outcome{}}
	real, err := work.reference(ctx)
	if err != nil {
		return err
	}
	each := make([]arms, len(r.plan.Candidates))
	for i, c := range r.plan.Candidates {
		if each[i], err = r.armsOf(c, name); err != nil {
			return err
		}
		for _, a := range each[i].all() {
			work.add(a)
		}
		work.curves(each[i].hard, each[i].own, each[i].random)
	}
	if err := work.run(ctx); err != nil {
		return err
	}
	for i, c := range r.plan.Candidates {
		row, err := work.row(ctx, c, each[i], real)
		if err != nil {
			return fmt.Errorf("%s on %s: %w", c.Name, name, err)
		}
		doc.Rows = append(doc.Rows, row)
		if doc.Costs != nil {
			doc.Costs.Rows = append(doc.Costs.Rows, work.costOf(c, each[i], real))
		}
	}
	return nil
}

// outcome is an arm's accuracies by seed, at the learning rate that was chosen.
type outcome struct {
	arm        *arm
	rate       float64
	curve      bool // best checkpoints are reported
	last, best runs
	images     int // of the first seed
	spent      spent
}

// points is how many times each training is evaluated.
func (o *outcome) points() int {
	if o.curve {
		return points
	}
	return 1
}

// work is the trainings of one model.
type work struct {
	*runner
	model string
	order []*outcome
	done  map[string]*outcome // by arm
}

// add puts an arm on the list, once.
func (w *work) add(a *arm) {
	if w.done[a.id()] == nil {
		o := &outcome{arm: a}
		w.order, w.done[a.id()] = append(w.order, o), o
	}
}

// curves asks for the best checkpoints of arms.
func (w *work) curves(of ...*arm) {
	for _, a := range of {
		w.done[a.id()].curve = true
	}
}

// seeds is how many trainings an arm needs.
func (w *work) seeds(a *arm) int {
	if a.fixed && !w.iterative(w.model) {
		return 1 // nothing in it is random
	}
	return w.plan.Trials
}

// run chooses the rates of all arms, then trains each with every seed, as many at a time as
// there are workers.
func (w *work) run(ctx context.Context) error {
	if w.iterative(w.model) {
		if err := w.chooseRates(ctx); err != nil {
			return err
		}
	}
	stage := w.stage("train "+w.model, w.trainings())
	return w.each(ctx, func(ctx context.Context, do func(func() error)) {
		for _, o := range w.order {
			n := w.seeds(o.arm)
			o.last, o.best = make(runs, n), make(runs, n)
			for seed := range n {
				do(func() error {
					defer stage.step()
					result, images, err := w.train1(ctx, w.judge, o, o.rate, uint64(seed), o.points())
					o.last[seed], o.best[seed] = result.Accuracy, result.BestAccuracy
					if seed == 0 {
						o.images = images
					}
					return err
				})
			}
		}
	})
}

func (w *work) trainings() (n int) {
	for _, o := range w.order {
		n += w.seeds(o.arm)
	}
	return n
}

// each runs what list hands out, as many at a time as there are workers.
func (w *work) each(ctx context.Context, list func(ctx context.Context, do func(func() error))) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(w.workers)
	list(ctx, func(f func() error) { group.Go(f) })
	return group.Wait()
}

// chooseRates trains every arm with every rate and takes the best on the validation samples,
// of equal ones the smallest.
func (w *work) chooseRates(ctx context.Context) error {
	var mu sync.Mutex
	total := 0
	for _, o := range w.order {
		total += len(o.arm.recipe.Rates)
	}
	stage := w.stage("choose learning rates of "+w.model, total)
	found := make([][]float64, len(w.order))
	err := w.each(ctx, func(ctx context.Context, do func(func() error)) {
		for i, o := range w.order {
			found[i] = make([]float64, len(o.arm.recipe.Rates))
			for k, rate := range o.arm.recipe.Rates {
				do(func() error {
					defer stage.step()
					result, _, err := w.train1(ctx, w.choose, o, rate, choosing, 1)
					mu.Lock()
					defer mu.Unlock()
					found[i][k] = result.Accuracy
					return err
				})
			}
		}
	})
	for i, o := range w.order {
		o.rate = best(o.arm.recipe.Rates, found[i])
	}
	return err
}

// best is the rate of the largest accuracy, of equal ones the smallest.
func best(rates, accuracies []float64) (rate float64) {
	most := math.Inf(-1)
	for i, a := range accuracies {
		if a > most || a == most && rates[i] < rate {
			most, rate = a, rates[i]
		}
	}
	return rate
}

// train1 is one training of an arm. One that diverges has no accuracy: it counts as 0.
func (w *work) train1(ctx context.Context, on *trial.Bench, o *outcome, rate float64, seed uint64, points int) (
	trial.Result, int, error) {
	a := o.arm
	drawn, err := a.draw(ctx, seed)
	if err != nil {
		return trial.Result{}, 0, err
	}
	if a.recipe.ZCA {
		if on, drawn, err = w.whiten(ctx, on, drawn); err != nil {
			return trial.Result{}, 0, err
		}
	}
	run := trial.Run{Label: a.name, Consumer: w.model, Samples: drawn.samples, Print: trial.Fingerprint(drawn.samples),
		Recipe: a.training(rate, drawn.view), Seed: seed, Points: points}
	if a.recipe.Labels == Teacher && w.iterative(w.model) {
		if run.Teacher, err = (set{runner: w.runner, model: w.model}).teacher(ctx, a.recipe); err != nil {
			return trial.Result{}, 0, err
		}
	}
	result, err := on.Measure(ctx, run)
	o.spent.add(result)
	if errors.Is(err, train.ErrDiverged) {
		return trial.Result{}, drawn.samples.Len(), nil
	}
	return result, drawn.samples.Len(), err
}

// stage counts the trainings of one stage for the report.
type stage struct {
	report func(Progress)
	mu     sync.Mutex
	now    Progress
}

func (r *runner) stage(what string, total int) *stage {
	s := &stage{report: r.opt.Report, now: Progress{Stage: what, Total: int64(total), Unit: "trainings"}}
	if s.report != nil {
		s.report(s.now)
	}
	return s
}

func (s *stage) step() {
	if s.report == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.Done++
	s.report(s.now)
}
