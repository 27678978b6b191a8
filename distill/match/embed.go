package match

import (
	"math/rand/v2"

	"github.com/distillmesh/distillmesh/train/augment"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/kernel"
	"github.com/distillmesh/distillmesh/train/nn"
)

// chunkMost is how many real images are embedded at once: few enough that their
// maps stay in cache.
const chunkMost = 16

// embedder holds the two programs of an iteration, on the same random network
// and the same kind of augmentation.
type embedder struct {
	net     *nn.Network
	params  [][]float32 // all but the last layer's
	augment augment.Strategy
	chunk   int
	real    *graph.Program // images, draws, params -> sum of embeddings
	tiles   *graph.Program // tiles, identity, target, draws, params -> loss, gradient of the tiles
	target  []float32      // mean real embedding
	draws   [2][][]float32 // of the real chunk and of the tiles
}

// newEmbedder compiles for count tiles of images of a shape, and real batches
// of batch samples.
func newEmbedder(pool *kernel.Pool, net *nn.Network, a augment.Strategy, f data.Formation, count, batch int) (e *embedder, err error) {
	defer graph.Catch(&err)
	e = &embedder{net: net, augment: a, chunk: min(batch, chunkMost)}
	for batch%e.chunk != 0 {
		e.chunk--
	}
	for i := range len(net.Params) - 2 {
		e.params = append(e.params, make([]float32, net.Params[i].Len()))
	}
	if err := e.compileReal(pool); err != nil {
		return nil, err
	}
	if err := e.compileTiles(pool, f, count); err != nil {
		return nil, err
	}
	return e, nil
}

func (e *embedder) compileReal(pool *kernel.Pool) (err error) {
	g, s := graph.New(), e.net.Shape
	x := graph.Input(g, "x", e.chunk, s.C, s.H, s.W)
	draws, params := e.augment.Inputs(g, "augment ", e.chunk, s), e.net.Inputs(g)
	f := e.net.Features(e.augment.Apply(x, draws), params)
	inputs := append(append([]*graph.Node{x}, draws...), params[:len(e.params)]...)
	if e.real, err = graph.Compile(pool, inputs, []*graph.Node{graph.SumTo(f, []int{1, f.Shape()[1]})}); err != nil {
		return err
	}
	e.target = make([]float32, f.Shape()[1])
	e.draws[0], err = e.bind(e.real, 1, len(draws))
	return err
}

func (e *embedder) compileTiles(pool *kernel.Pool, form data.Formation, count int) (err error) {
	g, s := graph.New(), e.net.Shape
	small := form.TileShape(s)
	tiles, identity := graph.Input(g, "tiles", count, small.C, small.H, small.W), graph.Input(g, "identity", count, 6)
	target := graph.Input(g, "target", 1, len(e.target))
	x := tiles
	if form.Factor > 1 {
		x = graph.Warp(tiles, identity, graph.Sampling{H: s.H, W: s.W, Border: true})
	}
	draws, params := e.augment.Inputs(g, "augment ", count, s), e.net.Inputs(g)
	f := e.net.Features(e.augment.Apply(x, draws), params)
	distance := graph.Sub(graph.Scale(graph.SumTo(f, target.Shape()), 1/float64(count)), target)
	loss := graph.Sum(graph.Mul(distance, distance))
	grads, err := graph.Grad(loss, tiles)
	if err != nil {
		return err
	}
	inputs := append(append([]*graph.Node{tiles, identity, target}, draws...), params[:len(e.params)]...)
	if e.tiles, err = graph.Compile(pool, inputs, append([]*graph.Node{loss}, grads...)); err != nil {
		return err
	}
	for i := range count {
		copy(e.tiles.Input(1)[6*i:], []float32{1, 0, 0, 0, 1, 0})
	}
	if err := e.tiles.Bind(2, e.target); err != nil {
		return err
	}
	e.draws[1], err = e.bind(e.tiles, 3, len(draws))
	return err
}

// bind gives a program the shared parameters and returns its draws, which
// begin at an input and are followed by the parameters.
func (e *embedder) bind(p *graph.Program, first, draws int) (memory [][]float32, err error) {
	for i := range draws {
		memory = append(memory, p.Input(first+i))
	}
	for i, values := range e.params {
		if err := p.Bind(first+draws+i, values); err != nil {
			return nil, err
		}
	}
	return memory, nil
}

// renew draws another network.
func (e *embedder) renew(seed uint64) {
	for i, values := range e.params {
		e.net.InitParam(i, seed, values)
	}
}

// match draws an augmentation and a real batch of members and returns the
// squared distance of mean embeddings and its gradient, valid until the next
// call.
func (e *embedder) match(rng *rand.Rand, local *data.Samples, members []int, batch int, tiles []float32, count int) (loss float32, grad []float32, err error) {
	e.augment.Draw(rng, count, local.Shape, true, e.draws[1])
	for i, d := range e.draws[1] {
		per, to := len(d)/count, e.draws[0][i]
		for at := 0; at < len(to); at += per {
			copy(to[at:], d[:per])
		}
	}
	clear(e.target)
	size, x := local.Shape.Size(), e.real.Input(0)
	for range batch / e.chunk {
		for i := range e.chunk {
			copy(x[i*size:], local.Row(members[rng.IntN(len(members))]))
		}
		e.real.Run()
		for i, v := range e.real.Output(0) {
			e.target[i] += v / float32(batch)
		}
	}
	if err := e.tiles.Bind(0, tiles); err != nil {
		return 0, nil, err
	}
	e.tiles.Run()
	return e.tiles.Output(0)[0], e.tiles.Output(1), nil
}
