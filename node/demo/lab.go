package demo

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/auto"
	"github.com/distillmesh/distillmesh/distill/coreset"
	"github.com/distillmesh/distillmesh/distill/registry"
	"github.com/distillmesh/distillmesh/distill/tiling"
	"github.com/distillmesh/distillmesh/distill/trial"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/jobs"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/model"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// lab measures accuracies: of the gathered sets, of as many stored images of
// random real samples drawn by the same clients, in the same formation and
// plain, and of all the data. What it draws stays in this process.
type lab struct {
	task   *data.Task
	train  data.Source
	test   *data.Samples
	parts  [][]int // training samples of each client
	report api.Report
	choice
	stored   *data.Samples // of the gathered sets
	gathered *data.Samples // what they hold to train on
	roots    []string
	setBytes int64

	queue       *queue
	shown       atomic.Bool  // whether only the trainings are left to wait for
	done, total atomic.Int64 // steps of all trainings
	mu          sync.Mutex
	scores      map[string]map[string][]float64 // consumer -> source -> accuracies
}

// choice is the method, what sets hold, and how networks train on them. The controls
// are stored and trained on in the same way.
type choice struct {
	method distill.Method
	why    string
	coded  trial.Control   // images as sets are written
	images []auto.Spending // of each client
	pixels trial.Control   // tiles of pixels
	tiles  []auto.Spending // of each client
}

// choose lets auto choose for the first client; the others get the same choice. Each
// client's budget decides how many images it sends, and how many tiles twice as many bytes
// hold.
func (l *lab) choose(ctx context.Context) error {
	for i, part := range l.parts {
		local, err := data.Load(l.task, l.train, part)
		if err != nil {
			return err
		}
		req := distill.Request{Samples: local, IPC: 1, Augment: l.task.Augmentation(), Device: device.Choice{Workers: 1}}
		if i == 0 {
			if err := l.chooseMethod(ctx, req); err != nil {
				return err
			}
		}
		images, err := auto.Spend(l.task, l.method, req, within("", budget))
		if err != nil {
			return err
		}
		tiles, err := auto.Spend(l.task, coreset.Random{}, tiled(req), within(artifact.U4, tilesBudget))
		if err != nil {
			return err
		}
		l.images, l.tiles = append(l.images, images), append(l.tiles, tiles)
	}
	return nil
}

// within is a budget for images of a pixel type.
func within(p artifact.PixelType, bytes int64) auto.Budget {
	return auto.Budget{Bytes: bytes, Pixels: p, Settings: registry.Changed}
}

// tiled is a request for tiles.
func tiled(req distill.Request) distill.Request {
	req.Formation = tiling.UsualFormation
	return req
}

// chooseMethod decides the method, and how images are written and trained on.
func (l *lab) chooseMethod(ctx context.Context, req distill.Request) error {
	s, err := auto.Spend(l.task, auto.For(req.Samples.Shape).Method, req, within("", budget))
	if err != nil {
		return err
	}
	if req.Code, err = s.Pixels.Code(l.task.Shape); err != nil {
		return err
	}
	req.IPC = s.IPC
	a, err := auto.Choose(ctx, auto.Question{Request: req, Time: clientTime})
	if err != nil {
		return err
	}
	o, err := a.Method.Outline(req)
	if err != nil {
		return err
	}
	l.method, l.why = a.Method, a.Why
	l.coded = trial.Control{Formation: o.Formation, Pixels: s.Pixels,
		Recipe: *artifact.Recommended(o.Recipe, o.Formation, req.Code, req.Augment, o.Soft)}
	req.Code = nil
	if o, err = l.method.Outline(tiled(req)); err != nil {
		return err
	}
	l.pixels = trial.Control{Pixels: artifact.U4,
		Recipe: *artifact.Recommended(o.Recipe, o.Formation, nil, req.Augment, o.Soft)}
	return nil
}

// Sources of training data.
const (
	fromSets   = "gathered"
	fromRandom = "random real"
	fromTiles  = "random real, tiles"
	fromAll    = "all data"
)

func newLab(ds *data.Dataset, report api.Report, until time.Time) (*lab, error) {
	l := &lab{queue: newQueue(until), task: ds.Task, train: ds.Train, report: report,
		scores: map[string]map[string][]float64{}}
	for _, c := range consumers {
		l.scores[c.model] = map[string][]float64{}
	}
	var err error
	if l.test, err = data.LoadAll(ds.Task, ds.Test); err != nil {
		return nil, err
	}
	l.parts, err = split().Parts(ds.Train.Labels(), len(ds.Task.Classes))
	return l, err
}

func split() data.Split { return data.Split{Kind: data.Ring, Clients: clients, PerClient: perClient} }

// control queues the trainings on random real images: each draw takes from every
// client as many images as it publishes, through the same code, and trains by the same
// recipe; or tiles of twice as many bytes.
func (l *lab) control() {
	for _, c := range consumers {
		l.each(c, fromRandom, 0, c.seeds, c.recipe(l.coded.Recipe), func(ctx context.Context, seed uint64) (*data.Samples,
			error) {
			return l.randomReal(ctx, l.coded, l.images, seed)
		})
		tiles := l.pixels
		tiles.Formation = data.Formation{Factor: l.tiles[0].Formation, Single: l.tiles[0].Single}
		tiles.Recipe.Coarse = tiles.Formation.Coarse()
		l.each(c, fromTiles, 0, c.plain, c.recipe(tiles.Recipe), func(ctx context.Context, seed uint64) (*data.Samples,
			error) {
			return l.randomReal(ctx, tiles, l.tiles, seed)
		})
	}
}

