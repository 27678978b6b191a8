package unroll

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/kernel"
	"github.com/distillmesh/distillmesh/train/nn"
)

func newWalk(t testing.TB, workers int, p Problem) *Walk {
	t.Helper()
	pool := kernel.NewPool(workers)
	t.Cleanup(pool.Close)
	w, err := New(pool, p)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// toy is one parameter with the loss (theta - x)^2 / 2.
func toy() Problem {
	return Problem{Params: [][]int{{1}}, X: []int{1}, Labels: []int{1}, Loss: func(params []*graph.Node, x, _ *graph.Node, _ []*graph.Node) *graph.Node {
		d := graph.Sub(params[0], x)
		return graph.Scale(graph.Mul(d, d), 0.5)
	}}
}

// The vector of att.md 2, check 4: theta_0 = 0, x = 1, alpha = 0.1, and the
// squared distance to 0.4 relative to where it began.
func TestToyVector(t *testing.T) {
	const target = 0.4
	w := newWalk(t, 1, toy())
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
		grad := []float32{0}
		steps := slices.Repeat([]Step{{X: []float32{1}, Labels: []float32{0}, Grad: grad}}, c.steps)
		losses := 0
		if err := w.Forward([]float32{0}, steps, 0.1, func(int, float32, []float32) { losses++ }); err != nil {
			t.Fatal(err)
		}
		theta := float64(w.Theta(c.steps)[0])
		loss := (theta - target) * (theta - target) / (target * target)
		if math.Abs(theta-c.theta) > 1e-6 || math.Abs(loss-c.loss) > 1e-6*(1+c.loss) || losses != c.steps {
			t.Errorf("%d steps: theta %v, L %v, want %v, %v (%d losses)", c.steps, theta, loss, c.theta, c.loss, losses)
		}
		dAlpha, _, err := w.Backward([]float32{float32(2 * (theta - target) / (target * target))}, c.steps)
		if err != nil {
			t.Fatal(err)
		}
		if near := func(got, want float64) bool { return math.Abs(got-want) < 2e-5*(1+want) }; c.checkDerived && !(near(float64(grad[0]), c.dx) && near(dAlpha, c.dAlpha)) {
			t.Errorf("%d steps: dL/dx %v, dL/dalpha %v, want %v, %v", c.steps, grad[0], dAlpha, c.dx, c.dAlpha)
		}
	}
}

// small is a narrow network with convolution, instance norm, ReLU and
// mean-pooling on batches of three, and steps for it.
type small struct {
	net    *nn.Network
	theta  []float32
	target []float32
	steps  []Step
}

const smallBatch = 3

func newSmall(t testing.TB, steps int) small {
	t.Helper()
	net, err := nn.ConvNet3(data.Shape{C: 1, H: 8, W: 8}, 3, 2, 1)
	if err != nil {
		t.Fatal(err)
	}
	s, rng := small{net: net}, rand.New(rand.NewPCG(1, 2))
	for _, p := range net.Init(4) {
		s.theta = append(s.theta, p...)
	}
	for _, v := range s.theta {
		s.target = append(s.target, v+0.1*float32(rng.NormFloat64()))
	}
	for range steps {
		x := make([]float32, smallBatch*64)
		for i := range x {
			x[i] = float32(rng.NormFloat64())
		}
		labels := []float32{1, 0, 0, 0, 1, 0, 0, 0.25, 0.75}
		s.steps = append(s.steps, Step{X: x, Labels: labels, Draws: [][]float32{{0.5, 1, 1.5}}, Grad: make([]float32, len(x))})
	}
	return s
}

// problem scales each image by a draw, so that draws are seen to be replayed.
func (s small) problem() Problem {
	p := Problem{X: []int{smallBatch, 1, 8, 8}, Labels: []int{smallBatch, 3}, Draws: [][]int{{smallBatch, 1, 1, 1}}}
	for _, q := range s.net.Params {
		p.Params = append(p.Params, q.Shape)
	}
	p.Loss = func(params []*graph.Node, x, labels *graph.Node, draws []*graph.Node) *graph.Node {
		return graph.CrossEntropy(s.net.Logits(nil, graph.Mul(x, draws[0]), params), labels)
	}
	return p
}

const smallAlpha = 0.05

