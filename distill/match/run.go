package match

import (
	"context"
	"math/rand/v2"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/tiling"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/recipe"
	"github.com/distillmesh/distillmesh/train/view"
)

// run is one distillation.
type run struct {
	Matching
	method    matcher
	req       distill.Request
	formation data.Formation
	recipe    *recipe.Recipe
	form      tiling.Form
	seen      *data.Samples // the request's, as networks see them
	held      []int         // classes
	members   [][]int       // samples of each class
	perClass  int           // tiles
	engine    graph.Engine
	pair      *siamese
	trainer   *trainer // nil: networks stay fresh
	adam      *mover
	state     state
	id        string // of the request, once asked for
	streams   struct{ network, inner, draw string }
	pcg       rand.PCG
	rng       *rand.Rand
}

func newRun(ctx context.Context, engine graph.Engine, method matcher, req distill.Request) (*run, error) {
	m := method.matching()
	outline, err := method.Outline(req)
	if err != nil {
		return nil, err
	}
	formation := outline.Formation
	perClass := req.IPC * formation.Tiles()
	m = m.suited(req, perClass)
	if err := m.check(); err != nil {
		return nil, err
	}
	r := &run{Matching: m, perClass: perClass, method: method, req: req, formation: formation, recipe: outline.Recipe,
		held: req.Samples.Held(), members: req.Samples.ByClass(), engine: engine}
	r.rng = rand.New(&r.pcg)
	name := method.Name()
	r.streams.network, r.streams.inner, r.streams.draw = name+"-network", name+"-inner", name+"-draw"
	if r.form, err = tiling.NewForm(req, formation, tiling.Expected); err != nil {
		return nil, err
	}
	if err := r.compile(); err != nil {
		return nil, err
	}
	values := len(r.held) * r.perClass * r.form.Shape().Size()
	r.state = state{tiles: make([]float32, values), first: make([]float32, values), second: make([]float32, values)}
	if req.Resume != nil {
		if err := r.restore(req.Resume); err != nil {
			return nil, err
		}
		return r, r.adam.upload(r.state)
	}
	first, err := tiling.Start{Samples: req.Samples, Form: r.form, PerClass: r.perClass, Kind: m.Start,
		Seed: req.Seed, Purpose: name + "-start"}.Values(ctx)
	if err != nil {
		return nil, err
	}
	r.state.tiles = first.X
	return r, r.adam.upload(r.state)
}

// compile makes the programs.
func (r *run) compile() error {
	strategy, err := tiling.Augmentation(r.Augment)
	if err != nil {
		return err
	}
	net, err := tiling.Network(r.req.Samples, r.Width)
	if err != nil {
		return err
	}
	reduce := tiling.View(r.View, r.req, r.formation)
	r.seen = r.req.Samples
	if reduce.Band > 0 { // once: it takes as long as a step of a small network
		r.seen, reduce = reduce.Samples(r.seen), view.View{}
	}
	if r.pair, err = newSiamese(r.engine, r.method.objective(), net, strategy, r.form, reduce.Open(net.Shape), r.perClass,
		r.Batch); err != nil {
		return err
	}
	within, err := r.form.Range(r.req.Samples)
	if err != nil {
		return err
	}
	if r.adam, err = newMover(r.engine, within, r.form, len(r.held), r.perClass); err != nil {
		return err
	}
	r.trainer, err = newTrainer(r.method.inner(), r.pair, r.held, r.perClass)
	return err
}

// iterate does one step on all tiles.
func (r *run) iterate() error {
	step := uint64(r.state.step)
	if err := r.network(step); err != nil {
		return err
	}
	for k, class := range r.held {
		data.Restart(&r.pcg, r.req.Seed, r.streams.draw, step, uint64(class))
		of := r.adam.classes[k]
		if err := r.pair.match(r.rng, r.seen, class, r.members[class], r.Batch, r.perClass, of.tiles, of.loss,
			of.grad); err != nil {
			return err
		}
	}
	r.state.step++
	return r.adam.move(r.rates(r.state.step), r.BitWeight*r.rate(r.state.step))
}

// network makes the network of a step: another one from the public seed, then
// its inner training, if any.
func (r *run) network(step uint64) error {
	data.Restart(&r.pcg, r.Networks, r.streams.network, step)
	if err := r.pair.renew(r.rng.Uint64()); err != nil || r.trainer == nil {
		return err
	}
	data.Restart(&r.pcg, r.req.Seed, r.streams.inner, step)
	return r.trainer.train(r.rng, r.req.Samples.Shape, r.adam.tiles)
}

// labels are the classes of the state's images.
func (r *run) labels() (y []int) {
	for _, class := range r.held {
		for range r.perClass {
			y = append(y, class)
		}
	}
	return y
}
