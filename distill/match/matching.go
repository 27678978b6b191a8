package match

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/tiling"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/engine"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// Matching is what the methods of this package share: tiles of a class are
// moved by Adam so that a random ConvNet sees them as it sees a real batch of
// the class. A class needs nothing from the others, and the networks come from
// a seed that all devices share.
type Matching struct {
	Iterations int     // of one step on all tiles; 0 for what suits the request
	Rate       float64 // of Adam, to zero along a cosine; 0 for what suits the request
	Beta1      float64
	Beta2      float64
	BitWeight  float64 // of a code, how far bits shrink a coefficient in a step, in units of Rate
	Width      int     // of the ConvNet; 0 for what suits the request
	Batch      int     // real samples per class and iteration, with replacement; 0 for what suits the tiles
	Start      string  // tiling.Centroids, Noise or Real
	Formation  int     // tiles along a side where the request leaves it open
	// one draw per class and iteration, for real batch and tiles; tiling.Suitable for what suits the request
	Augment  string
	View     string // what networks see of real images: one of tiling.Views
	Networks uint64 // seed of the networks, public
}

// options are the settings and their ranges.
func (m *Matching) options(augmentations ...string) distill.Options {
	return distill.Options{
		distill.Auto(distill.Int("iterations", &m.Iterations, 0, 10_000_000)),
		distill.Auto(distill.Float("rate", &m.Rate, 0, 100)),
		distill.Float("beta1", &m.Beta1, 0, 0.9999),
		distill.Float("beta2", &m.Beta2, 0, 0.999999),
		distill.Float("bit-weight", &m.BitWeight, 0, 10),
		distill.Auto(distill.Int("width", &m.Width, 0, 4096)),
		distill.Auto(distill.Int("batch", &m.Batch, 0, 100_000)),
		distill.Choice("start", &m.Start, append([]string{tiling.Suitable}, tiling.Starts...)...),
		distill.Int("formation", &m.Formation, 1, data.MaxFormation),
		distill.Choice("augment", &m.Augment, augmentations...),
		distill.Choice("view", &m.View, tiling.Views...),
		distill.Seed("networks", &m.Networks),
	}
}

// Widths of networks: on color narrow ones are not enough (docs/methods.md has
// both).
const (
	grayWidth  = 16
	colorWidth = 64
)

// usualBatch is the number of real samples of a class per iteration, or half as
// many again as the class has tiles if that is more: the mean of a smaller batch
// is a noisier estimate than the mean of the tiles, which would learn its noise
// (docs/methods.md).
const usualBatch = 64

func batchFor(tiles int) int {
	chunks := (3*tiles/2 + chunkMost - 1) / chunkMost
	return max(usualBatch, chunks*chunkMost)
}

// Iterations and rates that suit tiles (docs/methods.md), and coefficients of a code: these
// start from what trains networks well already, and longer learning makes them cost more
// bits than it gains (docs/bytes.md).
const (
	tileSteps, codeSteps = 600, 60
	tileRate, codeRate   = 0.05, 0.02
	// Where a class has few samples for its images, means of ten overlap, and more learning
	// tells them apart.
	fewSteps, fewRate = 100, 0.05
)

// fewPerImage is how many samples of a class for each of its images are few.
const fewPerImage = 4

// Few reports whether a request asks for many images of the few samples of some class.
func Few(req distill.Request) bool {
	for _, members := range req.Samples.ByClass() {
		if n := len(members); n > 0 && n < fewPerImage*req.IPC {
			return true
		}
	}
	return false
}

// Steps is the number of iterations for a request.
func (m Matching) Steps(req distill.Request) int {
	switch {
	case m.Iterations > 0:
		return m.Iterations
	case req.Code != nil && Few(req):
		return fewSteps
	case req.Code != nil:
		return codeSteps
	}
	return tileSteps
}

