package match

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/augment"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/kernel"
	"github.com/distillmesh/distillmesh/train/nn"
)

// run is one distillation.
type run struct {
	method    DM
	req       distill.Request
	formation data.Formation
	tile      data.Shape
	held      []int   // classes
	members   [][]int // samples of each class
	perClass  int     // tiles
	low, high []float32
	embed     *embedder
	state     state
	grad      []float32
	id        string // of the request, once asked for
	pcg       rand.PCG
	rng       *rand.Rand
}

func (m DM) newRun(ctx context.Context, pool *kernel.Pool, req distill.Request) (*run, error) {
	if m.Iterations < 1 || m.Batch < 1 || m.Start != Centroids && m.Start != Noise && m.Start != Real {
		return nil, fmt.Errorf("%d iterations, batch %d, start %q: want at least 1, 1, and centroids, noise or real", m.Iterations, m.Batch, m.Start)
	}
	r := &run{method: m, req: req, formation: m.formation(req), held: req.Samples.Held(), members: req.Samples.ByClass()}
	r.rng = rand.New(&r.pcg)
	r.tile, r.perClass = r.formation.TileShape(req.Samples.Shape), req.IPC*r.formation.Tiles()
	strategy, err := augment.Parse(m.Augment)
	if err != nil {
		return nil, err
	}
	net, err := nn.ConvNet3(req.Samples.Shape, req.Samples.Classes, m.Width, 1)
	if err != nil {
		return nil, err
	}
	if r.embed, err = newEmbedder(pool, net, strategy, r.formation, r.perClass, m.Batch); err != nil {
		return nil, err
	}
	r.bounds()
	values := len(r.held) * r.perClass * r.tile.Size()
	r.grad = make([]float32, values)
	if req.Resume != nil {
		r.state, err = decodeState(req.Resume, r.identity(), m.Iterations, values)
		return r, err
	}
	r.state = state{first: make([]float32, values), second: make([]float32, values)}
	r.state.tiles, err = r.start(ctx)
	return r, err
}

// bounds finds the least and greatest real value of each channel.
func (r *run) bounds() {
	s := r.req.Samples.Shape
	area := s.H * s.W
	for range s.C {
		r.low, r.high = append(r.low, float32(math.Inf(1))), append(r.high, float32(math.Inf(-1)))
	}
	for i, v := range r.req.Samples.X {
		c := i / area % s.C
		r.low[c], r.high[c] = min(r.low[c], v), max(r.high[c], v)
	}
}

// iterate does one step on all tiles and returns the loss before it.
func (r *run) iterate() float64 {
	step := uint64(r.state.step)
	data.Restart(&r.pcg, r.method.Networks, "dm-network", step)
	r.embed.renew(r.rng.Uint64())
	loss, size := 0.0, r.perClass*r.tile.Size()
	for k, class := range r.held {
		data.Restart(&r.pcg, r.req.Seed, "dm-draw", step, uint64(class))
		l, grad, err := r.embed.match(r.rng, r.req.Samples, r.members[class], r.method.Batch, r.state.tiles[k*size:(k+1)*size], r.perClass)
		if err != nil {
			panic(err) // sizes are the run's own
		}
		loss += float64(l)
		copy(r.grad[k*size:], grad)
	}
	r.method.adam(r.state.step).Apply(r.state.tiles, r.grad, r.state.first, r.state.second)
	area := r.tile.H * r.tile.W
	for i, v := range r.state.tiles {
		c := i / area % r.tile.C
		r.state.tiles[i] = min(max(v, r.low[c]), r.high[c])
	}
	r.state.step++
	return loss
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
