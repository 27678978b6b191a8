package cpu

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/kernel"
)

func compiled(t *testing.T, inputs, outputs []*graph.Node) *program {
	t.Helper()
	pool := kernel.NewPool(1)
	t.Cleanup(pool.Close)
	p, err := compile(pool, graph.Spec{Inputs: inputs, Outputs: outputs})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// output is what the last run computed.
func (p *program) output(i int) []float32 { return p.values[p.outputs[i]].data }

// count is the number of a program's steps of one operation.
func (p *program) count(name string) (n int) {
	for _, line := range strings.Split(p.String(), "\n") {
		if strings.Contains(line, "= "+name+" ") {
			n++
		}
	}
	return n
}

func TestEqualExpressionsRunOnceAndUnusedOnesNever(t *testing.T) {
	g := graph.New()
	x, y := graph.Input(g, "x", 3, 3), graph.Input(g, "y", 3, 3)
	graph.Exp(y) // unused
	sum := graph.Add(graph.Exp(x), graph.Exp(graph.Reshape(graph.Reshape(x, 9), 3, 3)))
	p := compiled(t, []*graph.Node{x, y}, []*graph.Node{graph.Add(sum, graph.MatMul(x, y)),
		graph.Add(sum, graph.MatMul(x, y))})
	if p.count("exp") != 2 || p.count("product") != 1 { // a reshape is an expression of its own
		t.Errorf("program is\n%s", p)
	}
}

func TestMemoryIsSharedByLivesThatDoNotOverlap(t *testing.T) {
	g := graph.New()
	x := graph.Input(g, "x", 1000)
	y := x
	for range 50 {
		y = graph.Offset(graph.Transpose(graph.Reshape(y, 10, 100)), 1)
		y = graph.Reshape(y, 1000)
	}
	p := compiled(t, []*graph.Node{x}, []*graph.Node{y})
	if limit := 5 * 4 * 1024; p.Bytes() > limit {
		t.Errorf("%d bytes for a chain of 100 steps on 4,000, want at most %d", p.Bytes(), limit)
	}
	p.Run()
	if p.output(0)[999] != 50 {
		t.Errorf("the chain gives %v, want 50", p.output(0)[999])
	}
}

func TestOverwritingNeverTouchesInputsOrOutputs(t *testing.T) {
	g := graph.New()
	x := graph.Input(g, "x", 4)
	a := graph.Relu(x)
	b := graph.Scale(a, 2)
	p := compiled(t, []*graph.Node{x}, []*graph.Node{a, b, graph.Exp(graph.Reshape(b, 2, 2)), x})
	if err := p.Set(0, []float32{-1, 0, 1, 2}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		p.Run()
		got := fmt.Sprint(p.values[p.inputs[0]].data, p.output(0), p.output(1), p.output(3))
		if want := "[-1 0 1 2] [0 0 1 2] [0 0 2 4] [-1 0 1 2]"; got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		if d := math.Abs(float64(p.output(2)[3]) - math.Exp(4)); d > 1e-4 {
			t.Fatalf("exp is off by %v", d)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	pool := kernel.NewPool(1)
	defer pool.Close()
	b.ReportAllocs()
	for b.Loop() {
		g := graph.New()
		x := graph.Input(g, "x", 8, 8)
		y := x
		for range 500 {
			y = graph.Relu(graph.MatMul(y, x))
		}
		d, err := graph.Grad(graph.Sum(y), x)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := compile(pool, graph.Spec{Inputs: []*graph.Node{x}, Outputs: d}); err != nil {
			b.Fatal(err)
		}
	}
}
