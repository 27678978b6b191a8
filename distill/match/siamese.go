package match

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/distillmesh/distillmesh/distill/tiling"
	"github.com/distillmesh/distillmesh/train/augment"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/nn"
	"github.com/distillmesh/distillmesh/train/recipe"
	"github.com/distillmesh/distillmesh/train/view"
)

// objective is what tiles and real images are compared by.
type objective interface {
	// unread is how many of the network's last parameters sums does not read.
	unread() int
	// sums are what is computed from images of one class, added over images.
	// label is that class, one-hot, 1 x classes.
	sums(net *nn.Network, images, label *graph.Node, params []*graph.Node) ([]*graph.Node, error)
	// distance is one value, of two sets of means.
	distance(tiles, real []*graph.Node) *graph.Node
}

// chunkMost is how many real images are processed at once: few enough that
// their feature maps stay in cache.
const chunkMost = 16

// siamese holds the two programs of an iteration, on the same random network
// and the same kind of augmentation. Network, targets, tiles and their gradient are
// resident on the engine.
type siamese struct {
	objective
	engine  graph.Engine
	net     *nn.Network
	params  []graph.Variable
	values  [][]float32 // of the network, as they are drawn
	augment recipe.Strategy
	form    tiling.Form
	view    *view.Reducer // of real images
	chunk   int
	real    side
	tiles   side
	targets []graph.Variable // means of the real batch
	label   []float32        // of the present class, one-hot
	keep    [1]float32       // 0 for the first chunk of a batch, which begins the means
	x       []float32        // a chunk of real images
}

// side is the program of real images or of tiles.
type side struct {
	graph.Program
	label, keep, draws int // indices of inputs
	grad, loss         int // of the tiles' program: where its results go
	drawn              [][]float32
}

// inputs collects a program's inputs.
type inputs struct {
	g    *graph.Graph
	spec graph.Spec
}

// add notes nodes as the next inputs and returns the place of the first.
func (in *inputs) add(nodes ...*graph.Node) int {
	in.spec.Inputs = append(in.spec.Inputs, nodes...)
	return len(in.spec.Inputs) - len(nodes)
}

// newSiamese compiles for count tiles of images of a shape, and real batches
// of batch samples.
func newSiamese(engine graph.Engine, o objective, net *nn.Network, a recipe.Strategy, f tiling.Form,
	seen *view.Reducer, count, batch int) (e *siamese, err error) {
	defer graph.Catch(&err)
	e = &siamese{objective: o, engine: engine, net: net, augment: a, form: f, view: seen, chunk: min(batch, chunkMost),
		label: make([]float32, net.Classes)}
	for batch%e.chunk != 0 {
		e.chunk--
	}
	e.x = make([]float32, e.chunk*net.Shape.Size())
	for _, p := range net.Params {
		v, err := engine.Variable(p.Len())
		if err != nil {
			return nil, err
		}
		e.params, e.values = append(e.params, v), append(e.values, make([]float32, p.Len()))
	}
	if err := e.compileReal(batch); err != nil {
		return nil, err
	}
	return e, e.compileTiles(count)
}

// compileReal: a chunk of real images -> means + sums / batch.
func (e *siamese) compileReal(batch int) error {
	in, s := inputs{g: graph.New()}, e.net.Shape
	x, label, keep := graph.Input(in.g, "x", e.chunk, s.C, s.H, s.W), graph.Input(in.g, "label", 1,
		e.net.Classes), graph.Input(in.g, "keep", 1)
	draws, params := augment.Inputs(e.augment, in.g, "augment ", e.chunk, s), e.net.Inputs(in.g)
	sums, err := e.sums(e.net, augment.Apply(e.augment, x, draws), label, params)
	if err != nil {
		return err
	}
	in.add(x)
	p := &e.real
	p.draws, p.label, p.keep = in.add(draws...), in.add(label), in.add(keep)
	network := in.add(params...)
	for k, sum := range sums {
		target := graph.Input(in.g, fmt.Sprint("target ", k), sum.Shape()...)
		in.add(target)
		ones := make([]int, len(sum.Shape()))
		for i := range ones {
			ones[i] = 1
		}
		before := graph.Gate(target, graph.Broadcast(graph.Reshape(keep, ones...), sum.Shape()))
		share := graph.Div(sum, graph.Fill(float64(batch), sum))
		in.spec.Updates = append(in.spec.Updates, graph.Assign(target, graph.Add(before, share)))
		v, err := e.engine.Variable(sum.Shape().TotalSize())
		if err != nil {
			return err
		}
		e.targets = append(e.targets, v)
	}
	if p.Program, err = e.engine.Compile(in.spec); err != nil {
		return err
	}
	p.drawn = hostSide(draws)
	return errors.Join(graph.BindAll(p, network, e.params), graph.BindAll(p, network+len(params), e.targets))
}

