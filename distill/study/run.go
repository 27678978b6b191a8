package study

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/kernel"
	"github.com/distillmesh/distillmesh/train/parallel"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// Options are what a study needs beside its plan. None changes the result.
type Options struct {
	// Dir is the folder that holds what is done; the same plan goes on from
	// there.
	Dir     string
	Workers int // processor cores to use; 0 for all
	// Report, when not nil, is called as work goes on.
	Report func(Progress)
}

// Progress says what a study is doing.
type Progress struct {
	Stage       string
	Done, Total int64
	Unit        string
}

// Run does the plan's runs that the folder does not hold yet, and returns the
// whole document. The document does not depend on how often the study was
// interrupted, but for times and memory. It fails with ErrPlan before anything
// is computed when the plan makes no sense.
func Run(ctx context.Context, p Plan, opt Options) (*Document, error) {
	r, err := newRunner(p, opt)
	if err != nil {
		return nil, err
	}
	defer r.peak.stop()
	lock, err := r.store.open()
	if err != nil {
		return nil, err
	}
	defer lock.Unlock()
	if err := r.try(ctx); err != nil {
		return nil, err
	}
	for seed := range p.Seeds {
		if err := r.seed(ctx, seed); err != nil {
			return nil, err
		}
	}
	return r.document()
}

// runner is one call of Run.
type runner struct {
	plan        Plan
	entries     []entry
	workers     int
	store       store
	report      func(Progress)
	train, test *data.Samples
	print       string  // fingerprint of train
	identity    []any   // of task, data and engine
	parts       [][]int // of the present seed
	mixed       bool    // some clients hold every class, of any seed, and some do not
	peak        *peaks
	mu          sync.Mutex
	rows        []Row
}

func newRunner(p Plan, opt Options) (*runner, error) {
	entries, err := p.entries()
	if err != nil {
		return nil, err
	}
	r := &runner{plan: p, entries: entries, workers: parallel.Workers(opt.Workers), store: store{opt.Dir}, report: opt.Report}
	if r.train, err = data.LoadAll(p.Data.Task, p.Data.Train); err != nil {
		return nil, err
	}
	if r.test, err = data.LoadAll(p.Data.Task, p.Data.Test); err != nil {
		return nil, err
	}
	task, err := artifact.TaskCID(p.Data.Task)
	if err != nil {
		return nil, err
	}
	if err := r.choosePixels(); err != nil {
		return nil, err
	}
	r.print = fingerprint(r.train)
	r.identity = []any{task.String(), r.print, fingerprint(r.test), kernel.Name()}
	if r.mixed, err = r.someHoldAll(); err != nil {
		return nil, err
	}
	r.peak = newPeaks()
	return r, nil
}

// formation is what images of a method are stored in; 0 for its own.
func (r *runner) formation(e entry) int {
	if e.label == Random && r.plan.Formation == 0 {
		return 1
	}
	return r.plan.Formation
}

// choosePixels decides how images of each method are stored.
func (r *runner) choosePixels() error {
	for i, e := range r.entries {
		if e.method == nil {
			continue
		}
		o, err := e.method.Outline(distill.Request{Samples: r.train, IPC: r.plan.IPC, Formation: r.formation(e)})
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrPlan, e.label, err)
		}
		r.entries[i].pixels = artifact.SuitablePixels(r.plan.Pixels, o)
	}
	return nil
}

// plainPixels is how real images are stored by themselves.
func (r *runner) plainPixels() artifact.PixelType {
	return artifact.SuitablePixels(r.plan.Pixels, distill.Outline{})
}

