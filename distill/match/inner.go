package match

import (
	"errors"
	"math/rand/v2"
	"slices"

	"github.com/distillmesh/distillmesh/train/augment"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
)

// inner says how the network of an iteration is trained on the present tiles of
// all classes held, before it is used: by steps of plain SGD on their mean
// cross-entropy.
type inner struct {
	steps int
	rate  float32
}

// trainer does the inner training of a siamese's network, which is resident.
type trainer struct {
	inner
	*siamese
	count   int
	program graph.Program // tiles, labels, rate, constants, draws, params
	draws   int           // index of the first draw
	drawn   [][]float32
}

// newTrainer compiles the step on the tiles of classes, perClass each; nil when
// there are no steps.
func newTrainer(in inner, e *siamese, classes []int, perClass int) (t *trainer, err error) {
	defer graph.Catch(&err)
	if in.steps < 1 {
		return nil, nil
	}
	t = &trainer{inner: in, siamese: e, count: len(classes) * perClass}
	g, s, small := graph.New(), e.net.Shape, e.form.Shape()
	tiles, constants := graph.Input(g, "tiles", t.count, small.C, small.H, small.W), e.form.Constants(g, t.count)
	labels, rate := graph.Input(g, "labels", t.count, e.net.Classes), graph.Input(g, "rate", 1)
	draws, params := augment.Inputs(e.augment, g, "augment ", t.count, s), e.net.Inputs(g)
	x := augment.Apply(e.augment, e.form.Decode(tiles, constants), draws)
	loss := graph.Scale(crossEntropySum(e.net, x, labels, params), 1/float64(t.count))
	grads, err := graph.Grad(loss, params...)
	if err != nil {
		return nil, err
	}
	spec := graph.Spec{Inputs: slices.Concat([]*graph.Node{tiles, labels, rate}, constants, draws, params)}
	for i, p := range params {
		spec.Updates = append(spec.Updates, graph.Descend(p, p, grads[i], rate))
	}
	if t.program, err = e.engine.Compile(spec); err != nil {
		return nil, err
	}
	t.drawn = hostSide(draws)
	targets := make([]float32, t.count*e.net.Classes)
	for i := range t.count {
		targets[i*e.net.Classes+classes[i/perClass]] = 1
	}
	t.draws = 3 + len(constants)
	return t, errors.Join(t.program.Set(1, targets), t.program.Set(2, []float32{in.rate}),
		setAll(t.program, 3, e.form.ConstantValues(t.count)), graph.BindAll(t.program, t.draws+len(draws), e.params))
}

// train moves the network's parameters; every image of a step has a draw of its
// own.
func (t *trainer) train(rng *rand.Rand, shape data.Shape, tiles graph.Variable) error {
	if err := t.program.Bind(0, tiles); err != nil {
		return err
	}
	for range t.steps {
		t.augment.Draw(rng, t.count, shape.H, shape.W, false, t.drawn)
		if err := errors.Join(setAll(t.program, t.draws, t.drawn), t.program.Run()); err != nil {
			return err
		}
	}
	return nil
}
