package match

import (
	"math/rand/v2"

	"github.com/distillmesh/distillmesh/distill/tiling"
	"github.com/distillmesh/distillmesh/train/augment"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/kernel"
)

// inner says how the network of an iteration is trained on the present tiles of
// all classes held, before it is used: by steps of plain SGD on their mean
// cross-entropy.
type inner struct {
	steps int
	rate  float32
}

// trainer does the inner training of a siamese's network.
type trainer struct {
	inner
	*siamese
	count   int
	program *graph.Program // tiles, identity, labels, draws, params -> gradients
	draws   [][]float32
}

// newTrainer compiles the step on the tiles of classes, perClass each; nil when
// there are no steps.
func newTrainer(pool *kernel.Pool, in inner, e *siamese, classes []int, perClass int) (t *trainer, err error) {
	defer graph.Catch(&err)
	if in.steps < 1 {
		return nil, nil
	}
	t = &trainer{inner: in, siamese: e, count: len(classes) * perClass}
	g, s, small := graph.New(), e.net.Shape, e.form.TileShape(e.net.Shape)
	tiles, identity := graph.Input(g, "tiles", t.count, small.C, small.H, small.W), tiling.Identity(g, t.count)
	labels := graph.Input(g, "labels", t.count, e.net.Classes)
	draws, params := augment.Inputs(e.augment, g, "augment ", t.count, s), e.net.Inputs(g)
	x := augment.Apply(e.augment, tiling.Decode(tiles, identity, e.form, s), draws)
	loss := graph.Scale(crossEntropySum(e.net, x, labels, params), 1/float64(t.count))
	grads, err := graph.Grad(loss, params...)
	if err != nil {
		return nil, err
	}
	inputs := append(append([]*graph.Node{tiles, identity, labels}, draws...), params...)
	if t.program, err = graph.Compile(pool, inputs, grads); err != nil {
		return nil, err
	}
	tiling.StayPut(t.program.Input(1))
	for i := range t.count {
		t.program.Input(2)[i*e.net.Classes+classes[i/perClass]] = 1
	}
	for i := range draws {
		t.draws = append(t.draws, t.program.Input(3+i))
	}
	for i, values := range e.params {
		if err := t.program.Bind(3+len(draws)+i, values); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// train moves the network's parameters; every image of a step has a draw of its
// own.
func (t *trainer) train(rng *rand.Rand, shape data.Shape, tiles []float32) error {
	if err := t.program.Bind(0, tiles); err != nil {
		return err
	}
	for range t.steps {
		t.augment.Draw(rng, t.count, shape, false, t.draws)
		t.program.Run()
		for i, values := range t.params {
			kernel.ScaleAdd(values, t.program.Output(i), values, -t.rate)
		}
	}
	return nil
}
