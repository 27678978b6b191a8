package gpu

import (
	"fmt"
	"math"
	"testing"

	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/gpu/kernels"
	"github.com/distillmesh/distillmesh/train/gpu/ptxtest"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/graph/enginetest"
)

func TestRandomProgramsComputeTheirReferences(t *testing.T) {
	h := open(t, ptxtest.New())
	e := engineOf(t, h)
	for _, test := range enginetest.Random(60) {
		if err := test.Run(e); err != nil {
			t.Fatalf("%s: %v", test.Name, err)
		}
	}
}

// fixedTile makes every product use one tile, in a number of parts.
func fixedTile(t *testing.T, tile kernels.Tile, parts int) {
	t.Helper()
	old := chooseTile
	t.Cleanup(func() { chooseTile = old })
	chooseTile = func(_, _, _ int) (kernels.Tile, int) { return tile, parts }
}

// TestEveryTileComputesEveryProduct goes through the committed PTX of all products, with sides that are no multiples
// of a
// tile's.
func TestEveryTileComputesEveryProduct(t *testing.T) {
	h := open(t, ptxtest.New())
	e := engineOf(t, h)
	for _, tile := range kernels.Tiles {
		for _, parts := range []int{1, 2} {
			t.Run(fmt.Sprintf("%dx%d in %d parts", tile.Rows, tile.Cols, parts), func(t *testing.T) {
				fixedTile(t, tile, parts)
				for name, output := range productsOf(tile) {
					if err := near(e, output); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				}
			})
		}
	}
}

// productsOf are the seven kinds of product, a little larger than one tile.
func productsOf(tile kernels.Tile) map[string]*graph.Node {
	m, n, l := tile.Rows+1, tile.Cols+3, 2*tile.Depth+1
	out := make(map[string]*graph.Node)
	for _, trans := range [][2]bool{{false, false}, {false, true}, {true, false}, {true, true}} {
		g := graph.New()
		a, b := graph.Input(g, "a", m, l), graph.Input(g, "b", l, n)
		if trans[0] {
			a = graph.Input(g, "a transposed", l, m)
		}
		if trans[1] {
			b = graph.Input(g, "b transposed", n, l)
		}
		out[fmt.Sprint("product ", trans)] = graph.Product(trans[0], trans[1], a, b)
	}
	for _, c := range []struct{ images, weights []int }{{[]int{2, 3, 7, 9}, []int{5, 3, 3, 3}}, {[]int{1, 4, 8, 8},
		[]int{6, 4, 3, 2}}} {
		g := graph.New()
		x, w := graph.Input(g, "x", c.images...), graph.Input(g, "w", c.weights...)
		y := graph.Conv2D(x, w, 2, 1)
		out[fmt.Sprint("maps ", c)] = y
		grads, err := graph.Grad(graph.Sum(graph.Mul(y, y)), x, w)
		if err != nil {
			panic(err)
		}
		out[fmt.Sprint("images ", c)], out[fmt.Sprint("weights ", c)] = grads[0], grads[1]
	}
	return out
}

// near computes an expression and its reference of inputs that follow a pattern.
func near(e graph.Engine, output *graph.Node) error {
	feeds, s := make(map[*graph.Node][]float64), graph.Spec{Outputs: []*graph.Node{output}}
	graph.Walk(output, make(map[*graph.Node]bool), func(n *graph.Node) {
		if op, _ := graph.OperationOf(n); op == nil {
			s.Inputs = append(s.Inputs, n)
		}
	})
	p, err := e.Compile(s)
	if err != nil {
		return err
	}
	defer p.Close()
	for i, n := range s.Inputs {
		values := make([]float32, tensor.Shape(n.Shape()).TotalSize())
		for j := range values {
			values[j] = float32((j*7+i*3)%13)/13 - 0.4
			feeds[n] = append(feeds[n], float64(values[j]))
		}
		if err := p.Set(i, values); err != nil {
			return err
		}
	}
	if err := p.Run(); err != nil {
		return err
	}
	want, err := graph.Reference(feeds, output)
	if err != nil {
		return err
	}
	got := make([]float32, len(want[0]))
	if err := p.Get(0, got); err != nil {
		return err
	}
	for j, w := range want[0] {
		if math.Abs(float64(got[j])-w) > 1e-4*(1+math.Abs(w)) {
			return fmt.Errorf("value %d: %v, want %v", j, got[j], w)
		}
	}
	return nil
}

func TestADivisorDividesEveryNumber(t *testing.T) {
	for _, d := range []int{1, 2, 3, 5, 7, 9, 10, 25, 28, 127, 128, 784, 1023, 65535, 1<<31 - 1} {
		b := divisor(d)
		m, s := uint64(le32(b)), uint64(le32(b[4:]))
		for _, n := range []uint64{0, 1, 2, uint64(d) - 1, uint64(d), uint64(d) + 1, 12345, 99999, 1<<24 + 3, 1<<31 - 1} {
			if n >= 1<<31 {
				continue
			}
			if got := (n*m>>32 + n) >> s; got != n/uint64(d) {
				t.Errorf("%d / %d gives %d", n, d, got)
			}
		}
	}
}

func le32(b []byte) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

func TestLargeProductsHaveLargeTilesAndDeepOnesParts(t *testing.T) {
	for _, c := range []struct {
		name       string
		m, n, l    int
		rows, cols int
		parts      bool
	}{
		{"convolution of 128 filters on 256 images", 128, 65536, 1152, 128, 128, false},
		{"six filters on many places", 6, 39200, 25, 16, 128, false},
		{"gradient of 128 filters", 128, 1152, 51200, 128, 128, true},
		{"the last layer of LeNet", 50, 10, 84, 32, 32, false},
	} {
		tile, parts := tileFor(c.m, c.n, c.l)
		if tile.Rows != c.rows || tile.Cols != c.cols || (parts > 1) != c.parts {
			t.Errorf("%s: %d x %d in %d parts", c.name, tile.Rows, tile.Cols, parts)
		}
	}
}
