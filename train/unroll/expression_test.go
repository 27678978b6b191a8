package unroll

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/graph/cpu"
)

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
	for i := range s.count {
		rows := func(all []float32, size int) []float32 { return all[i*smallBatch*size : (i+1)*smallBatch*size] }
		x := feed(fmt.Sprint("x", i), []int{smallBatch, 1, 8, 8}, rows(s.x, smallImage))
		labels := feed(fmt.Sprint("labels", i), []int{smallBatch, 3}, rows(s.labels, 3))
		u.xs = append(u.xs, x)
		grads, err := graph.Grad(p.Loss(theta, x, labels,
			[]*graph.Node{feed(fmt.Sprint("draw", i), p.Draws[0], smallDraw)}), theta...)
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
	w := s.walker(t, 2)
	loss, dAlpha, dTheta := s.walk(t, w)
	u := s.unroll(t)
	wanted := append(append(slices.Clone(u.xs), u.alpha), u.params...)
	grads, err := graph.Grad(u.loss, wanted...)
	if err != nil {
		t.Fatal(err)
	}
	var got [][]float32
	got = append(got, slices.Collect(slices.Chunk(get(t, w.Grad), smallBatch*smallImage))...)
	got = append(got, []float32{float32(dAlpha)})
	for _, shape := range s.problem().Params {
		n := size(shape)
		got, dTheta = append(got, dTheta[:n]), dTheta[n:]
	}
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

// compiled runs the unrolled expression as one program.
func (u *unrolled) compiled(t *testing.T, outputs []*graph.Node) (out [][]float32) {
	t.Helper()
	spec := graph.Spec{Outputs: outputs}
	for n := range u.feeds {
		spec.Inputs = append(spec.Inputs, n)
	}
	e := cpu.New(1)
	defer e.Close()
	p, err := e.Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range spec.Inputs {
		values := make([]float32, len(u.feeds[n]))
		for j, v := range u.feeds[n] {
			values[j] = float32(v)
		}
		if err := p.Set(i, values); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	for i, n := range outputs {
		out = append(out, make([]float32, n.Shape().TotalSize()))
		if err := p.Get(i, out[i]); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestTheWalkMatchesFiniteDifferencesInPixelsAndRate(t *testing.T) {
	s := newSmall(t, 3)
	w := s.walker(t, 1)
	_, dAlpha, _ := s.walk(t, w)
	grad := get(t, w.Grad)
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
		check(fmt.Sprintf("pixel %d of step %d", at, i), u.xs[i], at, float64(grad[i*smallBatch*smallImage+at]))
	}
	check("alpha", u.alpha, 0, dAlpha)
}
