package tape

import (
	"errors"
	"testing"

	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/graph/enginetest"
)

func TestTheEngineDoesWhatAnEngineMust(t *testing.T) {
	enginetest.Run(t, func() graph.Engine { return Engine{} })
}

func compiled(t *testing.T, s graph.Spec) graph.Program {
	t.Helper()
	p, err := Engine{}.Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// The machine runs what outputs and updates read and nothing else of the graph, such
// as what other programs of the same graph need.
func TestOtherInputsOfTheGraphAreNotNeeded(t *testing.T) {
	g := graph.New()
	x, other := graph.Input(g, "x", 2), graph.Input(g, "other", 2)
	graph.Exp(other)
	p := compiled(t, graph.Spec{Inputs: []*graph.Node{x}, Outputs: []*graph.Node{graph.Scale(x, 3)}})
	got := make([]float32, 2)
	if err := errors.Join(p.Set(0, []float32{1, 2}), p.Run(), p.Get(0, got)); err != nil || got[1] != 6 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestAProgramOfInputsAloneNeedsNoMachine(t *testing.T) {
	g := graph.New()
	x, y := graph.Input(g, "x", 2), graph.Input(g, "y", 2)
	p := compiled(t, graph.Spec{Inputs: []*graph.Node{x, y}, Outputs: []*graph.Node{y},
		Updates: []graph.Update{graph.Assign(y, x)}})
	got := make([]float32, 2)
	if err := errors.Join(p.Set(0, []float32{1, 2}), p.Run(), p.Get(0, got)); err != nil || got[1] != 2 {
		t.Errorf("%v, %v", got, err)
	}
	if p.Bytes() != 16 {
		t.Errorf("%d bytes for four values", p.Bytes())
	}
}

func TestAnOutputIsNotThereBeforeTheFirstRun(t *testing.T) {
	x := graph.Input(graph.New(), "x", 2)
	p := compiled(t, graph.Spec{Inputs: []*graph.Node{x}, Outputs: []*graph.Node{graph.Exp(x)}})
	if err := p.Get(0, make([]float32, 2)); err == nil {
		t.Error("a value that was not computed is given")
	}
}

// Two programs of one graph that share inputs do not see each other's values.
func TestProgramsOfOneGraphKeepTheirInputs(t *testing.T) {
	g := graph.New()
	x := graph.Input(g, "x", 1)
	in := []*graph.Node{x}
	a := compiled(t, graph.Spec{Inputs: in, Outputs: []*graph.Node{graph.Scale(x, 2)}})
	b := compiled(t, graph.Spec{Inputs: in, Outputs: []*graph.Node{graph.Scale(x, 5)}})
	one, two := make([]float32, 1), make([]float32, 1)
	err := errors.Join(a.Set(0, []float32{1}), b.Set(0, []float32{10}), a.Run(), b.Run(), a.Run(), a.Get(0, one),
		b.Get(0, two))
	if err != nil || one[0] != 2 || two[0] != 50 {
		t.Errorf("%v and %v, want 2 and 50 (%v)", one, two, err)
	}
}
