package unroll

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/graph/cpu"
	"github.com/distillmesh/distillmesh/train/nn"
)

func newWalk(t testing.TB, workers int, p Problem, most int) *Walk {
	t.Helper()
	e := cpu.New(workers)
	t.Cleanup(e.Close)
	w, err := New(e, p, most)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// get is a variable's values.
func get(t testing.TB, v graph.Variable) []float32 {
	t.Helper()
	out := make([]float32, v.Len())
	if err := v.Get(out); err != nil {
		t.Fatal(err)
	}
	return out
}

// theta is the parameters after n steps.
func theta(t testing.TB, w *Walk, n int) []float32 {
	t.Helper()
	out := make([]float32, w.Size())
	if err := w.Theta(n, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// clearAll sets variables to zero.
func clearAll(t testing.TB, variables ...graph.Variable) {
	t.Helper()
	for _, v := range variables {
		if err := v.Set(make([]float32, v.Len())); err != nil {
			t.Fatal(err)
		}
	}
}

// toy is one parameter with the loss (theta - x)^2 / 2.
func toy() Problem {
	return Problem{Params: [][]int{{1}}, X: []int{1}, Labels: []int{1},
		Loss: func(params []*graph.Node, x, _ *graph.Node, _ []*graph.Node) *graph.Node {
			d := graph.Sub(params[0], x)
			return graph.Scale(graph.Mul(d, d), 0.5)
		}}
}

// The vector of att.md 2, check 4: theta_0 = 0, x = 1, alpha = 0.1, and the
// squared distance to 0.4 relative to where it began.
func TestToyVector(t *testing.T) {
	const target = 0.4
	for _, squared := range []bool{false, true} {
		problem := toy()
		problem.Squared = squared
		w := newWalk(t, 1, problem, 40)
		if err := errors.Join(w.X.Set([]float32{1}), w.SetTarget([]float32{target})); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			steps        int
			theta, loss  float64
			dx, dAlpha   float64
			checkDerived bool
		}{
			{1, 0.1, 0.5625, 0, 0, false},
			{4, 0.3439, 0.0196700625, 0, 0, false},
			{5, 0.40951, 5.65250625e-4, 0.0486805, 0.3899694, true},
			{6, 0.468559, 0.0293771, 0, 0, false},
			{10, 0.6513216, 0.3947658, 2.0461394, 12.1708902, true},
			{40, 0.9852191, 2.1405088, 0, 0, false},
		} {
			clearAll(t, w.Grad)
			if err := w.Forward([]float32{0}, c.steps, 0.1); err != nil {
				t.Fatal(err)
			}
			last := float64(theta(t, w, c.steps)[0])
			loss := (last - target) * (last - target) / (target * target)
			if math.Abs(last-c.theta) > 1e-6 || math.Abs(loss-c.loss) > 1e-6*(1+c.loss) {
				t.Errorf("%d steps: theta %v, L %v, want %v, %v", c.steps, last, loss, c.theta, c.loss)
			}
			distances, err := w.Distances(nil)
			want := math.Abs(last - float64(float32(target)))
			if squared {
				want *= want
			}
			if err != nil || len(distances) != c.steps || math.Abs(distances[c.steps-1]-want) > 1e-15 {
				t.Errorf("%d steps: distances %v, want %v last (%v)", c.steps, distances, want, err)
			}
			dAlpha, err := w.Backward([]float32{float32(2 * (last - target) / (target * target))}, c.steps)
			if err != nil {
				t.Fatal(err)
			}
			dx := float64(get(t, w.Grad)[0])
			if near := func(got, want float64) bool { return math.Abs(got-want) < 2e-5*(1+want) }; c.checkDerived && !(near(dx,
				c.dx) && near(dAlpha, c.dAlpha)) {
				t.Errorf("%d steps: dL/dx %v, dL/dalpha %v, want %v, %v", c.steps, dx, dAlpha, c.dx, c.dAlpha)
			}
		}
	}
}

// small is a narrow network with convolution, instance norm, ReLU and
// mean-pooling that trains on batches of three, each step on its own.
type small struct {
	net    *nn.Network
	theta  []float32
	target []float32
	count  int       // steps
	x      []float32 // of all steps
	labels []float32
}

const (
	smallBatch = 3
	smallImage = 64
)

var smallDraw = []float32{0.5, 1, 1.5}

func newSmall(t testing.TB, steps int) small {
	t.Helper()
	net, err := nn.ConvNet3(data.Shape{C: 1, H: 8, W: 8}, 3, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	s, rng := small{net: net, count: steps}, rand.New(rand.NewPCG(1, 2))
	for _, p := range net.Init(4) {
		s.theta = append(s.theta, p...)
	}
	for _, v := range s.theta {
		s.target = append(s.target, v+0.1*float32(rng.NormFloat64()))
	}
	for range steps {
		for range smallBatch * smallImage {
			s.x = append(s.x, float32(rng.NormFloat64()))
		}
		s.labels = append(s.labels, 1, 0, 0, 0, 1, 0, 0, 0.25, 0.75)
	}
	return s
}

// problem scales each image by a draw, so that draws are seen to be replayed.
func (s small) problem() Problem {
	p := Problem{X: []int{smallBatch * s.count, 1, 8, 8}, Labels: []int{smallBatch * s.count, 3}, Batch: smallBatch,
		Draws: [][]int{{smallBatch, 1, 1, 1}}}
	for _, q := range s.net.Params {
		p.Params = append(p.Params, q.Shape)
	}
	p.Loss = func(params []*graph.Node, x, labels *graph.Node, draws []*graph.Node) *graph.Node {
		return graph.CrossEntropy(s.net.Logits(nil, graph.Mul(x, draws[0]), params), labels)
	}
	p.Draw = func(t int, index []float32, draws [][]float32) {
		for i := range index {
			index[i] = float32(t*smallBatch + i)
		}
		copy(draws[0], smallDraw)
	}
	return p
}

const smallAlpha = 0.05

// walker is the walk of the small problem on its images.
func (s small) walker(t testing.TB, workers int) *Walk {
	t.Helper()
	w := newWalk(t, workers, s.problem(), s.count)
	if err := errors.Join(w.X.Set(s.x), w.Labels.Set(s.labels)); err != nil {
		t.Fatal(err)
	}
	return w
}

// walk gives L = |theta_n - target|^2 and its derivatives by the walk.
func (s small) walk(t *testing.T, w *Walk) (loss, dAlpha float64, dTheta []float32) {
	t.Helper()
	clearAll(t, w.Grad)
	if err := w.Forward(s.theta, s.count, smallAlpha); err != nil {
		t.Fatal(err)
	}
	u := make([]float32, w.Size())
	for i, v := range theta(t, w, s.count) {
		d := v - s.target[i]
		loss += float64(d) * float64(d)
		u[i] = 2 * d
	}
	dAlpha, err := w.Backward(u, s.count)
	if err == nil {
		err = w.u.flat.Get(u)
	}
	if err != nil {
		t.Fatal(err)
	}
	return loss, dAlpha, u
}

func TestTheWalkGivesTheSameBitsForAnyWorkerCount(t *testing.T) {
	var first []float32
	for _, workers := range []int{1, 2, 4} {
		s := newSmall(t, 3)
		w := s.walker(t, workers)
		_, dAlpha, dTheta := s.walk(t, w)
		all := append(append(dTheta, float32(dAlpha)), get(t, w.Grad)...)
		if first == nil {
			first = all
		}
		if !slices.Equal(first, all) {
			t.Errorf("other bits with %d workers", workers)
		}
	}
}

func TestASteadyWalkAllocatesNothingAndKeepsOneVectorPerStep(t *testing.T) {
	s := newSmall(t, 8)
	w := s.walker(t, 1)
	u := make([]float32, w.Size())
	walk := func(steps int) {
		if err := w.Forward(s.theta, steps, smallAlpha); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Backward(u, steps); err != nil {
			t.Fatal(err)
		}
	}
	walk(4)
	before := w.Bytes()
	if n := testing.AllocsPerRun(3, func() { walk(4) }); n != 0 {
		t.Errorf("%v allocations per walk", n)
	}
	walk(8)
	if got, want := w.Bytes()-before, 4*4*w.Size(); got != want {
		t.Errorf("four more steps take %d bytes more, want %d", got, want)
	}
}

func TestWalksRefuseOtherSizes(t *testing.T) {
	s := newSmall(t, 2)
	w := s.walker(t, 1)
	u := make([]float32, w.Size())
	backward := func(u []float32, n int) error { _, err := w.Backward(u, n); return err }
	for what, err := range map[string]error{
		"a start of another size":        w.Forward(u[1:], 2, smallAlpha),
		"too many steps":                 w.Forward(u, 3, smallAlpha),
		"a direction of another size":    backward(u[1:], 0),
		"more steps back than were done": backward(u, 1),
	} {
		if !errors.Is(err, ErrSize) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := w.Reach(s.theta, 2, smallAlpha); err != nil {
		t.Fatal(err)
	}
	if err := w.Theta(0, u); !errors.Is(err, ErrSize) {
		t.Errorf("parameters that are not kept: %v", err)
	}
}
