package cpu

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/graph"
)

// unknownRule is an update that no engine has heard of.
type unknownRule struct{ graph.AssignRule }

// String implements graph.Rule.
func (unknownRule) String() string { return "unknown" }

func TestAnUpdateWithoutAKernelIsAnError(t *testing.T) {
	g := graph.New()
	x, y := graph.Input(g, "x", 2), graph.Input(g, "y", 2)
	e := New(1)
	defer e.Close()
	_, err := e.Compile(graph.Spec{Inputs: []*graph.Node{x, y},
		Updates: []graph.Update{{Rule: unknownRule{}, In: []*graph.Node{x, y}}}})
	if err == nil || !strings.Contains(err.Error(), "unknown") {
		t.Errorf("got %v", err)
	}
}

func TestAListingHasInputsStepsAndUpdates(t *testing.T) {
	g := graph.New()
	x, w, rate := graph.Input(g, "x", 3, 2), graph.Input(g, "w", 3, 2), graph.Input(g, "rate", 1)
	e := New(1)
	defer e.Close()
	p, err := e.Compile(graph.Spec{Inputs: []*graph.Node{x, w, rate}, Outputs: []*graph.Node{graph.Exp(graph.Add(x, w))},
		Updates: []graph.Update{graph.Descend(w, w, graph.Scale(x, 2), rate)}})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(p.String()), "\n")
	for i, want := range []string{"= input", "= input", "= input", "= +", "= exp", "= scale", "descend"} {
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, want) }) {
			t.Errorf("no %q (%d) in\n%s", want, i, p)
		}
	}
	sum := lines[slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, "= +") })]
	if !strings.HasSuffix(sum, " -") {
		t.Errorf("the sum inside the chain has memory of its own: %s", sum)
	}
	if !strings.Contains(lines[len(lines)-1], "descend") {
		t.Errorf("updates are not last:\n%s", p)
	}
}

func TestEmptyArraysAreComputedWithoutMemory(t *testing.T) {
	g := graph.New()
	x := graph.Input(g, "x", 0, 3)
	e := New(2)
	defer e.Close()
	p, err := e.Compile(graph.Spec{Inputs: []*graph.Node{x},
		Outputs: []*graph.Node{graph.Exp(x), graph.SumTo(graph.Exp(x), tensor.Shape{1, 3})}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.Set(0, nil), p.Run(), p.Get(0, nil)); err != nil {
		t.Fatal(err)
	}
	sum := []float32{7, 7, 7}
	if err := p.Get(1, sum); err != nil || !slices.Equal(sum, make([]float32, 3)) {
		t.Errorf("the sum of nothing is %v, %v", sum, err)
	}
}