// walk gives L = |theta_n - target|^2 and its derivatives by the walk.
func (s small) walk(t *testing.T, w *Walk) (loss, dAlpha float64, dTheta []float32) {
	t.Helper()
	for i := range s.steps {
		clear(s.steps[i].Grad)
	}
	if err := w.Forward(s.theta, s.steps, smallAlpha, nil); err != nil {
		t.Fatal(err)
	}
	u := make([]float32, w.Size())
	for i, v := range w.Theta(len(s.steps)) {
		d := v - s.target[i]
		loss += float64(d) * float64(d)
		u[i] = 2 * d
	}
	dAlpha, dTheta, err := w.Backward(u, len(s.steps))
	if err != nil {
		t.Fatal(err)
	}
	return loss, dAlpha, dTheta
}

// unrolled is the same as one expression of all steps.
type unrolled struct {
	loss   *graph.Node
	xs     []*graph.Node
	alpha  *graph.Node
	params []*graph.Node
	feeds  map[*graph.Node][]float64
}

func (s small) unroll(t *testing.T) *unrolled {
	t.Helper()
	p, g := s.problem(), graph.New()
	u := &unrolled{feeds: map[*graph.Node][]float64{}}
	feed := func(name string, shape []int, values []float32) *graph.Node {
		n := graph.Input(g, name, shape...)
		for _, v := range values {
			u.feeds[n] = append(u.feeds[n], float64(v))
		}
		return n
	}
	u.alpha = feed("alpha", []int{1}, []float32{smallAlpha})
	flat, target := s.theta, s.target
	var targets []*graph.Node
	for i, shape := range p.Params {
		n := size(shape)
		u.params = append(u.params, feed(fmt.Sprint("theta", i), shape, flat[:n]))
		targets = append(targets, feed(fmt.Sprint("target", i), shape, target[:n]))
		flat, target = flat[n:], target[n:]
	}
	theta := u.params
	for i, step := range s.steps {
		x, labels := feed(fmt.Sprint("x", i), p.X, step.X), feed(fmt.Sprint("labels", i), p.Labels, step.Labels)
		u.xs = append(u.xs, x)
		grads, err := graph.Grad(p.Loss(theta, x, labels, []*graph.Node{feed(fmt.Sprint("draw", i), p.Draws[0], step.Draws[0])}), theta...)
		if err != nil {
			t.Fatal(err)
		}
		next := make([]*graph.Node, len(theta))
		for j := range theta {
			rate := graph.Reshape(u.alpha, slices.Repeat([]int{1}, len(p.Params[j]))...)
			next[j] = graph.Sub(theta[j], graph.Mul(grads[j], graph.Broadcast(rate, p.Params[j])))
		}
		theta = next
	}
	var diff []*graph.Node
	for j := range theta {
		diff = append(diff, graph.Sub(theta[j], targets[j]))
	}
	u.loss = dotProduct(diff, diff)
	return u
}