// countTiles is how many tiles the control of tiles has.
func (l *lab) countTiles() (n int) {
	for i, s := range l.tiles {
		f := data.Formation{Factor: s.Formation, Single: s.Single}
		held := map[int]bool{}
		for _, j := range l.parts[i] {
			held[l.train.Labels()[j]] = true
		}
		n += s.IPC * f.Tiles() * len(held)
	}
	return n
}

// compare queues the trainings on the gathered sets (the first is the published
// model) and on all the data.
func (l *lab) compare() {
	l.shown.Store(true)
	for i, c := range consumers {
		first, runs := uint64(0), c.seeds
		if i == 0 {
			first = 1
		}
		if c.closedForm() {
			runs = 1 // the sets give the same predictor for every seed
		}
		l.each(c, fromSets, first, runs, c.recipe(l.coded.Recipe), func(context.Context, uint64) (*data.Samples,
			error) {
			return l.gathered, nil
		})
		l.each(c, fromAll, 0, c.bound, recipe.FullData(), func(_ context.Context, seed uint64) (*data.Samples,
			error) {
			return l.all(c.samples, seed)
		})
	}
}

// draw makes the samples of one run.
type draw func(ctx context.Context, seed uint64) (*data.Samples, error)

// each queues the trainings of a consumer on one source, one per seed.
func (l *lab) each(c consumer, source string, first uint64, runs int, recipe recipe.Recipe, draw draw) {
	for seed := first; seed < uint64(runs); seed++ {
		l.queue.add(training{consumer: c.model, source: source, seed: seed, run: func(ctx context.Context) error {
			samples, err := draw(ctx, seed)
			if err != nil {
				return err
			}
			return l.fit(ctx, c.model, source, samples, recipe, seed)
		}})
	}
}

func (c consumer) closedForm() bool { return strings.HasPrefix(c.model, "ntk:") }

// randomReal draws as the method random would at each client, by label only: no
// other samples are decoded.
func (l *lab) randomReal(ctx context.Context, c trial.Control, of []auto.Spending, seed uint64) (*data.Samples,
	error) {
	pool := trial.Pool{Labels: l.train.Labels(), Classes: len(l.task.Classes),
		Load: func(index []int) (*data.Samples, error) { return data.Load(l.task, l.train, index) }}
	var parts []trial.Part
	for client, part := range l.parts {
		parts = append(parts, trial.Part{Index: part, Seed: seed*clients + uint64(client), IPC: of[client].IPC})
	}
	return c.Draw(ctx, pool, parts...)
}

// gather reads the fetched sets from the trainer's node.
func (l *lab) gather(ctx context.Context, trainer api.Conn, sets []operations.SetInfo) error {
	for _, s := range sets {
		l.roots = append(l.roots, s.CID)
		l.setBytes += s.Bytes
	}
	_, here, err := jobs.ReadSets(ctx, trainer, l.task, l.roots)
	if err != nil {
		return err
	}
	var stored []*data.Samples
	for _, s := range here {
		stored = append(stored, s.Samples)
	}
	if l.stored, err = data.Merge(stored...); err != nil {
		return err
	}
	l.gathered, err = artifact.Merge(here)
	return err
}

// all loads n training samples: all of them, or a random draw.
func (l *lab) all(n int, seed uint64) (*data.Samples, error) {
	if n == 0 || n >= len(l.train.Labels()) {
		return data.LoadAll(l.task, l.train)
	}
	return data.Load(l.task, l.train, data.Stream(seed, "demo-all").Perm(len(l.train.Labels()))[:n])
}

func (l *lab) fit(ctx context.Context, consumer, source string, samples *data.Samples, recipe recipe.Recipe,
	seed uint64) error {
	spec, err := model.Parse(consumer, l.task.Shape, len(l.task.Classes))
	if err != nil {
		return err
	}
	if spec.Iterative() {
		l.total.Add(int64(recipe.Steps(samples.Len())))
	}
	before := 0
	bench := trial.Bench{Test: l.test, Device: device.Choice{Workers: 1}}
	run := trial.Run{Label: source, Consumer: consumer, Samples: samples, Recipe: recipe, Seed: seed}
	run.Progress = func(step int) {
		l.progress(int64(step - before))
		before = step
	}
	got, err := bench.Measure(ctx, run)
	if err != nil {
		return err
	}
	l.score(consumer, source, got.Accuracy)
	return nil
}

// measure scores a trained model.
func (l *lab) measure(ctx context.Context, consumer, source string, trained train.Classifier) error {
	acc, err := train.Evaluate(ctx, trained, l.test)
	if err != nil {
		return err
	}
	l.score(consumer, source, acc.Fraction())
	return nil
}

func (l *lab) score(consumer, source string, accuracy float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.scores[consumer][source] = append(l.scores[consumer][source], accuracy)
}

func (l *lab) progress(steps int64) {
	done := l.done.Add(steps)
	if l.report != nil && l.shown.Load() {
		l.report(api.Progress{Stage: "measure", Done: done, Total: l.total.Load(), Unit: "steps"})
	}
}

// rows are the rows of the table.
func (l *lab) rows() []Row {
	var out []Row
	for _, c := range consumers {
		scores := l.scores[c.model]
		r := Row{Consumer: c.model, Gathered: score(scores[fromSets]), RandomReal: score(scores[fromRandom]),
			PlainReal: score(scores[fromTiles]),
			AllData:   score(scores[fromAll]), AllSamples: len(l.train.Labels())}
		if c.samples > 0 {
			r.AllSamples = min(c.samples, r.AllSamples)
		}
		out = append(out, r)
	}
	return out
}
