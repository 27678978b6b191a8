package enginetest

import (
	"fmt"
	"math"
	"math/rand/v2"

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

// Random is the requirement that random programs compute what their operations compute one by one, whatever an
// engine shares, fuses, overwrites and packs into one memory. There are two programs for each seed.
func Random(seeds uint64) []Test {
	var out []Test
	for seed := range seeds {
		for _, shape := range []tensor.Shape{{5, 7}, {2, 3, 4, 3}} {
			out = append(out, Test{fmt.Sprintf("random program %d on %v", seed, shape), func(e graph.Engine) error {
				feeds, outputs, err := grown(seed, shape)
				if err != nil {
					return err
				}
				return compareRandom(e, feeds, outputs)
			}})
		}
	}
	return out
}

// grown is a random program: its inputs' values and its outputs, two expressions and a derivative.
func grown(seed uint64, shape tensor.Shape) (map[*graph.Node][]float64, []*graph.Node, error) {
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
	return feeds, append(outputs, grads...), err
}

func compareRandom(e graph.Engine, feeds map[*graph.Node][]float64, outputs []*graph.Node) error {
	want, err := graph.Reference(feeds, outputs...)
	if err != nil {
		return err
	}
	s := graph.Spec{Outputs: outputs}
	for n := range feeds {
		s.Inputs = append(s.Inputs, n)
	}
	p, err := e.Compile(s)
	if err != nil {
		return err
	}
	defer p.Close()
	for i, n := range s.Inputs {
		if err := p.Set(i, narrow(feeds[n])); err != nil {
			return err
		}
	}
	for range 2 { // nothing may linger from the first run
		if err := p.Run(); err != nil {
			return err
		}
	}
	for i := range outputs {
		got := make([]float32, len(want[i]))
		if err := p.Get(i, got); err != nil {
			return err
		}
		for j, w := range want[i] {
			if d := math.Abs(float64(got[j]) - w); !(d <= 1e-3*(1+math.Abs(w))) {
				return fmt.Errorf("output %d, value %d is %v, want %v\n%s", i, j, got[j], w, p)
			}
		}
	}
	return nil
}
