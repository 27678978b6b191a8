package trajectory

import (
	"math"
	"slices"

	"github.com/distillmesh/distillmesh/distill/tiling"
	"github.com/distillmesh/distillmesh/train/augment"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/kernel"
	"github.com/distillmesh/distillmesh/train/unroll"
)

// none is the loss of what has none.
var none = math.NaN()

// student trains networks on tiles and differentiates that training. What its
// steps read is drawn again from seeds each time, so that memory is one vector
// of parameters a step and nothing else.
type student struct {
	walk       *unroll.Walk
	steps      []unroll.Step
	batches    [][]int // tiles of each step; empty: all
	batch      int
	x, labels  []float32 // of a step's batch
	dX, dLabel []float32
	draws      [][]float32 // identity, then the augmentation's
	iteration  uint64

	tiles, tileGrad    []float32 // of the run, all tiles
	targets, labelGrad []float32
	best, direction    []float32
}

func newStudent(r *run) (*student, error) {
	count, classes := len(r.y), r.net.Classes
	s := &student{batch: count}
	if r.Batch > 0 && r.Batch < count {
		s.batch = r.Batch
	}
	learned := r.Labels == Learned
	shapes := r.strategy.Shapes(s.batch, r.net.Shape)
	p := unroll.Problem{X: []int{s.batch, r.tile.C, r.tile.H, r.tile.W}, Labels: []int{s.batch, classes}, Draws: append([][]int{{s.batch, 6}}, shapes...), LearnLabels: learned,
		Loss: func(params []*graph.Node, x, labels *graph.Node, draws []*graph.Node) *graph.Node {
			images := augment.Apply(r.strategy, tiling.Decode(x, draws[0], r.formation, r.net.Shape), draws[1:])
			if learned {
				labels = graph.Softmax(labels)
			}
			return graph.CrossEntropy(r.net.Logits(nil, images, params), labels)
		}}
	for _, q := range r.net.Params {
		p.Params = append(p.Params, q.Shape)
	}
	var err error
	if s.walk, err = unroll.New(r.pool, p); err != nil {
		return nil, err
	}
	for _, d := range p.Draws {
		n := 1
		for _, side := range d {
			n *= side
		}
		s.draws = append(s.draws, make([]float32, n))
	}
	tiling.StayPut(s.draws[0])
	s.tileGrad, s.labelGrad = make([]float32, count*r.tile.Size()), make([]float32, count*classes)
	s.best, s.direction = make([]float32, s.walk.Size()), make([]float32, s.walk.Size())
	s.addSteps(r)
	return s, nil
}

// addSteps makes the steps, which share memory.
func (s *student) addSteps(r *run) {
	size, classes := r.tile.Size(), r.net.Classes
	if s.batch < len(r.y) {
		s.x, s.labels = make([]float32, s.batch*size), make([]float32, s.batch*classes)
		s.dX, s.dLabel = make([]float32, s.batch*size), make([]float32, s.batch*classes)
		s.batches = make([][]int, r.Cap)
	}
	for t := range r.Cap {
		step := unroll.Step{Draws: s.draws, Load: func() { s.load(r, t) }}
		if s.batches != nil {
			step.X, step.Labels, step.Grad = s.x, s.labels, s.dX
			step.Store = func() { s.store(t, size, classes) }
		}
		s.steps = append(s.steps, step)
	}
}

// load fills what a step reads.
func (s *student) load(r *run, t int) {
	data.Restart(&r.pcg, r.req.Seed, "trajectory-draw", s.iteration, uint64(t))
	r.strategy.Draw(r.rng, s.batch, r.net.Shape, false, s.draws[1:])
	if s.batches == nil {
		return
	}
	for i, at := range s.batches[t] {
		copyRow(s.x, i, s.tiles, at, r.tile.Size())
		copyRow(s.labels, i, s.targets, at, r.net.Classes)
	}
	clear(s.dX)
	clear(s.dLabel)
}

func copyRow(to []float32, i int, from []float32, at, size int) {
	copy(to[i*size:(i+1)*size], from[at*size:(at+1)*size])
}

// store adds a batch's derivatives to those of all tiles.
func (s *student) store(t, size, classes int) {
	for i, at := range s.batches[t] {
		addRow(s.tileGrad, at, s.dX, i, size)
		addRow(s.labelGrad, at, s.dLabel, i, classes)
	}
}

func addRow(to []float32, at int, from []float32, i, size int) {
	row := to[at*size : (at+1)*size]
	kernel.ScaleAdd(row, from[i*size:(i+1)*size], row, 1)
}

// renew points the steps to the run's present tiles and labels, and draws the
// batches of an iteration.
func (s *student) renew(r *run, iteration int) {
	s.iteration = uint64(iteration)
	s.tiles, s.targets = r.state.tiles.values, r.state.labels.values
	clear(s.tileGrad)
	clear(s.labelGrad)
	if s.batches != nil {
		data.Restart(&r.pcg, r.req.Seed, "trajectory-batch", s.iteration)
		s.draw(r)
	}
	for t := range s.steps {
		step := &s.steps[t]
		if s.batches == nil {
			step.X, step.Labels, step.Grad = s.tiles, s.targets, s.tileGrad
		}
		if r.Labels == Learned {
			step.LabelGrad = s.dLabel
			if s.batches == nil {
				step.LabelGrad = s.labelGrad
			}
		}
	}
}

// draw cuts permutations of the tiles into batches. What is left of a
// permutation and does not fill a batch is dropped.
func (s *student) draw(r *run) {
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
func (s *student) train(r *run, start, target []float32) (outcome, error) {
	out := outcome{distances: make([]float64, 0, r.Cap)}
	nearest := math.Inf(1)
	forward := s.walk.Forward
	if r.constant {
		forward = s.walk.Reach
	}
	err := forward(start, s.steps, float32(r.state.stepSize), func(t int, _ float32, theta []float32) {
		d := distance(theta, target, r.Metric)
		out.distances = append(out.distances, d)
		if r.Choice == Last && t == r.Cap-1 || r.Choice == Closest && d <= nearest { // of equals the later
			nearest, out.n = d, t+1
			copy(s.best, theta)
		}
	})
	if err != nil {
		return out, err
	}
	base := squared(start, target)
	out.loss = squared(s.best, target) / base
	for i, v := range s.best {
		s.direction[i] = float32(2 * (float64(v) - float64(target[i])) / base)
	}
	return out, nil
}

// differentiate adds dL/dtiles and dL/dlabels and returns dL/dalpha.
func (s *student) differentiate(r *run, start []float32, n int) (float64, error) {
	if r.constant {
		return s.walk.Constant(start, s.direction, n)
	}
	d, _, err := s.walk.Backward(s.direction, n)
	return d, err
}

// distance is the L1 norm of a - b, or the squared L2 norm.
func distance(a, b []float32, metric string) (sum float64) {
	if metric == L2 {
		return squared(a, b)
	}
	for i, v := range a {
		sum += math.Abs(float64(v) - float64(b[i]))
	}
	return sum
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
