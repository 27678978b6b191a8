package match

import (
	"errors"

	"github.com/distillmesh/distillmesh/distill/tiling"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
)

// mover holds all tiles and moves them by Adam, within the range of real images.
// They, their gradient and Adam's moments are resident on the engine.
type mover struct {
	program                    graph.Program // tiles, gradient, moments, rates, range
	tiles, grad, first, second graph.Variable
	losses                     graph.Variable // one per class
	classes                    []classTiles
	lost                       []float32
	rates                      [6]float32
}

// classTiles are a class's parts of the mover's variables.
type classTiles struct{ tiles, grad, loss graph.Variable }

// moverRates is the index of the rates among the program's inputs.
const moverRates = 4

func newMover(e graph.Engine, of tiling.Range, tile data.Shape, classes, perClass int) (m *mover, err error) {
	defer graph.Catch(&err)
	count, size := classes*perClass, tile.Size()
	n := count * size
	all, err := graph.Variables(e, n, n, n, n, classes)
	if err != nil {
		return nil, err
	}
	m = &mover{tiles: all[0], grad: all[1], first: all[2], second: all[3], losses: all[4], lost: make([]float32, classes)}
	for k := range classes {
		at := k * perClass * size
		m.classes = append(m.classes, classTiles{m.tiles.Part(at, perClass*size), m.grad.Part(at, perClass*size),
			m.losses.Part(k, 1)})
	}
	g := graph.New()
	array := func(name string) *graph.Node { return graph.Input(g, name, count, tile.C, tile.H, tile.W) }
	tiles, grad, first, second := array("tiles"), array("gradient"), array("first"), array("second")
	rates, low, high := graph.Input(g, "rates", 6), graph.Input(g, "low", tile.C), graph.Input(g, "high", tile.C)
	m.program, err = e.Compile(graph.Spec{Inputs: []*graph.Node{tiles, grad, first, second, rates, low, high},
		Updates: []graph.Update{graph.Adam(tiles, grad, first, second, rates), graph.Clamp(tiles, low, high)}})
	if err != nil {
		return nil, err
	}
	return m, errors.Join(graph.BindAll(m.program, 0, all[:4]), m.keepWithin(of))
}

// keepWithin sets the range that values are clamped to.
func (m *mover) keepWithin(r tiling.Range) error {
	return errors.Join(m.program.Set(moverRates+1, r.Low), m.program.Set(moverRates+2, r.High))
}

// move takes one step along the gradient.
func (m *mover) move(rates [6]float32) error {
	m.rates = rates
	if err := m.program.Set(moverRates, m.rates[:]); err != nil {
		return err
	}
	return m.program.Run()
}

// loss is the sum over classes of the last step, before it.
func (m *mover) loss() (sum float64, err error) {
	err = m.losses.Get(m.lost)
	for _, v := range m.lost {
		sum += float64(v)
	}
	return sum, err
}

// upload copies a state to the engine.
func (m *mover) upload(s state) error {
	return errors.Join(m.tiles.Set(s.tiles), m.first.Set(s.first), m.second.Set(s.second))
}

// fetch copies tiles and moments to a state.
func (m *mover) fetch(s state) error {
	return errors.Join(m.tiles.Get(s.tiles), m.first.Get(s.first), m.second.Get(s.second))
}
