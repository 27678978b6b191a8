package gpu

import (
	"slices"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/gpu/ptxtest"
	"github.com/distillmesh/distillmesh/train/graph"
)

func planned(t *testing.T, s graph.Spec) *plan {
	t.Helper()
	p, err := newPlan(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// kinds are the names of the calls, fused ones as map or sum with their numbers of arrays that are read.
func (p *plan) kinds() (out []string) {
	for _, c := range p.calls {
		switch {
		case c.fused == nil:
			name, _, _ := strings.Cut(c.name, "_")
			out = append(out, name)
		case c.fused.Summed != nil:
			out = append(out, "sum")
		default:
			out = append(out, "map")
		}
	}
	return out
}

func TestAChainIsOneKernel(t *testing.T) {
	g := graph.New()
	x, bias := graph.Input(g, "x", 2, 3, 4, 4), graph.Input(g, "bias", 1, 3, 1, 1)
	y := graph.Relu(graph.Add(graph.Scale(x, 2), graph.Broadcast(bias, x.Shape())))
	p := planned(t, graph.Spec{Inputs: []*graph.Node{x, bias}, Outputs: []*graph.Node{graph.Exp(y)}})
	if got := p.kinds(); !slices.Equal(got, []string{"map"}) || p.calls[0].reads != 2 {
		t.Errorf("calls %v", got)
	}
}

func TestAnInstanceNormIsTwoSumsAndAMap(t *testing.T) {
	g := graph.New()
	x, gain, bias := graph.Input(g, "x", 2, 3, 8, 8), graph.Input(g, "gain", 3), graph.Input(g, "bias", 3)
	p := planned(t, graph.Spec{Inputs: []*graph.Node{x, gain, bias}, Outputs: []*graph.Node{graph.InstanceNorm(x, gain,
		bias)}})
	if got := p.kinds(); !slices.Equal(got, []string{"sum", "sum", "map"}) {
		t.Errorf("calls %v", got)
	}
}

func TestSumsOfTheSameArraysAreOneKernel(t *testing.T) {
	g := graph.New()
	x, y := graph.Input(g, "x", 30, 40), graph.Input(g, "y", 30, 40)
	row := tensor.Shape{30, 1}
	p := planned(t, graph.Spec{Inputs: []*graph.Node{x, y},
		Outputs: []*graph.Node{graph.SumTo(x, row), graph.SumTo(graph.Mul(x, y), row)}})
	if got := p.kinds(); !slices.Equal(got, []string{"sum"}) || len(p.calls[0].fused.Sums) != 2 {
		t.Errorf("calls %v", got)
	}
	// One that needs the other's result stays apart.
	first := graph.SumTo(x, row)
	p = planned(t, graph.Spec{Inputs: []*graph.Node{x, y},
		Outputs: []*graph.Node{first, graph.SumTo(graph.Mul(x, graph.Broadcast(first, x.Shape())), row)}})
	if got := p.kinds(); !slices.Equal(got, []string{"sum", "sum"}) {
		t.Errorf("calls %v", got)
	}
}

func TestValuesThatManyNeedAreKept(t *testing.T) {
	g := graph.New()
	in := make([]*graph.Node, 4)
	for i, name := range []string{"a", "b", "c", "d"} {
		in[i] = graph.Input(g, name, 64, 64)
	}
	dear := graph.Mul(graph.Mul(in[0], in[1]), graph.Mul(in[2], in[3])) // of four arrays
	var outputs []*graph.Node
	for i := range 4 {
		outputs = append(outputs, graph.SumTo(graph.Offset(dear, float64(i)), tensor.Shape{64, 1}),
			graph.SumTo(graph.Offset(dear, float64(i)), tensor.Shape{1, 64}))
	}
	p := planned(t, graph.Spec{Inputs: in, Outputs: outputs})
	if got := p.kinds(); got[0] != "map" {
		t.Errorf("a product of four arrays is computed eight times: %v", got)
	}
	cheap := graph.Scale(in[0], 3) // of one
	p = planned(t, graph.Spec{Inputs: in, Outputs: []*graph.Node{graph.SumTo(cheap, tensor.Shape{64, 1}),
		graph.SumTo(cheap, tensor.Shape{1, 64}), graph.MatMul(in[1], in[2])}})
	if got := p.kinds(); slices.Contains(got, "map") {
		t.Errorf("a multiple of one array has memory: %v", got)
	}
}

func TestLongChainsAreCutWhereKernelsWouldGrowTooLarge(t *testing.T) {
	g := graph.New()
	var in []*graph.Node
	x := graph.Input(g, "x", 40, 40)
	in = append(in, x)
	for i := range 30 {
		y := graph.Input(g, "y"+string(rune('a'+i)), 40, 40)
		in = append(in, y)
		x = graph.Add(graph.Mul(x, y), y)
	}
	p := planned(t, graph.Spec{Inputs: in, Outputs: []*graph.Node{x}})
	for _, c := range p.calls {
		if len(c.args) > mostArrays || len(c.fused.Code) > 2*mostCode {
			t.Errorf("a kernel of %d arrays and %d instructions", len(c.args), len(c.fused.Code))
		}
	}
	if len(p.calls) < 3 {
		t.Errorf("30 arrays in %d kernels", len(p.calls))
	}
}

func TestSmallKernelsOfOneShapeAreOne(t *testing.T) {
	g := graph.New()
	var in, outputs []*graph.Node
	for i := range 3 {
		x := graph.Input(g, "x"+string(rune('a'+i)), 10)
		in, outputs = append(in, x), append(outputs, graph.Exp(x))
	}
	p := planned(t, graph.Spec{Inputs: in, Outputs: outputs})
	if got := p.kinds(); !slices.Equal(got, []string{"map"}) || len(p.calls[0].fused.Stores) != 3 {
		t.Errorf("calls %v", got)
	}
}

func TestMemoryIsSharedByLivesThatDoNotOverlap(t *testing.T) {
	g := graph.New()
	x := graph.Input(g, "x", 1000)
	y := x
	for range 50 {
		y = graph.Reshape(graph.Offset(graph.Transpose(graph.Reshape(y, 10, 100)), 1), 1000)
	}
	e := engineOf(t, open(t, ptxtest.New()))
	p, err := e.Compile(graph.Spec{Inputs: []*graph.Node{x}, Outputs: []*graph.Node{y}})
	if err != nil {
		t.Fatal(err)
	}
	if limit := 5 * 4 * 1024; p.Bytes() > limit {
		t.Errorf("%d bytes for a chain of 100 steps on 4,000, want at most %d", p.Bytes(), limit)
	}
	if lines := strings.Count(p.String(), "\n"); lines != 100 {
		t.Errorf("%d launches are listed, want 100:\n%s", lines, p)
	}
}

func TestMemoryOfClosedProgramsAndVariablesIsFree(t *testing.T) {
	d := ptxtest.New()
	h := open(t, d)
	e := engineOf(t, h)
	before := ptxtest.Buffers(d)
	for range 3 {
		if _, err := descend(e, 1, 3); err != nil {
			t.Fatal(err)
		}
	}
	e.Close()
	if got := ptxtest.Buffers(d); got != before {
		t.Errorf("%d buffers are left, %d were there", got, before)
	}
	if _, err := descend(engineOf(t, h), 1, 3); err != nil {
		t.Errorf("the next engine: %v", err)
	}
}

func TestArraysBeyondTheIndexAreRefused(t *testing.T) {
	g := graph.New()
	x, y := graph.Input(g, "x", 1<<16, 1), graph.Input(g, "y", 1, 1<<16)
	if _, err := newPlan(graph.Spec{Inputs: []*graph.Node{x, y}, Outputs: []*graph.Node{graph.MatMul(x, y)}}); err == nil {
		t.Error("2^32 values were accepted")
	}
}

func TestUpdatesThatDoNotMeetAreOneLaunch(t *testing.T) {
	g := graph.New()
	s := graph.Spec{}
	input := func(name string, shape ...int) *graph.Node {
		n := graph.Input(g, name, shape...)
		s.Inputs = append(s.Inputs, n)
		return n
	}
	rates := input("rates", 3)
	for _, name := range []string{"a", "b", "c"} {
		w := input(name, 5, 3)
		s.Updates = append(s.Updates, graph.Momentum(w, input("gradient "+name, 5, 3), input("velocity "+name, 5, 3), rates))
	}
	if p := planned(t, s); len(p.calls) != 1 || len(p.calls[0].fused.Also) != 2 {
		t.Errorf("three updates are %d launches", len(p.calls))
	}
	// One that reads what another wrote, or writes what another reads, comes after it.
	s.Updates = append(s.Updates, graph.Assign(input("copy", 5, 3), s.Inputs[1]), graph.Assign(s.Inputs[2], s.Inputs[4]))
	if p := planned(t, s); len(p.calls) != 2 {
		t.Errorf("updates that meet are %d launches, want 2", len(p.calls))
	}
}
