package cpu

import (
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/graph"
)

// lines are the program's values, a line each, inputs aside.
func (p *program) lines() (out []string) {
	for line := range strings.Lines(p.String()) {
		if strings.Contains(line, "= input") {
			continue
		}
		out = append(out, strings.TrimSpace(line))
	}
	return out
}

// stepsOf is how many steps a program has.
func (p *program) stepsOf() int { return len(p.steps) }

func TestChainsOfValueByValueOperationsAreOneStep(t *testing.T) {
	g := graph.New()
	x, y := graph.Input(g, "x", 6, 8), graph.Input(g, "y", 6, 8)
	z := graph.Relu(graph.Add(graph.Exp(x), graph.Scale(y, 3)))
	p := compiled(t, []*graph.Node{x, y}, []*graph.Node{graph.Mul(z, z)})
	if p.stepsOf() != 1 {
		t.Errorf("%d steps:\n%s", p.stepsOf(), p)
	}
	kept := 0
	for _, line := range p.lines() {
		if strings.Contains(line, "@") {
			kept++
		}
	}
	if kept != 1 {
		t.Errorf("%d values have memory, want the result's alone:\n%s", kept, p)
	}
}

func TestInstanceNormIsOneStep(t *testing.T) {
	g := graph.New()
	x, gain, bias := graph.Input(g, "x", 3, 4, 5, 5), graph.Input(g, "gain", 4), graph.Input(g, "bias", 4)
	p := compiled(t, []*graph.Node{x, gain, bias}, []*graph.Node{graph.Relu(graph.InstanceNorm(x, gain, bias))})
	if p.stepsOf() != 1 {
		t.Errorf("%d steps:\n%s", p.stepsOf(), p)
	}
}

func TestAProductThatOnlyASumReadsIsNotWritten(t *testing.T) {
	g := graph.New()
	x, y, z := graph.Input(g, "x", 6, 8), graph.Input(g, "y", 6, 8), graph.Input(g, "z", 6, 8)
	in := []*graph.Node{x, y, z}
	for name, out := range map[string]*graph.Node{
		"multiply-add": graph.Add(graph.Mul(x, y), z),
		"dot product":  graph.SumTo(graph.Mul(x, y), []int{6, 1}),
	} {
		p := compiled(t, in, []*graph.Node{out})
		if p.count("*") != 0 || len(p.lines()) != 1 {
			t.Errorf("%s is\n%s", name, p)
		}
	}
	// A product that is read twice stays.
	m := graph.Mul(x, y)
	if p := compiled(t, in, []*graph.Node{graph.Add(m, graph.Exp(m))}); p.count("*") != 1 {
		t.Errorf("the product of two readers is gone:\n%s", p)
	}
}

func TestWhatOnlyTheWayBackNeedsIsMadeThen(t *testing.T) {
	g := graph.New()
	x, w := graph.Input(g, "x", 4, 4), graph.Input(g, "w", 4, 4)
	early := graph.Exp(graph.Scale(w, 2)) // needed by the last product alone
	y := graph.MatMul(x, w)
	y = graph.MatMul(y, w)
	p := compiled(t, []*graph.Node{x, w}, []*graph.Node{graph.MatMul(y, early)})
	products := 0
	for _, line := range p.lines() {
		if strings.Contains(line, "= product") {
			products++
		}
		if strings.Contains(line, "= exp") && products < 1 {
			t.Errorf("exp is computed before the products:\n%s", p)
		}
	}
}

func TestOperandsAreSeenFromARow(t *testing.T) {
	for _, c := range []struct {
		name    string
		of, out []int
		want    rowOperand
	}{
		{"the same shape", []int{6, 8}, []int{6, 8}, rowOperand{kind: ownRow, size: 8}},
		{"a value per row", []int{6, 1}, []int{6, 8}, rowOperand{kind: ownRow, size: 1}},
		{"one row for all", []int{1, 8}, []int{6, 8}, rowOperand{kind: everyRow, size: 8}},
		{"one value for all", []int{1, 1}, []int{6, 8}, rowOperand{kind: fewRows, size: 1, div: 1, mod: 1}},
		{"a value per channel", []int{1, 3, 1, 1}, []int{2, 3, 4, 5}, rowOperand{kind: fewRows, size: 1, div: 1, mod: 3}},
		{"a value per image", []int{2, 1, 1, 1}, []int{2, 3, 4, 5}, rowOperand{kind: fewRows, size: 1, div: 3, mod: 2}},
		{"a map per image", []int{2, 1, 4, 5}, []int{2, 3, 4, 5}, rowOperand{kind: noRow}},
		{"another rank", []int{8}, []int{6, 8}, rowOperand{kind: noRow}},
	} {
		if got := operandOf(c.of, c.out); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}
