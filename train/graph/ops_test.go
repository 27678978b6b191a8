package graph

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/kernel"
)

// opCase is one operation on inputs of the given shapes.
type opCase struct {
	name     string
	shapes   []tensor.Shape
	positive bool // inputs are kept above zero
	build    func(in []*Node) *Node
}

func opCases() []opCase {
	binary := func(f func(a, b *Node) *Node) func([]*Node) *Node {
		return func(in []*Node) *Node { return f(in[0], in[1]) }
	}
	unary := func(f func(x *Node) *Node) func([]*Node) *Node {
		return func(in []*Node) *Node { return f(in[0]) }
	}
	s := func(d ...int) tensor.Shape { return d }
	cases := []opCase{
		{"add", []tensor.Shape{s(3, 4), s(3, 4)}, false, binary(Add)},
		{"add a bias a channel", []tensor.Shape{s(2, 3, 2, 2), s(1, 3, 1, 1)}, false, binary(Add)},
		{"add a row to a column", []tensor.Shape{s(3, 1), s(1, 4)}, false, binary(Add)},
		{"sub", []tensor.Shape{s(3, 4), s(3, 1)}, false, binary(Sub)},
		{"sub from a row", []tensor.Shape{s(1, 4), s(3, 4)}, false, binary(Sub)},
		{"mul", []tensor.Shape{s(2, 3, 4), s(2, 1, 4)}, false, binary(Mul)},
		{"mul by itself", []tensor.Shape{s(5)}, false, func(in []*Node) *Node { return Mul(in[0], in[0]) }},
		{"div", []tensor.Shape{s(3, 4), s(1, 4)}, true, binary(Div)},
		{"div a column", []tensor.Shape{s(3, 1), s(3, 4)}, true, binary(Div)},
		{"scale", []tensor.Shape{s(7)}, false, unary(func(x *Node) *Node { return Scale(x, -1.5) })},
		{"offset", []tensor.Shape{s(7)}, false, unary(func(x *Node) *Node { return Offset(x, 0.3) })},
		{"fill", []tensor.Shape{s(7)}, false, unary(func(x *Node) *Node { return Mul(Fill(2, x), x) })},
		{"exp", []tensor.Shape{s(7)}, false, unary(Exp)},
		{"log", []tensor.Shape{s(7)}, true, unary(Log)},
		{"sqrt", []tensor.Shape{s(7)}, true, unary(Sqrt)},
		{"relu", []tensor.Shape{s(3, 7)}, false, unary(Relu)},
		{"step", []tensor.Shape{s(7)}, false, unary(func(x *Node) *Node { return Mul(Step(x), x) })},
		{"gate", []tensor.Shape{s(9), s(9)}, false, binary(Gate)},
		{"sum of rows", []tensor.Shape{s(3, 4)}, false, unary(func(x *Node) *Node { return SumTo(x, s(3, 1)) })},
		{"sum of columns", []tensor.Shape{s(3, 4)}, false, unary(func(x *Node) *Node { return SumTo(x, s(1, 4)) })},
		{"sum a channel", []tensor.Shape{s(3, 2, 4, 5)}, false, unary(func(x *Node) *Node { return SumTo(x, s(1, 2, 1, 1)) })},
		{"sum inside and outside", []tensor.Shape{s(2, 3, 2, 5)}, false, unary(func(x *Node) *Node { return SumTo(x, s(2, 1, 2, 1)) })},
		{"sum of all", []tensor.Shape{s(3, 40)}, false, unary(Sum)},
		{"mean of all", []tensor.Shape{s(3, 4)}, false, unary(Mean)},
		{"broadcast", []tensor.Shape{s(1, 3, 1)}, false, unary(func(x *Node) *Node { return Broadcast(x, s(2, 3, 4)) })},
		{"broadcast into a product", []tensor.Shape{s(3, 1), s(3, 4)}, false,
			binary(func(a, b *Node) *Node { return Mul(Broadcast(a, b.Shape()), b) })},
		{"reshape", []tensor.Shape{s(3, 4)}, false, unary(func(x *Node) *Node { return Reshape(x, 2, 6) })},
		{"transpose", []tensor.Shape{s(3, 4)}, false, unary(Transpose)},
		{"log-softmax", []tensor.Shape{s(3, 5)}, false, unary(LogSoftmax)},
		{"softmax", []tensor.Shape{s(3, 5)}, false, unary(Softmax)},
		{"cross-entropy", []tensor.Shape{s(3, 5), s(3, 5)}, false, binary(CrossEntropy)},
		{"max-pool", []tensor.Shape{s(2, 2, 5, 4)}, false, unary(func(x *Node) *Node { return MaxPool(x, 2, 2) })},
		{"overlapping max-pool", []tensor.Shape{s(1, 2, 7, 5)}, false, unary(func(x *Node) *Node { return MaxPool(x, 3, 2) })},
	}
	for _, t := range [][2]bool{{false, false}, {true, false}, {false, true}, {true, true}} {
		a, b := s(3, 5), s(5, 4)
		if t[0] {
			a = s(5, 3)
		}
		if t[1] {
			b = s(4, 5)
		}
		cases = append(cases, opCase{fmt.Sprint("product", t), []tensor.Shape{a, b}, false,
			binary(func(a, b *Node) *Node { return Product(t[0], t[1], a, b) })})
	}
	for _, c := range []struct{ images, weights, geometry []int }{
		{[]int{2, 3, 6, 5}, []int{4, 3, 3, 3}, []int{1, 1}},
		{[]int{3, 1, 6, 6}, []int{2, 1, 5, 5}, []int{1, 2}},
		{[]int{2, 2, 5, 6}, []int{3, 2, 3, 2}, []int{1, 0}},
		{[]int{1, 2, 7, 8}, []int{3, 2, 3, 3}, []int{2, 1}},
		{[]int{2, 2, 4, 4}, []int{2, 2, 1, 1}, []int{2, 0}},
		{[]int{1, 1, 3, 3}, []int{2, 1, 2, 2}, []int{1, 3}},
	} {
		cases = append(cases, opCase{fmt.Sprint("conv ", c), []tensor.Shape{c.images, c.weights}, false,
			binary(func(x, w *Node) *Node { return Conv2D(x, w, c.geometry[0], c.geometry[1]) })})
	}
	return cases
}

