package lower

import (
	"errors"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/train/graph"
)

func lowered(t *testing.T, s graph.Spec) *List {
	t.Helper()
	l, err := Lower(s)
	if err != nil {
		t.Fatal(err)
	}
	for at, v := range l.Values {
		for _, in := range v.In {
			if in >= at {
				t.Errorf("value %d is computed from value %d", at, in)
			}
		}
	}
	return l
}

func TestEqualExpressionsAreOneValueAndUnusedOnesNone(t *testing.T) {
	g := graph.New()
	x, y := graph.Input(g, "x", 3, 3), graph.Input(g, "y", 3, 3)
	graph.Exp(y) // unused
	l := lowered(t, graph.Spec{Inputs: []*graph.Node{x, y},
		Outputs: []*graph.Node{graph.Add(graph.Exp(x), graph.Exp(x)), graph.Exp(x), x}})
	if len(l.Values) != 4 || !slices.Equal(l.Outputs, []int{3, 2, 0}) {
		t.Errorf("%d values, outputs %v", len(l.Values), l.Outputs)
	}
}

func TestConstantsReadNothingAndArithmeticStretchesItself(t *testing.T) {
	g := graph.New()
	x, row := graph.Input(g, "x", 4, 3), graph.Input(g, "row", 1, 3)
	l := lowered(t, graph.Spec{Inputs: []*graph.Node{x, row}, Outputs: []*graph.Node{
		graph.Add(x, graph.Broadcast(row, x.Shape())), graph.Fill(2, graph.Exp(x))}})
	if len(l.Values) != 4 || !slices.Equal(l.Values[l.Outputs[0]].In, []int{0, 1}) || len(l.Values[l.Outputs[1]].In) != 0 {
		t.Errorf("values %+v", l.Values)
	}
}

func TestSumsWithinAndOverRowsAreSplit(t *testing.T) {
	g := graph.New()
	x := graph.Input(g, "x", 2, 3, 4, 5)
	sum := graph.SumTo(x, []int{1, 3, 1, 1})
	l := lowered(t, graph.Spec{Inputs: []*graph.Node{x}, Outputs: []*graph.Node{sum, graph.SumTo(x, []int{2, 3, 1, 1})}})
	if len(l.Values) != 3 || !slices.Equal(l.Values[1].Shape, []int{2, 3, 1, 1}) || !slices.Equal(l.Values[2].In,
		[]int{1}) {
		t.Errorf("values %+v", l.Values)
	}
}

func TestOutputsOfUpdatesFollow(t *testing.T) {
	g := graph.New()
	w, d, rate := graph.Input(g, "w", 2), graph.Input(g, "d", 2), graph.Input(g, "rate", 1)
	l := lowered(t, graph.Spec{Inputs: []*graph.Node{w, d, rate}, Outputs: []*graph.Node{d},
		Updates: []graph.Update{graph.Descend(w, w, graph.Exp(d), rate)}})
	if !slices.Equal(l.Outputs, []int{1, 0, 0, 3, 2}) {
		t.Errorf("outputs %v", l.Outputs)
	}
}

func TestAMissingInputIsAnError(t *testing.T) {
	g := graph.New()
	x, y := graph.Input(g, "x", 2), graph.Input(g, "y", 2)
	if _, err := Lower(graph.Spec{Inputs: []*graph.Node{x}, Outputs: []*graph.Node{graph.Add(x, y)}}); !errors.Is(err,
		graph.ErrUnfed) {
		t.Errorf("got %v", err)
	}
}
