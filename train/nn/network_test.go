package nn

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/graph/cpu"
)

func TestNetworksHaveTheirPublishedSizes(t *testing.T) {
	for _, c := range []struct {
		name  string
		shape data.Shape
		want  int
	}{
		{"lenet", data.Shape{C: 1, H: 28, W: 28}, 61_706},
		{"lenet", data.Shape{C: 3, H: 32, W: 32}, 83_126},
		{"mlp", data.Shape{C: 1, H: 28, W: 28}, 199_210},
		{"mlp", data.Shape{C: 1, H: 1, W: 30}, 48_410},
		{"alexnet", data.Shape{C: 3, H: 32, W: 32}, 1_756_426},
		{"convnet3", data.Shape{C: 1, H: 28, W: 28}, 317_706},
		{"convnet3:128", data.Shape{C: 3, H: 32, W: 32}, 320_010},
		{"convnet3:64", data.Shape{C: 1, H: 28, W: 28}, 85_130},
		{"resnet18", data.Shape{C: 3, H: 32, W: 32}, 11_173_962},
	} {
		n, err := Parse(c.name, c.shape, 10)
		if err != nil {
			t.Fatal(err)
		}
		if n.NumParams() != c.want {
			t.Errorf("%s of %v has %d parameters, want %d", c.name, c.shape, n.NumParams(), c.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	digit := data.Shape{C: 1, H: 28, W: 28}
	for _, c := range []struct {
		name    string
		shape   data.Shape
		classes int
		want    error
	}{
		{"resnet19", digit, 10, ErrUnknown}, {"resnet18:2", digit, 10, ErrUnknown}, {"alexnet:1", digit, 10, ErrUnknown},
		{"convnet3:0", digit, 10, ErrUnknown}, {"convnet3:5000", digit, 10, ErrUnknown}, {"convnet3:+8", digit, 10,
			ErrUnknown},
		{"convnet3", data.Shape{C: 1, H: 7, W: 8}, 10, ErrShape}, {"resnet18", data.Shape{C: 1, H: 7, W: 8}, 10, ErrShape},
		{"alexnet", data.Shape{C: 1, H: 1, W: 8}, 10, ErrShape}, {"", digit, 10, ErrUnknown}, {"lenet:3", digit, 10,
			ErrUnknown},
		{"lenet", data.Shape{C: 1, H: 1, W: 30}, 10, ErrShape}, {"lenet", data.Shape{C: 1, H: 11, W: 28}, 10, ErrShape},
		{"mlp", data.Shape{}, 10, ErrShape}, {"mlp", digit, 0, ErrShape},
	} {
		if _, err := Parse(c.name, c.shape, c.classes); !errors.Is(err, c.want) {
			t.Errorf("%q of %v with %d classes: %v, want %v", c.name, c.shape, c.classes, err, c.want)
		}
	}
}

func TestInitIsUniformWithinTheBoundAndSeeded(t *testing.T) {
	n, err := Parse("lenet", data.Shape{C: 1, H: 28, W: 28}, 10)
	if err != nil {
		t.Fatal(err)
	}
	a, b, other := n.Init(1), n.Init(1), n.Init(2)
	for i, p := range n.Params {
		if p.Start != Uniform {
			t.Errorf("%s starts as kind %d, want uniform", p.Name, p.Start)
		}
		bound, most, sum := 1/math.Sqrt(float64(p.FanIn)), 0.0, 0.0
		for j, v := range a[i] {
			if v != b[i][j] {
				t.Fatalf("%s: two draws with one seed differ", p.Name)
			}
			most, sum = max(most, math.Abs(float64(v))), sum+float64(v)*float64(v)
		}
		if most > bound || p.Len() > 100 && (most < 0.9*bound ||
			math.Abs(sum/float64(p.Len())-bound*bound/3) > bound*bound/10) {
			t.Errorf("%s: values up to %v with mean square %v, bound %v", p.Name, most, sum/float64(p.Len()), bound)
		}
		if a[i][0] == other[i][0] {
			t.Errorf("%s: another seed, the same first value", p.Name)
		}
	}
}

// narrowResnet is a residual network of two stages of one narrow block.
const narrowResnet = "narrow resnet"

// whole is a network's loss on two samples, with float64 values of all inputs.
type whole struct {
	params, vector []*graph.Node
	loss           *graph.Node
	grads, product []*graph.Node // gradient, and Hessian times vector
	feeds          map[*graph.Node][]float64
}

func newWhole(t *testing.T, name string, shape data.Shape) *whole {
	t.Helper()
	n, err := Parse(name, shape, 3)
	if name == narrowResnet {
		n = &Network{Name: name, Shape: shape, Classes: 3}
		err = n.resnet(2, 2, 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	g, rng := graph.New(), rand.New(rand.NewPCG(3, 5))
	x, target := graph.Input(g, "x", 2, shape.C, shape.H, shape.W), graph.Input(g, "target", 2, 3)
	w := &whole{params: n.Inputs(g), feeds: map[*graph.Node][]float64{target: {1, 0, 0, 0.2, 0.3, 0.5}}}
	for range x.Shape().TotalSize() {
		w.feeds[x] = append(w.feeds[x], rng.NormFloat64())
	}
	for i, values := range n.Init(3) {
		v := graph.Input(g, fmt.Sprint("v", i), n.Params[i].Shape...)
		w.vector = append(w.vector, v)
		for _, value := range values {
			w.feeds[w.params[i]] = append(w.feeds[w.params[i]], float64(value))
			w.feeds[v] = append(w.feeds[v], rng.NormFloat64())
		}
	}
	w.loss = graph.CrossEntropy(n.Logits(g, x, w.params), target)
	if w.grads, err = graph.Grad(w.loss, w.params...); err != nil {
		t.Fatal(err)
	}
	var dot *graph.Node
	for i, d := range w.grads {
		term := graph.Reshape(graph.Sum(graph.Mul(d, w.vector[i])), 1)
		if dot == nil {
			dot = term
			continue
		}
		dot = graph.Add(dot, term)
	}
	if w.product, err = graph.Grad(dot, w.params...); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *whole) evaluate(t *testing.T, outputs ...*graph.Node) [][]float64 {
	t.Helper()
	out, err := graph.Reference(w.feeds, outputs...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// move adds h times the vector to the parameters.
func (w *whole) move(h float64) {
	for i, p := range w.params {
		for j := range w.feeds[p] {
			w.feeds[p][j] += h * w.feeds[w.vector[i]][j]
		}
	}
}

func TestWholeNetworksHaveRightFirstAndSecondDerivatives(t *testing.T) {
	for name, shape := range map[string]data.Shape{"lenet": {C: 1, H: 12, W: 12}, "mlp": {C: 1, H: 1, W: 5},
		"convnet3:3": {C: 2, H: 8, W: 9}, narrowResnet: {C: 1, H: 8, W: 8}} {
		t.Run(name, func(t *testing.T) {
			w := newWhole(t, name, shape)
			grads, product := w.evaluate(t, w.grads...), w.evaluate(t, w.product...)
			const h = 1e-6
			w.move(h)
			lossUp, up := w.evaluate(t, w.loss)[0][0], w.evaluate(t, w.grads...)
			w.move(-2 * h)
			lossDown, down := w.evaluate(t, w.loss)[0][0], w.evaluate(t, w.grads...)
			w.move(h)
			slope := 0.0
			for i, g := range grads {
				for j, v := range g {
					slope += v * w.feeds[w.vector[i]][j]
					if want := (up[i][j] - down[i][j]) / (2 * h); !(math.Abs(product[i][j]-want) <= 1e-6*(1+math.Abs(want))) {
						t.Fatalf("H v of parameter %d, value %d: %v, want %v", i, j, product[i][j], want)
					}
				}
			}
			if want := (lossUp - lossDown) / (2 * h); !(math.Abs(slope-want) <= 1e-6*(1+math.Abs(want))) {
				t.Errorf("slope along the vector %v, want %v", slope, want)
			}
		})
	}
}

func TestCompiledSecondDerivativesMatchTheReference(t *testing.T) {
	for name, shape := range map[string]data.Shape{"lenet": {C: 1, H: 12, W: 12}, "convnet3:4": {C: 1, H: 8, W: 8},
		narrowResnet: {C: 1, H: 8, W: 8}} {
		t.Run(name, func(t *testing.T) { checkCompiled(t, newWhole(t, name, shape)) })
	}
}

func checkCompiled(t *testing.T, w *whole) {
	t.Helper()
	spec := graph.Spec{Outputs: append(append([]*graph.Node{w.loss}, w.grads...), w.product...)}
	var values [][]float32
	for n, feed := range w.feeds {
		spec.Inputs, values = append(spec.Inputs, n), append(values, make([]float32, len(feed)))
		for j, v := range feed {
			values[len(values)-1][j] = float32(v)
		}
	}
	p, got := ran(t, 2, spec, values)
	for i, want := range w.evaluate(t, spec.Outputs...) {
		scale := 0.0
		for _, v := range want {
			scale = max(scale, math.Abs(v))
		}
		for j, v := range want {
			if d := math.Abs(float64(got[i][j]) - v); !(d <= 1e-4*(scale+1e-2)) {
				t.Fatalf("output %d, value %d: %v, want %v", i, j, got[i][j], v)
			}
		}
	}
	if n := testing.AllocsPerRun(3, func() { p.Run() }); n != 0 {
		t.Errorf("%v allocations per run", n)
	}
}

// ran is a program after a run on values of its inputs, and its outputs.
func ran(t *testing.T, workers int, s graph.Spec, values [][]float32) (graph.Program, [][]float32) {
	t.Helper()
	e := cpu.New(workers)
	t.Cleanup(e.Close)
	p, err := e.Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range values {
		if err := p.Set(i, v); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Run(); err != nil {
		t.Fatal(err)
	}
	out := make([][]float32, len(s.Outputs))
	for i, n := range s.Outputs {
		out[i] = make([]float32, n.Shape().TotalSize())
		if err := p.Get(i, out[i]); err != nil {
			t.Fatal(err)
		}
	}
	return p, out
}
