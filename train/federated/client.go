package federated

import (
	"context"
	"errors"

	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/engine"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/kernel"
	"github.com/distillmesh/distillmesh/train/nn"
)

// vector is one value per parameter of a network, as a whole and as a slice per array.
type vector struct {
	flat  []float32
	parts [][]float32
}

func newVector(net *nn.Network) vector { return cut(net, make([]float32, net.NumParams())) }

// cut makes a vector on memory of the network's size.
func cut(net *nn.Network, flat []float32) vector {
	v := vector{flat: flat}
	for _, p := range net.Params {
		n := p.Len()
		v.parts = append(v.parts, flat[:n:n])
		flat = flat[n:]
	}
	return v
}

// initial is the network's starting values from a seed.
func initial(net *nn.Network, seed uint64) []float32 {
	v := newVector(net)
	for i, part := range v.parts {
		net.InitParam(i, seed, part)
	}
	return v.flat
}

// task is what a client is sent, and its own state.
type task struct {
	config  Config
	round   int // counted from 0
	samples *data.Samples
	seed    uint64    // of its order
	model   vector    // x
	control []float32 // SCAFFOLD: the server's c
	own     []float32 // SCAFFOLD: the client's c_i; nil is zeros
}

// update is what a client sends back.
type update struct {
	client  int
	values  []float32 // y, its model
	control []float32 // SCAFFOLD: its new c_i
	steps   int
	loss    float64 // of its last batch, before that step
}

// worker trains one client after the other on one core, in the same memory: a
// batch size is compiled once per worker, not once per client.
type worker struct {
	engine     graph.Engine
	stepper    *train.Stepper
	local      *local
	values     vector // y, once it is fetched
	zero       vector
	correction vector // SCAFFOLD: c - c_i
}

func newWorker(net *nn.Network, c Config, scaffold bool, on device.Choice) (*worker, error) {
	on.Workers = 1
	e, err := engine.Open(on)
	if err != nil {
		return nil, err
	}
	w := &worker{engine: e, local: &local{c, scaffold}, values: newVector(net), zero: newVector(net),
		correction: newVector(net)}
	if w.stepper, err = train.NewStepper(e, net, w.local); err != nil {
		e.Close()
		return nil, err
	}
	return w, nil
}

// local is the update rule of a client's model y in a round that began with the model x:
//
//	all:      u <- m u + (g + decay y); y <- y - eta u
//	FedProx:  g <- g + mu (y - x) before    (Li et al. 2020, equation 2)
//	SCAFFOLD: y <- y - eta (c - c_i) after  (Karimireddy et al. 2020, equation 3)
//
// SCAFFOLD is derived for SGD without momentum. With momentum the correction is
// not added to the velocity, as in the official code: c_i is then the client's mean velocity, about 1/(1-m)
// mean gradients, so that correction and velocity have the same size.
type local struct {
	config   Config
	scaffold bool
}

// The states of a parameter; a strategy has those that it needs, in this order.
const (
	stateVelocity = iota
	stateModel    // FedProx: x
	statePulled   // FedProx: the gradient with the proximal term
)

// states are how many FedProx has, or the others.
func (l *local) states() int {
	if l.config.Mu > 0 {
		return statePulled + 1
	}
	return stateVelocity + 1
}

// stateCorrection is the index of SCAFFOLD's correction.
func (l *local) stateCorrection() int { return l.states() }

// States implements train.Rule.
func (l *local) States() int {
	if l.scaffold {
		return l.states() + 1
	}
	return l.states()
}

// Rates implements train.Rule.
func (*local) Rates() int { return 3 }

// Updates implements train.Rule.
func (l *local) Updates(y, g *graph.Node, states []*graph.Node, rates *graph.Node) (out []graph.Update) {
	constant := func(c float64) *graph.Node { return graph.Fill(c, graph.Sum(rates)) }
	if l.config.Mu > 0 {
		pulled := states[statePulled]
		out = append(out, graph.Descend(pulled, g, graph.Sub(y, states[stateModel]), constant(-l.config.Mu)))
		g = pulled
	}
	out = append(out, graph.Momentum(y, g, states[stateVelocity], rates))
	if l.scaffold {
		out = append(out, graph.Descend(y, y, states[l.stateCorrection()], constant(l.config.LR)))
	}
	return out
}

// run is a client's round: K steps of SGD from the model that it was sent. The
// order of its samples continues where the client's last round ended.
func (w *worker) run(ctx context.Context, t *task, u *update) error {
	if err := w.begin(t); err != nil {
		return err
	}
	c := t.config
	order := train.NewOrder(t.seed, t.samples.Len(), c.Batch)
	u.steps = c.LocalSteps(t.samples.Len())
	rates := []float32{float32(c.LR), float32(c.Momentum), float32(c.WeightDecay)}
	for step := range u.steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.stepper.Step(t.samples, order.Batch(t.round*u.steps+step), rates); err != nil {
			return err
		}
	}
	if u.steps > 0 {
		loss, err := w.stepper.Loss()
		if err != nil {
			return err
		}
		u.loss = loss
	}
	if err := graph.GetAll(w.stepper.Params(), w.values.parts); err != nil {
		return err
	}
	u.values = append(u.values[:0], w.values.flat...)
	if t.control != nil {
		u.control = w.newControl(t, u.steps)
	}
	return nil
}

// begin uploads the start of a round.
func (w *worker) begin(t *task) error {
	err := errors.Join(graph.SetAll(w.stepper.Params(), t.model.parts),
		graph.SetAll(w.stepper.State(stateVelocity), w.zero.parts))
	if w.local.config.Mu > 0 {
		err = errors.Join(err, graph.SetAll(w.stepper.State(stateModel), t.model.parts))
	}
	if t.control != nil {
		w.correct(t)
		err = errors.Join(err, graph.SetAll(w.stepper.State(w.local.stateCorrection()), w.correction.parts))
	}
	return err
}

// correct makes SCAFFOLD's correction, c - c_i.
func (w *worker) correct(t *task) {
	copy(w.correction.flat, t.control)
	if t.own != nil {
		kernel.ScaleAdd(w.correction.flat, t.own, t.control, -1)
	}
}

// newControl is SCAFFOLD's option II, in memory of its own:
// c_i <- c_i - c + (x - y) / (K eta) (Karimireddy et al. 2020, equation 4).
func (w *worker) newControl(t *task, steps int) []float32 {
	control, scale := make([]float32, len(w.values.flat)), 1/(float64(steps)*float64(float32(t.config.LR)))
	for i, y := range w.values.flat {
		control[i] = float32((float64(t.model.flat[i])-float64(y))*scale - float64(w.correction.flat[i]))
	}
	return control
}
