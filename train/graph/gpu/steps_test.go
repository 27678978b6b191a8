package gpu

import (
	"errors"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/train/gpu/ptxtest"
	"github.com/distillmesh/distillmesh/train/graph"
)

// walker adds x, times what stays, to w at every run.
func walker(t *testing.T, e graph.Engine) (graph.Sequence, graph.Variable) {
	t.Helper()
	g := graph.New()
	x, by, w, rate := graph.Input(g, "x", 2), graph.Input(g, "by", 2), graph.Input(g, "w", 2), graph.Input(g, "rate", 1)
	p, err := e.Compile(graph.Spec{Inputs: []*graph.Node{x, by, rate, w}, Outputs: []*graph.Node{graph.Scale(w, 1)},
		Updates: []graph.Update{graph.Descend(w, w, graph.Mul(x, by), rate)}})
	if err != nil {
		t.Fatal(err)
	}
	v, err := e.Variable(2)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.Bind(3, v), p.Set(1, []float32{10, 100})); err != nil {
		t.Fatal(err)
	}
	return p.(graph.Sequence), v
}

func values(t *testing.T, v graph.Variable) []float32 {
	t.Helper()
	out := make([]float32, v.Len())
	if err := v.Get(out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestStepsHaveInputsOfTheirOwn(t *testing.T) {
	p, v := walker(t, engineOf(t, open(t, ptxtest.New())))
	for round := range 3 { // launched, recorded, replayed
		err := errors.Join(v.Set([]float32{0, 0}), p.SetSteps(0, []float32{1, 2, 3, 4, 5, 6}), p.SetSteps(2, []float32{-1,
			-1, -2}),
			p.RunSteps(3))
		if err != nil {
			t.Fatal(err)
		}
		if got := values(t, v); !slices.Equal(got, []float32{140, 1800}) {
			t.Errorf("round %d: %v", round, got)
		}
	}
	// Another number of steps, then one run by itself, with the values of the last step.
	if err := errors.Join(v.Set([]float32{0, 0}), p.SetSteps(0, []float32{7, 8}), p.SetSteps(2, []float32{-1}),
		p.RunSteps(1), p.Run()); err != nil {
		t.Fatal(err)
	}
	if got := values(t, v); !slices.Equal(got, []float32{140, 1600}) {
		t.Errorf("after one step and one run: %v", got)
	}
}

func TestStepsThatDoNotFitAreRefused(t *testing.T) {
	p, _ := walker(t, engineOf(t, open(t, ptxtest.New())))
	if err := p.SetSteps(0, []float32{1, 2, 3}); !errors.Is(err, graph.ErrSize) {
		t.Errorf("one and a half steps: %v", err)
	}
	if err := errors.Join(p.SetSteps(0, []float32{1, 2, 3, 4}), p.SetSteps(2, []float32{1})); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{-1, 0, 1, 2} {
		if err := p.RunSteps(n); !errors.Is(err, graph.ErrSize) {
			t.Errorf("%d steps: %v", n, err)
		}
	}
}