// expression is an operation with its inputs and values for them.
type expression struct {
	graph *Graph
	in    []*Node
	out   *Node
	feeds map[*Node][]float64
}

func (c opCase) make(seed uint64) expression {
	rng := rand.New(rand.NewPCG(seed, 7))
	e := expression{graph: New(), feeds: make(map[*Node][]float64)}
	for i, s := range c.shapes {
		n := Input(e.graph, fmt.Sprint("x", i), s...)
		e.in = append(e.in, n)
		e.feeds[n] = e.values(rng, s, c.positive)
	}
	e.out = c.build(e.in)
	return e
}

// values are at least 0.05 from zero and from each other, so that no kink lies
// within a finite difference.
func (e expression) values(rng *rand.Rand, s tensor.Shape, positive bool) []float64 {
	out := make([]float64, s.TotalSize())
	for i, place := range rng.Perm(len(out)) {
		out[i] = (float64(place) + 0.5 + 0.4*rng.Float64()) * 3 / float64(len(out))
		if positive {
			out[i] += 0.3
		} else if rng.IntN(2) == 0 {
			out[i] = -out[i]
		}
	}
	return out
}

func (e expression) evaluate(t *testing.T, outputs ...*Node) [][]float64 {
	t.Helper()
	out, err := Reference(e.feeds, outputs...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// run computes outputs with the compiled program.
func (e expression) run(t *testing.T, workers int, outputs ...*Node) [][]float32 {
	t.Helper()
	pool := kernel.NewPool(workers)
	defer pool.Close()
	var inputs []*Node
	for n := range e.feeds {
		inputs = append(inputs, n)
	}
	p, err := Compile(pool, inputs, outputs)
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range inputs {
		for j, v := range e.feeds[n] {
			p.Input(i)[j] = float32(v)
		}
	}
	p.Run()
	p.Run() // nothing may linger from the first run
	out := make([][]float32, len(outputs))
	for i := range outputs {
		out[i] = p.Output(i)
	}
	return out
}

func TestEveryKernelMatchesItsFloat64Reference(t *testing.T) {
	for _, c := range opCases() {
		t.Run(c.name, func(t *testing.T) {
			e := c.make(1)
			first := e.gradients(t, e.out)
			second := e.gradients(t, first[0])
			outputs := append(append([]*Node{e.out}, first...), second...)
			want, got := e.evaluate(t, outputs...), e.run(t, 2, outputs...)
			for i := range want {
				for j, w := range want[i] {
					if d := math.Abs(float64(got[i][j]) - w); !(d <= 2e-4*(1+math.Abs(w))) {
						t.Fatalf("output %d, value %d: %v, want %v", i, j, got[i][j], w)
					}
				}
			}
		})
	}
}

// gradients of a weighted sum of y, so that no direction is special.
func (e expression) gradients(t *testing.T, y *Node) []*Node {
	t.Helper()
	weights := Input(e.graph, fmt.Sprintf("weights%d", len(e.graph.AllNodes())), y.Shape()...)
	rng := rand.New(rand.NewPCG(5, uint64(len(e.feeds))))
	v := make([]float64, y.Shape().TotalSize())
	for i := range v {
		v[i] = rng.Float64() + 0.5
	}
	e.feeds[weights] = v
	grads, err := Grad(Sum(Mul(weights, y)), e.in...)
	if err != nil {
		t.Fatal(err)
	}
	return grads
}

func TestEveryDerivativeMatchesFiniteDifferences(t *testing.T) {
	for _, c := range opCases() {
		t.Run(c.name, func(t *testing.T) {
			e := c.make(2)
			e.checkGradient(t, e.out, "first")
			for i, g := range e.gradients(t, e.out) {
				e.checkGradient(t, g, fmt.Sprint("second, input ", i))
			}
		})
	}
}

// checkGradient compares the gradient of a weighted sum of y with central
// differences.
func (e expression) checkGradient(t *testing.T, y *Node, order string) {
	t.Helper()
	weights := Input(e.graph, fmt.Sprintf("differences%d", len(e.graph.AllNodes())), y.Shape()...)
	rng := rand.New(rand.NewPCG(9, 9))
	v := make([]float64, y.Shape().TotalSize())
	for i := range v {
		v[i] = rng.Float64() + 0.5
	}
	e.feeds[weights] = v
	sum := Sum(Mul(weights, y))
	grads, err := Grad(sum, e.in...)
	if err != nil {
		t.Fatal(err)
	}
	values := e.evaluate(t, grads...)
	const h = 1e-5
	for i, n := range e.in {
		for j := range e.feeds[n] {
			kept := e.feeds[n][j]
			e.feeds[n][j] = kept + h
			up := e.evaluate(t, sum)[0][0]
			e.feeds[n][j] = kept - h
			down := e.evaluate(t, sum)[0][0]
			e.feeds[n][j] = kept
			want := (up - down) / (2 * h)
			if d := math.Abs(values[i][j] - want); !(d <= 1e-6*(1+math.Abs(want)+math.Abs(up))) {
				t.Fatalf("%s order, input %d, value %d: %v, want %v", order, i, j, values[i][j], want)
			}
		}
	}
}
