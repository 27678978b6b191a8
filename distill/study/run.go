package study

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/trial"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/engine"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// Options are what a study needs besides its plan. None changes the result, except
// a device that computes differently.
type Options struct {
	// Dir is the folder of finished runs; the same plan resumes from it.
	Dir string
	// Device is where networks train and methods that have an engine distill, on so many
	// cores.
	Device device.Choice
	// Report, when not nil, is called as work goes on.
	Report func(Progress)
}

// Progress is what a study is doing.
type Progress struct {
	Stage       string
	Done, Total int64
	Unit        string
}

// Run does the plan's runs that the folder does not hold yet, and returns the
// whole document. Except for times and memory, the document does not depend on
// how often the study was interrupted. It fails with ErrPlan before anything is
// computed when the plan is invalid.
func Run(ctx context.Context, p Plan, opt Options) (*Document, error) {
	r, err := newRunner(p, opt)
	if err != nil {
		return nil, err
	}
	defer r.memory.Stop()
	if err := r.store.open(opt.Dir); err != nil {
		return nil, err
	}
	defer r.store.Close()
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
	device      device.Choice
	engine      string // name of what computes on the device
	workers     int
	store       store
	report      func(Progress)
	train, test *data.Samples
	print       string  // fingerprint of train
	identity    []any   // of task, data and engine
	parts       [][]int // of the present seed
	mixed       bool    // at some seed, some clients hold every class and some do not
	memory      *trial.Memory
	mu          sync.Mutex
	rows        []Row
}

func newRunner(p Plan, opt Options) (*runner, error) {
	entries, err := p.entries()
	if err != nil {
		return nil, err
	}
	r := &runner{plan: p, entries: entries, workers: opt.Device.Runs(), report: opt.Report}
	if r.device, err = engine.Together(opt.Device, r.workers); err != nil {
		return nil, err
	}
	if r.engine, err = trial.Engine(opt.Device); err != nil {
		return nil, err
	}
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
	r.print = trial.Fingerprint(r.train)
	r.identity = []any{task.String(), r.print, trial.Fingerprint(r.test), r.engine}
	if r.mixed, err = r.someHoldAll(); err != nil {
		return nil, err
	}
	r.memory = trial.NewMemory()
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
		req := distill.Request{Samples: r.train, IPC: r.plan.IPC, Formation: r.formation(e)}
		asked := artifact.Request{Request: req, Method: e.method, Pixels: r.plan.Pixels}
		o, err := asked.Resolve()
		if err != nil {
			return fmt.Errorf("%w: %s: %w", ErrPlan, e.label, err)
		}
		switch {
		case r.plan.Pixels != "":
			asked.Pixels = r.plan.Pixels
		case asked.Pixels.IsDCT():
			asked.Pixels = artifact.DCT // by which code is each client's decision
		}
		usual := r.plan.Usual && asked.Pixels == artifact.DCT && o.OnEngine // learned
		r.entries[i].stored = storage{req.Formation, asked.Pixels, usual}
	}
	return nil
}

// plainPixels is the pixel type of plain real images.
func (r *runner) plainPixels() artifact.PixelType {
	return artifact.SuitablePixels(r.plan.Pixels, distill.Outline{}, distill.Request{Samples: r.train})
}

// pixelNames are the pixel types of the plan's methods.
func (r *runner) pixelNames() string {
	var names []string
	for _, e := range r.entries {
		if e.method == nil {
			continue
		}
		if name := string(e.stored.pixels); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if names == nil { // models are sent, no images
		names = append(names, string(r.plainPixels()))
	}
	return strings.Join(names, ", ")
}

// seed does all runs of one seed: it distills everything, then trains.
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
		g, err := r.gather(ctx, e.label, e.method, e.stored, seed)
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

// ntkBound is how many random samples the NTK predictor uses in place of all,
// since its matrix grows with their square.
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
		print = trial.Fingerprint(samples)
	}
	g := &gathered{label: All, samples: samples, print: print, recipe: recipe.FullData(),
		row: Row{Method: All, Seed: seed, Clients: len(r.parts), Images: samples.Len(), Bytes: moved(samples)}}
	return r.fit(ctx, g, consumer, seed)
}

// fit is one run: it trains a consumer and evaluates it along a curve.
func (r *runner) fit(ctx context.Context, g *gathered, consumer string, seed int) error {
	bench := trial.Bench{Test: r.test, Device: r.on(1), Store: r.store.Store, Identity: r.identity, Memory: r.memory}
	t, err := bench.Measure(ctx, trial.Run{Label: g.label, Consumer: consumer, Samples: g.samples, Print: g.print,
		Recipe: g.recipe, Seed: uint64(seed), Points: r.plan.Curve})
	if err != nil {
		return err
	}
	r.add(g.row, consumer, t)
	return nil
}

// on is the device with a number of cores.
func (r *runner) on(workers int) device.Choice {
	return r.device.With(workers)
}

// add appends a row; it is safe to call from several goroutines.
func (r *runner) add(row Row, consumer string, t trial.Result) {
	row.Consumer = consumer
	row.Seconds += t.TrainSeconds
	t.PeakRSS = max(t.PeakRSS, row.PeakRSS)
	row.Result = t
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, row)
}

// document sorts the rows: methods as the plan has them, each control after the
// first method that it belongs to, then consumers and seeds.
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
	return &Document{SchemaVersion: SchemaVersion, Data: r.plan.Data.Name, Task: task.String(),
		Classes: r.plan.Data.Task.Classes, Train: r.train.Len(), Test: r.test.Len(),
		Split: r.plan.Split, Holdings: holdings, IPC: r.plan.IPC, Budget: r.plan.Budget, Usual: r.plan.Usual,
		Pixels:    r.pixelNames(),
		Formation: r.plan.Formation, Steps: r.plan.Steps,
		Seeds: r.plan.Seeds, Auto: r.plan.auto(), Engine: r.engine, Rows: r.rows, Summary: summarize(r.rows)}, nil
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
