package cpu

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/graph/lower"
)

// Programs that share variables train together; those with memory of their own do
// not see each other.
func TestProgramsShareVariablesAndNothingElse(t *testing.T) {
	e := New(1)
	defer e.Close()
	g := graph.New()
	w, x := graph.Input(g, "w", 2), graph.Input(g, "x", 2)
	in := []*graph.Node{w, x}
	mover, err := e.Compile(graph.Spec{Inputs: in, Updates: []graph.Update{graph.Assign(w, graph.Add(w, x))}})
	if err != nil {
		t.Fatal(err)
	}
	reader, err := e.Compile(graph.Spec{Inputs: in, Outputs: []*graph.Node{graph.Mul(w, x)}})
	if err != nil {
		t.Fatal(err)
	}
	shared, err := e.Variable(2)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]float32, 2)
	err = errors.Join(shared.Set([]float32{1, 1}), mover.Bind(0, shared), reader.Bind(0, shared),
		mover.Set(1, []float32{1, 2}),
		reader.Set(1, []float32{10, 10}), mover.Run(), mover.Run(), reader.Run(), reader.Get(0, got))
	if err != nil || !slices.Equal(got, []float32{30, 50}) {
		t.Errorf("got %v, %v; want 30 and 50", got, err)
	}
	if !strings.Contains(mover.String(), "assign") || mover.Bytes() < 0 {
		t.Errorf("the program lists no update:\n%s", mover)
	}
	mover.Close()
	shared.Close()
}

// An input that was never set is zero, and may be bound again and again.
func TestInputsHaveMemoryWhenTheyNeedIt(t *testing.T) {
	e := New(1)
	defer e.Close()
	g := graph.New()
	x, y := graph.Input(g, "x", 3), graph.Input(g, "y", 3)
	p, err := e.Compile(graph.Spec{Inputs: []*graph.Node{x, y},
		Outputs: []*graph.Node{graph.Add(x, graph.Reshape(graph.Reshape(y, 3, 1), 3))}})
	if err != nil {
		t.Fatal(err)
	}
	if p.Bytes() > 4*4*lower.Alignment {
		t.Errorf("%d bytes for one result of three values: inputs take memory before they are set", p.Bytes())
	}
	want := []float32{0, 0, 0}
	got := make([]float32, 3)
	for round := range 3 {
		if err := errors.Join(p.Run(), p.Get(0, got)); err != nil || !slices.Equal(got, want) {
			t.Fatalf("round %d: %v, want %v (%v)", round, got, want, err)
		}
		v, err := e.Variable(3)
		if err != nil {
			t.Fatal(err)
		}
		want = []float32{float32(round + 1), 2, 3}
		if err := errors.Join(v.Set(want), p.Bind(1, v)); err != nil {
			t.Fatal(err)
		}
	}
}

// unknown is an operation that this engine has no kernel for.
type unknown struct{ graph.ReshapeOp }

func TestAnOperationWithoutAKernelIsAnError(t *testing.T) {
	if _, err := kernelOf(unknown{}); err == nil {
		t.Error("a kernel was found")
	}
	if run := updateOf(nil, nil); run != nil {
		t.Error("an update was found")
	}
}