// hostSide is memory for values of nodes.
func hostSide(nodes []*graph.Node) (memory [][]float32) {
	for _, n := range nodes {
		memory = append(memory, make([]float32, n.Shape().TotalSize()))
	}
	return memory
}

// comparison is the expression of the loss of count tiles and of its gradient.
type comparison struct {
	graph                             *graph.Graph
	tiles, label                      *graph.Node
	constants, targets, draws, params []*graph.Node
	loss, grad                        *graph.Node
}

// compare builds the comparison of count tiles. It panics with a
// *graph.ShapeError.
func (e *siamese) compare(count int) (c comparison, err error) {
	c.graph = graph.New()
	g, small := c.graph, e.form.Shape()
	c.tiles, c.constants = graph.Input(g, "tiles", count, small.C, small.H, small.W), e.form.Constants(g, count)
	c.label = graph.Input(g, "label", 1, e.net.Classes)
	c.draws, c.params = augment.Inputs(e.augment, g, "augment ", count, e.net.Shape), e.net.Inputs(g)
	x := augment.Apply(e.augment, e.form.Decode(c.tiles, c.constants), c.draws)
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

// compileTiles: count tiles -> loss and gradient, written to the run's variables.
func (e *siamese) compileTiles(count int) error {
	c, err := e.compare(count)
	if err != nil {
		return err
	}
	in, p := inputs{g: c.graph}, &e.tiles
	in.add(c.tiles)
	constants := in.add(c.constants...)
	targets := in.add(c.targets...)
	p.draws, p.label = in.add(c.draws...), in.add(c.label)
	network := in.add(c.params...)
	loss, grad := graph.Input(c.graph, "loss", 1), graph.Input(c.graph, "gradient", c.grad.Shape()...)
	p.loss, p.grad = in.add(loss), in.add(grad)
	in.spec.Updates = []graph.Update{graph.Assign(loss, graph.Reshape(c.loss, 1)), graph.Assign(grad, c.grad)}
	if p.Program, err = e.engine.Compile(in.spec); err != nil {
		return err
	}
	p.drawn = hostSide(c.draws)
	if err := setAll(p, constants, e.form.ConstantValues(count)); err != nil {
		return err
	}
	return errors.Join(graph.BindAll(p, targets, e.targets),
		graph.BindAll(p, network, e.params))
}

// setAll sets inputs from one on.
func setAll(p graph.Program, first int, values [][]float32) error {
	for i, v := range values {
		if err := p.Set(first+i, v); err != nil {
			return err
		}
	}
	return nil
}

// feed uploads the draws and the label.
func (p *side) feed(label []float32) error {
	return errors.Join(setAll(p, p.draws, p.drawn), p.Set(p.label, label))
}

// renew draws another network.
func (e *siamese) renew(seed uint64) error {
	for i := range len(e.params) - e.unread() {
		e.net.InitParam(i, seed, e.values[i])
		if err := e.params[i].Set(e.values[i]); err != nil {
			return err
		}
	}
	return nil
}

// match draws an augmentation and a real batch of a class's members, and writes the
// distance of its tiles and their gradient.
func (e *siamese) match(rng *rand.Rand, local *data.Samples, class int, members []int, batch, count int, tiles, loss,
	grad graph.Variable) error {
	clear(e.label)
	e.label[class] = 1
	e.augment.Draw(rng, count, local.Shape.H, local.Shape.W, true, e.tiles.drawn)
	for i, d := range e.tiles.drawn {
		per, to := len(d)/count, e.real.drawn[i]
		for at := 0; at < len(to); at += per {
			copy(to[at:], d[:per])
		}
	}
	if err := e.look(rng, local, members, batch); err != nil {
		return err
	}
	p := &e.tiles
	if err := p.feed(e.label); err != nil {
		return err
	}
	if err := p.Bind(0, tiles); err != nil {
		return err
	}
	if err := p.Bind(p.loss, loss); err != nil {
		return err
	}
	if err := p.Bind(p.grad, grad); err != nil {
		return err
	}
	return p.Run()
}

// look finds the means of a real batch.
func (e *siamese) look(rng *rand.Rand, local *data.Samples, members []int, batch int) error {
	p, size := &e.real, local.Shape.Size()
	if err := p.feed(e.label); err != nil {
		return err
	}
	for chunk := range batch / e.chunk {
		for i := range e.chunk {
			e.view.Show(local.Row(members[rng.IntN(len(members))]), e.x[i*size:(i+1)*size])
		}
		e.keep[0] = float32(min(chunk, 1))
		if err := p.Set(0, e.x); err != nil {
			return err
		}
		if err := p.Set(p.keep, e.keep[:]); err != nil {
			return err
		}
		if err := p.Run(); err != nil {
			return err
		}
	}
	return nil
}