func (u *unrolled) evaluate(t *testing.T, outputs ...*graph.Node) [][]float64 {
	t.Helper()
	out, err := graph.Reference(u.feeds, outputs...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTheWalkIsTheGradientOfTheUnrolledExpression(t *testing.T) {
	s := newSmall(t, 3)
	loss, dAlpha, dTheta := s.walk(t, newWalk(t, 2, s.problem()))
	u := s.unroll(t)
	wanted := append(append(slices.Clone(u.xs), u.alpha), u.params...)
	grads, err := graph.Grad(u.loss, wanted...)
	if err != nil {
		t.Fatal(err)
	}
	var got [][]float32
	for _, step := range s.steps {
		got = append(got, step.Grad)
	}
	got = append(got, []float32{float32(dAlpha)})
	eachPart(dTheta, newSizes(s.problem().Params), func(_ int, part []float32) error {
		got = append(got, part)
		return nil
	})
	outputs := append([]*graph.Node{u.loss}, grads...)
	reference := u.evaluate(t, outputs...)
	compiled := u.compiled(t, outputs)
	if math.Abs(loss-reference[0][0]) > 1e-5*reference[0][0] {
		t.Errorf("L %v, want %v", loss, reference[0][0])
	}
	for i := range got {
		scale := 0.0
		for _, v := range reference[i+1] {
			scale = max(scale, math.Abs(v))
		}
		for j, v := range got[i] {
			if d := math.Abs(float64(v) - reference[i+1][j]); d > 1e-3*scale+1e-6 {
				t.Fatalf("derivative %d, value %d: %v, want %v", i, j, v, reference[i+1][j])
			}
			if d := math.Abs(float64(v - compiled[i+1][j])); d > 1e-3*scale+1e-6 {
				t.Fatalf("derivative %d, value %d: %v, compiled %v", i, j, v, compiled[i+1][j])
			}
		}
	}
}

func newSizes(shapes [][]int) (sizes []int) {
	for _, s := range shapes {
		sizes = append(sizes, size(s))
	}
	return sizes
}

// compiled runs the unrolled expression as one program.
func (u *unrolled) compiled(t *testing.T, outputs []*graph.Node) (out [][]float32) {
	t.Helper()
	var inputs []*graph.Node
	for n := range u.feeds {
		inputs = append(inputs, n)
	}
	pool := kernel.NewPool(1)
	defer pool.Close()
	p, err := graph.Compile(pool, inputs, outputs)
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range inputs {
		for j, v := range u.feeds[n] {
			p.Input(i)[j] = float32(v)
		}
	}
	p.Run()
	for i := range outputs {
		out = append(out, p.Output(i))
	}
	return out
}

func TestTheWalkMatchesFiniteDifferencesInPixelsAndRate(t *testing.T) {
	s := newSmall(t, 3)
	_, dAlpha, _ := s.walk(t, newWalk(t, 1, s.problem()))
	u := s.unroll(t)
	check := func(name string, n *graph.Node, at int, got float64) {
		t.Helper()
		const h = 1e-6
		u.feeds[n][at] += h
		up := u.evaluate(t, u.loss)[0][0]
		u.feeds[n][at] -= 2 * h
		down := u.evaluate(t, u.loss)[0][0]
		u.feeds[n][at] += h
		if want := (up - down) / (2 * h); math.Abs(got-want) > 2e-3*math.Abs(want)+1e-6 {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	for i, at := range []int{7, 70, 150} {
		check(fmt.Sprintf("pixel %d of step %d", at, i), u.xs[i], at, float64(s.steps[i].Grad[at]))
	}
	check("alpha", u.alpha, 0, dAlpha)
}

func TestTheWalkGivesTheSameBitsForAnyWorkerCount(t *testing.T) {
	var first []float32
	for _, workers := range []int{1, 2, 4} {
		s := newSmall(t, 3)
		_, dAlpha, dTheta := s.walk(t, newWalk(t, workers, s.problem()))
		all := append(slices.Clone(dTheta), float32(dAlpha))
		for _, step := range s.steps {
			all = append(all, step.Grad...)
		}
		if first == nil {
			first = all
		}
		if !slices.Equal(first, all) {
			t.Errorf("other bits with %d workers", workers)
		}
	}
}

func TestASteadyWalkAllocatesNothingAndKeepsOneVectorAStep(t *testing.T) {
	s := newSmall(t, 4)
	w := newWalk(t, 1, s.problem())
	u := make([]float32, w.Size())
	walk := func() {
		if err := w.Forward(s.theta, s.steps, smallAlpha, nil); err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.Backward(u, len(s.steps)); err != nil {
			t.Fatal(err)
		}
	}
	walk()
	before := w.Bytes()
	if n := testing.AllocsPerRun(3, walk); n != 0 {
		t.Errorf("%v allocations a walk", n)
	}
	s.steps = append(s.steps, s.steps...)
	walk()
	if got, want := w.Bytes()-before, 4*4*w.Size(); got != want {
		t.Errorf("four more steps take %d bytes more, want %d", got, want)
	}
}

func TestTheWalkRefusesOtherSizes(t *testing.T) {
	w := newWalk(t, 1, toy())
	good := Step{X: []float32{1}, Labels: []float32{0}}
	for name, err := range map[string]error{
		"parameters": w.Forward([]float32{0, 0}, []Step{good}, 0.1, nil),
		"images":     w.Forward([]float32{0}, []Step{{X: []float32{1, 2}, Labels: []float32{0}}}, 0.1, nil),
		"gradient":   w.Forward([]float32{0}, []Step{{X: []float32{1}, Labels: []float32{0}, Grad: []float32{1, 2}}}, 0.1, nil),
		"draws":      w.Forward([]float32{0}, []Step{{X: []float32{1}, Labels: []float32{0}, Draws: [][]float32{{1}}}}, 0.1, nil),
	} {
		if !errors.Is(err, ErrSize) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := w.Backward([]float32{1}, 1); !errors.Is(err, ErrSize) {
		t.Errorf("a walk without steps: %v", err)
	}
}