// suited is the settings with the choices that depend on the request and its tiles per class.
func (m Matching) suited(req distill.Request, tiles int) Matching {
	m.Augment, m.Iterations = tiling.ResolveAuto(m.Augment, req), m.Steps(req)
	coded := req.Code != nil
	if m.Rate == 0 {
		switch {
		case !coded:
			m.Rate = tileRate
		case Few(req):
			m.Rate = fewRate
		default:
			m.Rate = codeRate
		}
	}
	if m.Start == tiling.Suitable {
		m.Start = tiling.Neighbors
		if coded {
			m.Start = tiling.Spread
		}
	}
	if m.Width == 0 {
		m.Width = grayWidth
		if req.Samples.Shape.C > 1 {
			m.Width = colorWidth
		}
	}
	if m.Batch == 0 {
		m.Batch = batchFor(tiles)
	}
	return m
}

// check refuses settings that no run accepts.
func (m Matching) check() error {
	if m.Iterations < 1 || m.Rate <= 0 || m.Batch < 0 || !slices.Contains(tiling.Starts, m.Start) {
		return fmt.Errorf("%d iterations, batch %d, start %q: want at least 1, 0, and one of %v", m.Iterations, m.Batch,
			m.Start, tiling.Starts)
	}
	return nil
}

// Outline implements distill.Method.
func (m Matching) Outline(req distill.Request) (distill.Outline, error) {
	o, err := tiling.Outline(req, m.Formation, m.Augment, m.View, m.Start)
	o.InRange, o.Natural = req.Code == nil, true
	return o, err
}

// rates are the numbers of Adam's step t, counted from 1, its rate along half a
// cosine.
func (m Matching) rates(t int) (out [6]float32) {
	graph.AdamRates(&out, t, m.rate(t), m.Beta1, m.Beta2, 0)
	return out
}

// rate is the learning rate of step t.
func (m Matching) rate(t int) float64 {
	return recipe.Recipe{LR: m.Rate, Schedule: recipe.Cosine}.Rate(t-1, m.Iterations)
}

// checkpointEvery is how many iterations lie between two checkpoints.
const checkpointEvery = 50

// matcher is a method of this package.
type matcher interface {
	distill.Method
	matching() Matching
	objective() objective
	// inner is how the network of an iteration is trained before it is used.
	inner() inner
}

// distilBy distills by a method of this package.
func distilBy(ctx context.Context, method matcher, req distill.Request) (*distill.Result, error) {
	if err := req.Check(); err != nil {
		return nil, err
	}
	engine, err := engine.Open(req.Device)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", method.Name(), err)
	}
	defer engine.Close()
	r, err := newRun(ctx, engine, method, req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", method.Name(), err)
	}
	if err := r.iterateAll(ctx); err != nil {
		return nil, err
	}
	if err := r.adam.fetch(r.state); err != nil {
		return nil, fmt.Errorf("%s: %w", method.Name(), err)
	}
	if r.Matching.Start == tiling.Spread {
		if err := r.form.KeepApart(ctx, req.Samples, r.state.tiles, r.perClass); err != nil {
			return nil, fmt.Errorf("%s: %w", method.Name(), err)
		}
	}
	images, err := r.form.Images(r.state.tiles, r.labels(), nil, req.Samples.Classes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", method.Name(), err)
	}
	out := &distill.Result{Images: images, Formation: r.formation, Recipe: r.recipe}
	if r.Matching.Start == tiling.Real {
		out.SmallestGroup = 1
	}
	return out, nil
}

// iterateAll does what is left to do, and saves the state when done or interrupted.
func (r *run) iterateAll(ctx context.Context) error {
	if r.state.step == r.Iterations { // resumed at the end
		r.req.Report(distill.Progress{Done: r.state.step, Total: r.Iterations, Loss: math.NaN()})
	}
	for r.state.step < r.Iterations {
		if err := ctx.Err(); err != nil {
			return errors.Join(err, r.save())
		}
		if err := r.iterate(); err != nil {
			return err
		}
		loss, err := r.adam.loss()
		if err != nil {
			return err
		}
		r.req.Report(distill.Progress{Done: r.state.step, Total: r.Iterations, Loss: loss})
		if r.state.step%checkpointEvery == 0 || r.state.step == r.Iterations {
			if err := r.save(); err != nil {
				return err
			}
		}
	}
	return nil
}
