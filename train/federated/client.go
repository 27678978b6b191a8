package federated

import (
	"context"

	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/kernel"
	"github.com/distillmesh/distillmesh/train/nn"
)

// vector is a value a parameter of a network, in one piece and cut by arrays.
type vector struct {
	flat  []float32
	parts [][]float32
}

func newVector(net *nn.Network) vector { return cut(net, make([]float32, net.NumParams())) }

// cut is a vector on memory of the network's size.
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

// task is what a client is sent, and what it knows itself.
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
// batch size is compiled once a worker, not once a client.
type worker struct {
	stepper    *train.Stepper
	values     vector // y
	velocity   vector
	direction  vector // FedProx: the gradient with its pull
	correction vector // SCAFFOLD: c - c_i
}

func newWorker(net *nn.Network) *worker {
	w := &worker{values: newVector(net), velocity: newVector(net), direction: newVector(net), correction: newVector(net)}
	w.stepper = train.NewStepper(net, w.values.parts, 1)
	return w
}

// run is a client's round: K steps of SGD from the model that it was sent. The
// walk over its samples goes on where the client's last round ended.
func (w *worker) run(ctx context.Context, t *task, u *update) error {
	copy(w.values.flat, t.model.flat)
	clear(w.velocity.flat)
	if t.control != nil {
		w.correct(t)
	}
	order := train.NewOrder(t.seed, t.samples.Len(), t.config.Batch)
	u.steps = t.config.LocalSteps(t.samples.Len())
	for step := range u.steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		loss, err := w.stepper.Run(t.samples, order.Batch(t.round*u.steps+step))
		if err != nil {
			return err
		}
		w.move(t)
		u.loss = loss
	}
	u.values = append(u.values[:0], w.values.flat...)
	if t.control != nil {
		u.control = w.newControl(t, u.steps)
	}
	return nil
}

// move takes one step along the gradients that the stepper has computed.
//
//	all:      u <- m u + (g + decay y); y <- y - eta u
//	FedProx:  g <- g + mu (y - x) before    (Li et al. 2020, equation 2)
//	SCAFFOLD: y <- y - eta (c - c_i) after  (Karimireddy et al. 2020, equation 3)
//
// SCAFFOLD is derived for SGD without momentum, and is that when Momentum is 0.
// With momentum the correction stays outside the velocity, as in the official
// code: c_i is then the client's mean velocity, about 1/(1-m) mean gradients,
// so that correction and velocity have the same size.
func (w *worker) move(t *task) {
	c := t.config
	for i, y := range w.values.parts {
		g := w.stepper.Gradient(i)
		if c.Mu > 0 {
			d := w.direction.parts[i]
			kernel.ScaleAdd(d, t.model.parts[i], y, -1)
			kernel.ScaleAdd(d, d, g, float32(c.Mu))
			g = d
		}
		kernel.Momentum(y, g, w.velocity.parts[i], float32(c.LR), float32(c.Momentum), float32(c.WeightDecay))
	}
	if t.control != nil {
		kernel.ScaleAdd(w.values.flat, w.correction.flat, w.values.flat, -float32(c.LR))
	}
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
