package match

import (
	"context"
	"math/rand/v2"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/tiling"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/kernel"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// run is one distillation.
type run struct {
	Matching
	method    matcher
	req       distill.Request
	formation data.Formation
	recipe    *recipe.Recipe
	tile      data.Shape
	held      []int   // classes
	members   [][]int // samples of each class
	perClass  int     // tiles
	real      tiling.Range
	pair      *siamese
	trainer   *trainer // nil: networks stay fresh
	state     state
	grad      []float32
	id        string // of the request, once asked for
	streams   struct{ network, inner, draw string }
	pcg       rand.PCG
	rng       *rand.Rand
}

func newRun(ctx context.Context, pool *kernel.Pool, method matcher, req distill.Request) (*run, error) {
	m := method.matching()
	if err := m.check(); err != nil {
		return nil, err
	}
	outline, err := method.Outline(req)
	if err != nil {
		return nil, err
	}
	formation := outline.Formation
	perClass := req.IPC * formation.Tiles()
	m = m.suited(req, perClass)
	r := &run{Matching: m, perClass: perClass, method: method, req: req, formation: formation, recipe: outline.Recipe, held: req.Samples.Held(), members: req.Samples.ByClass()}
	r.rng = rand.New(&r.pcg)
	name := method.Name()
	r.streams.network, r.streams.inner, r.streams.draw = name+"-network", name+"-inner", name+"-draw"
	r.tile = r.formation.TileShape(req.Samples.Shape)
	if err := r.compile(pool); err != nil {
		return nil, err
	}
	r.real = tiling.RangeOf(req.Samples)
	values := len(r.held) * r.perClass * r.tile.Size()
	r.grad = make([]float32, values)

	r.state = state{tiles: make([]float32, values), first: make([]float32, values), second: make([]float32, values)}
	if req.Resume != nil {
		return r, r.restore(req.Resume)
	}
	first, err := tiling.Start{Samples: req.Samples, Formation: formation, PerClass: r.perClass, Kind: m.Start, Seed: req.Seed, Purpose: name + "-start"}.Tiles(ctx)
	if err != nil {
		return nil, err
	}
	r.state.tiles = first.X
	return r, nil
}

// compile makes the programs.
func (r *run) compile(pool *kernel.Pool) error {
	strategy, err := tiling.Augmentation(r.Augment)
	if err != nil {
		return err
	}
	net, err := tiling.Network(r.req.Samples, r.Width)
	if err != nil {
		return err
	}
	view := data.NewView(tiling.Coarse(r.View, r.req, r.formation), r.req.Samples.Shape)
	if r.pair, err = newSiamese(pool, r.method.objective(), net, strategy, r.formation, view, r.perClass, r.Batch); err != nil {
		return err
	}
	r.trainer, err = newTrainer(pool, r.method.inner(), r.pair, r.held, r.perClass)
	return err
}

// iterate does one step on all tiles and returns the loss before it.
func (r *run) iterate() float64 {
	step := uint64(r.state.step)
	r.network(step)
	loss, size := 0.0, r.perClass*r.tile.Size()
	for k, class := range r.held {
		data.Restart(&r.pcg, r.req.Seed, r.streams.draw, step, uint64(class))
		l, grad, err := r.pair.match(r.rng, r.req.Samples, class, r.members[class], r.Batch, r.state.tiles[k*size:(k+1)*size], r.perClass)
		if err != nil {
			panic(err) // sizes are the run's own
		}
		loss += float64(l)
		copy(r.grad[k*size:], grad)
	}
	r.adam(r.state.step).Apply(r.state.tiles, r.grad, r.state.first, r.state.second)
	r.real.Clamp(r.state.tiles, r.tile)
	r.state.step++
	return loss
}

// network makes the network of a step: another one from the public seed, then
// its inner training, if any.
func (r *run) network(step uint64) {
	data.Restart(&r.pcg, r.Networks, r.streams.network, step)
	r.pair.renew(r.rng.Uint64())
	if r.trainer == nil {
		return
	}
	data.Restart(&r.pcg, r.req.Seed, r.streams.inner, step)
	if err := r.trainer.train(r.rng, r.req.Samples.Shape, r.state.tiles); err != nil {
		panic(err) // sizes are the run's own
	}
}

// tiles are the present tiles with their labels.
func (r *run) tiles() *data.Samples {
	out := &data.Samples{Shape: r.tile, Classes: r.req.Samples.Classes, X: r.state.tiles}
	for _, class := range r.held {
		for range r.perClass {
			out.Y = append(out.Y, class)
		}
	}
	return out
}
