package match

import (
	"fmt"
	"math/rand/v2"

	"github.com/distillmesh/distillmesh/distill/tiling"
	"github.com/distillmesh/distillmesh/train/augment"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/kernel"
	"github.com/distillmesh/distillmesh/train/nn"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// objective is what tiles and real images are compared by.
type objective interface {
	// unread is how many of the network's last parameters sums does not read.
	unread() int
	// sums are what a network makes of images of one class, added over images.
	// label is that class, one-hot, 1 x classes.
	sums(net *nn.Network, images, label *graph.Node, params []*graph.Node) ([]*graph.Node, error)
	// distance is one value, of two sets of means.
	distance(tiles, real []*graph.Node) *graph.Node
}

// chunkMost is how many real images are seen at once: few enough that their
// maps stay in cache.
const chunkMost = 16

// siamese holds the two programs of an iteration, on the same random network
// and the same kind of augmentation.
type siamese struct {
	objective
	net     *nn.Network
	params  [][]float32
	augment recipe.Strategy
	form    data.Formation
	view    *data.View // of real images
	chunk   int
	real    *graph.Program // images, draws, label, params -> sums
	tiles   *graph.Program // tiles, identity, targets, draws, label, params -> loss, gradient of the tiles
	targets [][]float32    // means of the real batch
	label   []float32      // of the present class, one-hot
	draws   [2][][]float32 // of the real chunk and of the tiles
}

// newSiamese compiles for count tiles of images of a shape, and real batches
// of batch samples.
func newSiamese(pool *kernel.Pool, o objective, net *nn.Network, a recipe.Strategy, f data.Formation, view *data.View, count, batch int) (e *siamese, err error) {
	defer graph.Catch(&err)
	e = &siamese{objective: o, net: net, augment: a, form: f, view: view, chunk: min(batch, chunkMost), label: make([]float32, net.Classes)}
	for batch%e.chunk != 0 {
		e.chunk--
	}
	for i := range net.Params {
		e.params = append(e.params, make([]float32, net.Params[i].Len()))
	}
	if err := e.compileReal(pool); err != nil {
		return nil, err
	}
	if err := e.compileTiles(pool, count); err != nil {
		return nil, err
	}
	return e, nil
}

func (e *siamese) compileReal(pool *kernel.Pool) error {
	g, s := graph.New(), e.net.Shape
	x, label := graph.Input(g, "x", e.chunk, s.C, s.H, s.W), graph.Input(g, "label", 1, e.net.Classes)
	draws, params := augment.Inputs(e.augment, g, "augment ", e.chunk, s), e.net.Inputs(g)
	sums, err := e.sums(e.net, augment.Apply(e.augment, x, draws), label, params)
	if err != nil {
		return err
	}
	inputs := append(append(append([]*graph.Node{x}, draws...), label), params...)
	if e.real, err = graph.Compile(pool, inputs, sums); err != nil {
		return err
	}
	for _, s := range sums {
		e.targets = append(e.targets, make([]float32, s.Shape().TotalSize()))
	}
	e.draws[0], err = e.bind(e.real, 1, len(draws))
	return err
}

// comparison is the expression of the loss of count tiles and of its gradient,
// with their inputs in order.
type comparison struct {
	tiles, identity, label *graph.Node
	targets, draws, params []*graph.Node
	loss, grad             *graph.Node
}

func (c comparison) inputs() []*graph.Node {
	in := append(append([]*graph.Node{c.tiles, c.identity}, c.targets...), c.draws...)
	return append(append(in, c.label), c.params...)
}

// compare builds the comparison of count tiles. It panics with a
// *graph.ShapeError.
func (e *siamese) compare(count int) (c comparison, err error) {
	g, small := graph.New(), e.form.TileShape(e.net.Shape)
	c.tiles, c.identity = graph.Input(g, "tiles", count, small.C, small.H, small.W), tiling.Identity(g, count)
	c.label = graph.Input(g, "label", 1, e.net.Classes)
	c.draws, c.params = augment.Inputs(e.augment, g, "augment ", count, e.net.Shape), e.net.Inputs(g)
	x := augment.Apply(e.augment, tiling.Decode(c.tiles, c.identity, e.form, e.net.Shape), c.draws)
	means, err := e.sums(e.net, x, c.label, c.params)
	if err != nil {
		return c, err
	}
	for i := range means {
		means[i] = graph.Scale(means[i], 1/float64(count))
		c.targets = append(c.targets, graph.Input(g, fmt.Sprint("target ", i), means[i].Shape()...))
	}
	c.loss = e.distance(means, c.targets)
	grads, err := graph.Grad(c.loss, c.tiles)
	if err != nil {
		return c, err
	}
	c.grad = grads[0]
	return c, nil
}

func (e *siamese) compileTiles(pool *kernel.Pool, count int) error {
	c, err := e.compare(count)
	if err != nil {
		return err
	}
	if e.tiles, err = graph.Compile(pool, c.inputs(), []*graph.Node{c.loss, c.grad}); err != nil {
		return err
	}
	tiling.StayPut(e.tiles.Input(1))
	for i, target := range e.targets {
		if err := e.tiles.Bind(2+i, target); err != nil {
			return err
		}
	}
	e.draws[1], err = e.bind(e.tiles, 2+len(c.targets), len(c.draws))
	return err
}

// bind gives a program the shared label and parameters, which follow its draws,
// and returns the draws, which begin at an input.
func (e *siamese) bind(p *graph.Program, first, draws int) (memory [][]float32, err error) {
	for i := range draws {
		memory = append(memory, p.Input(first+i))
	}
	if err := p.Bind(first+draws, e.label); err != nil {
		return nil, err
	}
	for i, values := range e.params {
		if err := p.Bind(first+draws+1+i, values); err != nil {
			return nil, err
		}
	}
	return memory, nil
}

// renew draws another network.
func (e *siamese) renew(seed uint64) {
	for i := range len(e.params) - e.unread() {
		e.net.InitParam(i, seed, e.params[i])
	}
}

// match draws an augmentation and a real batch of a class's members and returns
// the distance of its tiles and its gradient, valid until the next call.
func (e *siamese) match(rng *rand.Rand, local *data.Samples, class int, members []int, batch int, tiles []float32, count int) (loss float32, grad []float32, err error) {
	clear(e.label)
	e.label[class] = 1
	e.augment.Draw(rng, count, local.Shape, true, e.draws[1])
	for i, d := range e.draws[1] {
		per, to := len(d)/count, e.draws[0][i]
		for at := 0; at < len(to); at += per {
			copy(to[at:], d[:per])
		}
	}
	e.look(rng, local, members, batch)
	if err := e.tiles.Bind(0, tiles); err != nil {
		return 0, nil, err
	}
	e.tiles.Run()
	return e.tiles.Output(0)[0], e.tiles.Output(1), nil
}

// look finds the means of a real batch.
func (e *siamese) look(rng *rand.Rand, local *data.Samples, members []int, batch int) {
	for _, target := range e.targets {
		clear(target)
	}
	size, x := local.Shape.Size(), e.real.Input(0)
	for range batch / e.chunk {
		for i := range e.chunk {
			e.view.Show(local.Row(members[rng.IntN(len(members))]), x[i*size:(i+1)*size])
		}
		e.real.Run()
		for k, target := range e.targets {
			for i, v := range e.real.Output(k) {
				target[i] += v / float32(batch)
			}
		}
	}
}
