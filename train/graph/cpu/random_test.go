package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/graph"
)

// grower makes random expressions of arrays whose shapes fit each other: matrices
// of rows x cols and what stretches to them, or maps.
type grower struct {
	rng   *rand.Rand
	full  tensor.Shape
	nodes []*graph.Node // of the full shape
	few   []*graph.Node // that stretch to it
}

// stretchable are shapes that stretch to s.
func stretchable(s tensor.Shape) (out []tensor.Shape) {
	for mask := range 1 << len(s) {
		small := s.Clone()
		for d := range s {
			if mask>>d&1 == 1 {
				small[d] = 1
			}
		}
		out = append(out, small)
	}
	return out
}

func (g *grower) any() *graph.Node { return g.nodes[g.rng.IntN(len(g.nodes))] }

// operand is of the full shape, or stretches to it.
func (g *grower) operand() *graph.Node {
	if len(g.few) > 0 && g.rng.IntN(2) == 0 {
		return g.few[g.rng.IntN(len(g.few))]
	}
	return g.any()
}

// grow adds one expression. All keep values within a range where single precision
// is close to double.
func (g *grower) grow() {
	x, y := g.any(), g.operand()
	shapes := stretchable(g.full)
	small := shapes[g.rng.IntN(len(shapes))]
	calm := func(n *graph.Node) *graph.Node { return graph.Scale(n, 0.25) }
	switch g.rng.IntN(10) {
	case 0:
		x = graph.Add(x, y)
	case 1:
		x = graph.Sub(calm(y), x)
		x = graph.Broadcast(x, g.full)
	case 2:
		x = graph.Mul(x, y)
		x = calm(x)
	case 3:
		x = graph.Relu(graph.Offset(x, 0.1))
	case 4:
		x = graph.Exp(graph.Scale(x, 0.1))
	case 5:
		x = graph.Add(graph.Mul(x, y), g.operand())
		x = calm(x)
	case 6:
		sum := graph.Scale(graph.SumTo(graph.Mul(x, x), small), float64(small.TotalSize())/float64(g.full.TotalSize()))
		g.few = append(g.few, sum)
		return
	case 7:
		x = graph.Gate(x, g.any())
	case 8:
		g.few = append(g.few, graph.Rsqrt(graph.Offset(graph.SumTo(graph.Mul(x, x), small), 1)))
		return
	default:
		flat := graph.Reshape(x, 1, g.full.TotalSize())
		x = graph.Reshape(graph.Scale(flat, -0.5), g.full...)
	}
	g.nodes = append(g.nodes, x)
}

// Whatever is shared, fused, contracted, overwritten and packed into one memory
// must compute what the operations compute one by one.
func TestRandomProgramsComputeTheirReferences(t *testing.T) {
	e := New(2)
	defer e.Close()
	for seed := range uint64(150) {
		for _, shape := range []tensor.Shape{{5, 7}, {2, 3, 4, 3}} {
			rng := rand.New(rand.NewPCG(seed, 11))
			g := &grower{rng: rng, full: shape}
			b := graph.New()
			feeds := map[*graph.Node][]float64{}
			input := func(name string, s tensor.Shape) *graph.Node {
				n := graph.Input(b, name, s...)
				for range s.TotalSize() {
					feeds[n] = append(feeds[n], float64(float32(rng.NormFloat64())))
				}
				return n
			}
			x := input("x", shape)
			g.nodes = []*graph.Node{x, input("y", shape)}
			for i, s := range stretchable(shape) {
				if rng.IntN(2) == 0 && i > 0 {
					g.few = append(g.few, input(fmt.Sprint("few ", i), s))
				}
			}
			for range 4 + rng.IntN(20) {
				g.grow()
			}
			outputs := []*graph.Node{g.nodes[len(g.nodes)-1], g.any()}
			grads, err := graph.Grad(graph.Mean(outputs[0]), x)
			if err != nil {
				t.Fatal(err)
			}
			compareRandom(t, e, fmt.Sprintf("seed %d, %v", seed, shape), feeds, append(outputs, grads...))
		}
	}
}

func compareRandom(t *testing.T, e *Engine, name string, feeds map[*graph.Node][]float64, outputs []*graph.Node) {
	t.Helper()
	want, err := graph.Reference(feeds, outputs...)
	if err != nil {
		t.Fatal(err)
	}
	s := graph.Spec{Outputs: outputs}
	for n := range feeds {
		s.Inputs = append(s.Inputs, n)
	}
	p, err := e.Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range s.Inputs {
		values := make([]float32, len(feeds[n]))
		for j, v := range feeds[n] {
			values[j] = float32(v)
		}
		if err := p.Set(i, values); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // nothing may linger from the first run
		if err := p.Run(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range outputs {
		got := make([]float32, len(want[i]))
		if err := p.Get(i, got); err != nil {
			t.Fatal(err)
		}
		for j, w := range want[i] {
			if d := math.Abs(float64(got[j]) - w); !(d <= 1e-3*(1+math.Abs(w))) {
				t.Fatalf("%s: output %d, value %d is %v, want %v\n%s", name, i, j, got[j], w, p)
			}
		}
	}
}