// pixelNames are the pixel types of the plan's methods.
func (r *runner) pixelNames() string {
	var names []string
	for _, e := range r.entries {
		if e.method == nil {
			continue
		}
		if name := string(e.pixels); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if names == nil { // models travel, no images
		names = append(names, string(r.plainPixels()))
	}
	return strings.Join(names, ", ")
}

// seed does all runs of one seed: it distils everything, then trains.
func (r *runner) seed(ctx context.Context, seed int) (err error) {
	if r.parts, err = r.plan.splitOf(seed).Parts(r.train.Y, r.train.Classes); err != nil {
		return err
	}
	var methods, pooled []*gathered
	for _, e := range r.entries {
		if e.pooled != nil {
			g, err := r.pool(ctx, e, seed)
			if err != nil {
				return err
			}
			pooled = append(pooled, g)
		}
		if e.method == nil {
			continue
		}
		g, err := r.gather(ctx, e.label, e.method, r.formation(e), e.pixels, seed)
		if err != nil {
			return err
		}
		methods = append(methods, g)
	}
	controls, err := r.controls(ctx, methods, seed)
	if err != nil {
		return err
	}
	if err := r.trainings(ctx, slices.Concat(methods, controls, pooled), seed); err != nil {
		return err
	}
	for _, e := range r.entries {
		for _, consumer := range r.plan.Consumers {
			if e.fed == nil {
				continue
			}
			if err := r.federate(ctx, e, consumer, seed); err != nil {
				return err
			}
		}
	}
	return nil
}

// trainings trains every consumer on every gathered set, and on all data, as
// many at a time as there are workers, one core each.
func (r *runner) trainings(ctx context.Context, sets []*gathered, seed int) error {
	if i := slices.IndexFunc(r.entries, func(e entry) bool { return e.label == All }); i >= 0 {
		sets = append(sets, &gathered{label: All})
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.workers)
	stage := r.stage(fmt.Sprintf("train, seed %d", seed), len(sets)*len(r.plan.Consumers), "models")
	for _, g := range sets {
		for _, consumer := range r.plan.Consumers {
			group.Go(func() error {
				defer stage.step()
				if g.label == All {
					return r.bound(ctx, consumer, seed)
				}
				return r.fit(ctx, g, consumer, seed)
			})
		}
	}
	return group.Wait()
}

// ntkBound is how many random samples the NTK predictor takes in place of all:
// its matrix grows with their square.
const ntkBound = 3000

// bound trains on all data.
func (r *runner) bound(ctx context.Context, consumer string, seed int) error {
	spec, err := r.plan.spec(consumer)
	if err != nil {
		return err
	}
	samples, print := r.train, r.print
	if !spec.Iterative() && samples.Len() > ntkBound {
		samples = samples.Subset(data.Stream(uint64(seed), "study-bound").Perm(samples.Len())[:ntkBound])
		print = fingerprint(samples)
	}
	g := &gathered{label: All, samples: samples, print: print, recipe: recipe.FullData(),
		row: Row{Method: All, Seed: seed, Clients: len(r.parts), Images: samples.Len(), Bytes: moved(samples)}}
	return r.fit(ctx, g, consumer, seed)
}

// fit is one run: it trains a consumer and looks at the test set along a curve.
func (r *runner) fit(ctx context.Context, g *gathered, consumer string, seed int) error {
	spec, err := r.plan.spec(consumer)
	if err != nil {
		return err
	}
	id, err := hash(r.identity, g.print, consumer, g.recipe, r.plan.Curve, seed)
	if err != nil {
		return err
	}
	path := r.store.run(name(id, g.label, consumer, fmt.Sprintf("s%d", seed)))
	t, done := readJSON[Training](path)
	if done {
		r.add(g.row, consumer, t)
		return nil
	}
	watch := r.peak.watch()
	defer watch.stop()
	began := time.Now()
	steps := g.recipe.Steps(g.samples.Len())
	look := func(step int, m train.Classifier) error {
		a, err := train.Evaluate(ctx, m, r.test)
		t.Curve = append(t.Curve, Point{step, a.Fraction()})
		return err
	}
	hook := func(p train.Progress) error {
		if p.Step < steps && p.Step*r.plan.Curve/steps > (p.Step-1)*r.plan.Curve/steps {
			m, err := p.Model()
			if err != nil {
				return err
			}
			return look(p.Step, m)
		}
		return nil
	}
	trained, err := spec.Fit(ctx, g.samples, g.recipe, train.Options{Seed: uint64(seed), Device: device.Choice{Workers: 1}, Hook: hook})
	if err != nil {
		return fmt.Errorf("%s on %s, seed %d: %w", consumer, g.label, seed, err)
	}
	if spec.Iterative() {
		t.Steps = int64(steps)
	}
	if err := look(int(t.Steps), trained); err != nil {
		return err
	}
	t.finish(began, watch)
	if err := writeJSON(path, t); err != nil {
		return err
	}
	r.add(g.row, consumer, t)
	return nil
}

// finish fills in what the curve and the clock say.
func (t *Training) finish(began time.Time, watch *watched) {
	t.Accuracy = t.Curve[len(t.Curve)-1].Accuracy
	for _, p := range t.Curve {
		t.BestAccuracy = max(t.BestAccuracy, p.Accuracy)
	}
	t.TrainSeconds, t.PeakRSS = since(began), watch.mib()
}

// add notes a row; it is safe to call from several goroutines.
func (r *runner) add(row Row, consumer string, t Training) {
	row.Consumer = consumer
	row.Seconds += t.TrainSeconds
	t.PeakRSS = max(t.PeakRSS, row.PeakRSS)
	row.Training = t
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, row)
}

// document sorts the rows: methods as the plan has them, each control behind
// the first method it belongs to, then consumers and seeds.
func (r *runner) document() (*Document, error) {
	rank := map[string]int{}
	for i, e := range r.entries {
		rank[e.label] = 2 * i
	}
	for _, row := range r.rows {
		if at, known := rank[row.Control]; row.Control != "" && (!known || at%2 == 1 && at > rank[row.Method]) {
			rank[row.Control] = rank[row.Method] + 1
		}
	}
	consumer := map[string]int{}
	for i, c := range r.plan.Consumers {
		consumer[c] = i
	}
	slices.SortFunc(r.rows, func(a, b Row) int {
		if d := rank[a.Method] - rank[b.Method]; d != 0 {
			return d
		}
		if d := consumer[a.Consumer] - consumer[b.Consumer]; d != 0 {
			return d
		}
		return a.Seed - b.Seed
	})
	task, err := artifact.TaskCID(r.plan.Data.Task)
	if err != nil {
		return nil, err
	}
	holdings, err := r.holdings(0)
	if err != nil {
		return nil, err
	}
	return &Document{SchemaVersion: SchemaVersion, Data: r.plan.Data.Name, Task: task.String(), Classes: r.plan.Data.Task.Classes, Train: r.train.Len(), Test: r.test.Len(),
		Split: r.plan.Split, Holdings: holdings, IPC: r.plan.IPC, Budget: r.plan.Budget, Pixels: r.pixelNames(), Formation: r.plan.Formation, Steps: r.plan.Steps,
		Seeds: r.plan.Seeds, Auto: r.plan.auto(), Engine: kernel.Name(), Rows: r.rows, Summary: summarise(r.rows)}, nil
}

// stage counts the steps of one stage for the report.
type stage struct {
	r   *runner
	mu  sync.Mutex
	now Progress
}

func (r *runner) stage(what string, total int, unit string) *stage {
	s := &stage{r: r, now: Progress{Stage: what, Total: int64(total), Unit: unit}}
	s.tell()
	return s
}

func (s *stage) step() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.Done++
	s.tell()
}

func (s *stage) tell() {
	if s.r.report != nil {
		s.r.report(s.now)
	}
}
