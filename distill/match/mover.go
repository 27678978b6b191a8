package match

import (
	"errors"

	"github.com/distillmesh/distillmesh/distill/tiling"
	"github.com/distillmesh/distillmesh/train/graph"
)

// mover holds all tiles and moves them by Adam, within the range of real images.
// They, their gradient and Adam's moments are resident on the engine.
type mover struct {
	program                    graph.Program // tiles, gradient, moments, rates, range; of a code also shrink and steps
	tiles, grad, first, second graph.Variable
	losses                     graph.Variable // one per class
	classes                    []classTiles
	lost                       []float32
	rates                      [6]float32
	shrink                     []float32 // how far bits shrink values in a step; empty for tiles
}

// classTiles are a class's parts of the mover's variables.
type classTiles struct{ tiles, grad, loss graph.Variable }

// Indices of inputs of the program.
const (
	moverRates  = 4
	moverShrink = 7
)

func newMover(e graph.Engine, of tiling.Range, form tiling.Form, classes, perClass int) (m *mover, err error) {
	defer graph.Catch(&err)
	tile := form.Shape()
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
	s := graph.Spec{Inputs: []*graph.Node{tiles, grad, first, second, rates, low, high},
		Updates: []graph.Update{graph.Adam(tiles, grad, first, second, rates)}}
	slope, perUnit := form.BitSlope(tiles)
	if slope != nil {
		shrink := graph.Input(g, "shrink", 1)
		m.shrink = make([]float32, 1)
		s.Inputs = append(s.Inputs, shrink, perUnit)
		s.Updates = append(s.Updates, graph.Descend(tiles, tiles, slope, shrink))
	}
	s.Updates = append(s.Updates, graph.Clamp(tiles, low, high))
	if m.program, err = e.Compile(s); err != nil {
		return nil, err
	}
	if slope != nil {
		err = m.program.Set(moverShrink+1, form.ConstantValues(count)[0])
	}
	return m, errors.Join(err, graph.BindAll(m.program, 0, all[:4]), m.keepWithin(of))
}

// keepWithin sets the range that values are clamped to.
func (m *mover) keepWithin(r tiling.Range) error {
	return errors.Join(m.program.Set(moverRates+1, r.Low), m.program.Set(moverRates+2, r.High))
}

// move takes one step along the gradient, and shrinks coefficients by their bits.
func (m *mover) move(rates [6]float32, shrink float64) error {
	m.rates = rates
	err := m.program.Set(moverRates, m.rates[:])
	if m.shrink != nil {
		m.shrink[0] = float32(shrink)
		err = errors.Join(err, m.program.Set(moverShrink, m.shrink))
	}
	if err != nil {
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
