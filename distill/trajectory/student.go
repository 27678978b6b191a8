package trajectory

import (
	"errors"
	"math"
	"slices"

	"github.com/distillmesh/distillmesh/train/augment"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/unroll"
)

// none is the loss when there is none.
var none = math.NaN()

// student trains networks on tiles and differentiates that training. Tiles, labels,
// parameters and gradients are resident; random draws are repeated from seeds, so
// that memory is only one vector of parameters per step.
type student struct {
	walk      *unroll.Walk
	batches   [][]int // tiles of each step; empty: all
	batch     int
	constants [][]float32
	iteration uint64

	tileGrad, labelGrad []float32 // of the last differentiation
	best, direction     []float32
}

func newStudent(r *run) (*student, error) {
	count, classes := len(r.y), r.net.Classes
	s := &student{batch: count}
	if r.Batch > 0 && r.Batch < count {
		s.batch, s.batches = r.Batch, make([][]int, r.Cap)
	}
	s.constants = r.form.ConstantValues(s.batch)
	fixed := len(s.constants)
	learned := r.Labels == Learned
	shapes := r.strategy.Shapes(s.batch, r.net.Shape.H, r.net.Shape.W)
	one := r.form.Shape()
	p := unroll.Problem{X: []int{count, one.C, one.H, one.W}, Labels: []int{count, classes}, Batch: s.batch,
		Draws: slices.Concat(r.form.ConstantShapes(s.batch), shapes), LearnLabels: learned, Squared: r.Metric == L2,
		Loss: func(params []*graph.Node, x, labels *graph.Node, draws []*graph.Node) *graph.Node {
			images := augment.Apply(r.strategy, r.form.Decode(x, draws[:fixed]), draws[fixed:])
			if learned {
				labels = graph.Softmax(labels)
			}
			return graph.CrossEntropy(r.net.Logits(nil, images, params), labels)
		},
		Draw: func(t int, index []float32, draws [][]float32) { s.draw(r, t, index, draws) }}
	for _, q := range r.net.Params {
		p.Params = append(p.Params, q.Shape)
	}
	var err error
	if s.walk, err = unroll.New(r.engine, p, r.Cap); err != nil {
		return nil, err
	}
	s.tileGrad, s.labelGrad = make([]float32, count*one.Size()), make([]float32, count*classes)
	s.best, s.direction = make([]float32, s.walk.Size()), make([]float32, s.walk.Size())
	return s, nil
}

// draw fills what step t reads beside tiles and labels.
func (s *student) draw(r *run, t int, index []float32, draws [][]float32) {
	data.Restart(&r.pcg, r.req.Seed, "trajectory-draw", s.iteration, uint64(t))
	for i, v := range s.constants {
		copy(draws[i], v)
	}
	r.strategy.Draw(r.rng, s.batch, r.net.Shape.H, r.net.Shape.W, false, draws[len(s.constants):])
	if s.batches == nil {
		return
	}
	for i, at := range s.batches[t] {
		index[i] = float32(at)
	}
}

// renew uploads the run's present tiles and labels, clears their gradients and draws
// the batches of an iteration.
func (s *student) renew(r *run, iteration int) error {
	s.iteration = uint64(iteration)
	clear(s.tileGrad)
	clear(s.labelGrad)
	w := s.walk
	if err := errors.Join(w.X.Set(r.state.tiles.values), w.Labels.Set(r.state.labels.values),
		w.Grad.Set(s.tileGrad)); err != nil {
		return err
	}
	if w.LabelGrad != nil {
		if err := w.LabelGrad.Set(s.labelGrad); err != nil {
			return err
		}
	}
	if s.batches != nil {
		data.Restart(&r.pcg, r.req.Seed, "trajectory-batch", s.iteration)
		s.drawBatches(r)
	}
	return nil
}

// drawBatches cuts permutations of the tiles into batches. What is left of a
// permutation and does not fill a batch is dropped.
func (s *student) drawBatches(r *run) {
	var order []int
	for t := range s.batches {
		if len(order) < s.batch {
			order = r.rng.Perm(len(r.y))
		}
		s.batches[t], order = order[:s.batch], order[s.batch:]
	}
}

// outcome is a student's training, compared with an expert.
type outcome struct {
	n         int // steps to the compared one
	distances []float64
	loss      float64
}

// train trains from one vector towards another and finds the compared step. The
// direction becomes dL/dtheta'_n.
func (s *student) train(r *run, start, target []float32) (out outcome, err error) {
	if err := s.walk.SetTarget(target); err != nil {
		return out, err
	}
	if err := s.forward(r, start, r.Cap); err != nil {
		return out, err
	}
	if out.distances, err = s.walk.Distances(make([]float64, 0, r.Cap)); err != nil {
		return out, err
	}
	nearest := math.Inf(1)
	for t, d := range out.distances {
		if r.Choice == Last && t == r.Cap-1 || r.Choice == Closest && d <= nearest { // among equal ones the later
			nearest, out.n = d, t+1
		}
	}
	if out.n == 0 { // no distance is finite
		out.loss = math.NaN()
		return out, nil
	}
	if r.constant && out.n < r.Cap-1 { // released: memory stays constant
		if err := s.forward(r, start, out.n); err != nil {
			return out, err
		}
	}
	if err := s.walk.Theta(out.n, s.best); err != nil {
		return out, err
	}
	base := squared(start, target)
	out.loss = squared(s.best, target) / base
	for i, v := range s.best {
		s.direction[i] = float32(2 * (float64(v) - float64(target[i])) / base)
	}
	return out, nil
}

// forward trains n steps.
func (s *student) forward(r *run, start []float32, n int) error {
	if r.constant {
		return s.walk.Reach(start, n, float32(r.state.stepSize))
	}
	return s.walk.Forward(start, n, float32(r.state.stepSize))
}

// differentiate finds dL/dtiles and dL/dlabels, and returns dL/dalpha.
func (s *student) differentiate(r *run, start []float32, n int) (dAlpha float64, err error) {
	if r.constant {
		dAlpha, err = s.walk.Constant(start, s.direction, n)
	} else {
		dAlpha, err = s.walk.Backward(s.direction, n)
	}
	err = errors.Join(err, s.walk.Grad.Get(s.tileGrad))
	if s.walk.LabelGrad != nil {
		err = errors.Join(err, s.walk.LabelGrad.Get(s.labelGrad))
	}
	return dAlpha, err
}

// squared is |a - b|^2.
func squared(a, b []float32) (sum float64) {
	for i, v := range a {
		d := float64(v) - float64(b[i])
		sum += d * d
	}
	return sum
}

// finite reports whether all values are.
func finite(values ...[]float32) bool {
	return !slices.ContainsFunc(values, func(v []float32) bool {
		return slices.ContainsFunc(v, func(x float32) bool { return x-x != 0 })
	})
}

// softmaxRows is the softmax of each row of logits.
func softmaxRows(logits []float32, classes int) []float32 {
	out := make([]float32, 0, len(logits))
	for row := range slices.Chunk(logits, classes) {
		top, sum := slices.Max(row), 0.0
		for _, v := range row {
			sum += math.Exp(float64(v - top))
		}
		for _, v := range row {
			out = append(out, float32(math.Exp(float64(v-top))/sum))
		}
	}
	return out
}
