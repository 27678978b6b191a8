package enginetest

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/graph"
)

// Test is one requirement of an engine.
type Test struct {
	Name string
	Run  func(e graph.Engine) error
}

// Tolerance is the relative difference allowed between single precision and the
// float64 reference.
const Tolerance = 2e-4

// Run runs every test as a subtest, on an engine of its own.
func Run(t *testing.T, open func() graph.Engine) {
	for _, test := range Tests() {
		t.Run(test.Name, func(t *testing.T) {
			e := open()
			defer e.Close()
			if err := test.Run(e); err != nil {
				t.Error(err)
			}
		})
	}
}

// Tests is the suite.
func Tests() []Test {
	tests := []Test{
		{"set values stay, bound variables are read in place", setAndBind},
		{"parts of a variable are its memory", parts},
		{"updates run in order after the outputs", updatesInOrder},
		{"an input that is missing, given twice or written to by mistake is refused", badSpecs},
		{"wrong number of values are refused", badSizes},
	}
	for _, c := range Cases() {
		tests = append(tests, Test{c.Name, func(e graph.Engine) error { return operation(e, c) }})
	}
	for _, r := range rules() {
		tests = append(tests, Test{"update " + r.name, func(e graph.Engine) error { return update(e, r) }})
	}
	return tests
}

// operation compares a value and its derivatives to second order with the
// reference, twice, so that no state of the first run remains.
func operation(e graph.Engine, c Case) error {
	x := c.Make(1)
	outputs, err := x.Outputs()
	if err != nil {
		return err
	}
	want, err := graph.Reference(x.Feeds, outputs...)
	if err != nil {
		return err
	}
	spec, feeds := x.Spec(outputs...)
	p, err := e.Compile(spec)
	if err != nil {
		return err
	}
	defer p.Close()
	for i, v := range feeds {
		if err := p.Set(i, v); err != nil {
			return err
		}
	}
	for range 2 {
		if err := p.Run(); err != nil {
			return err
		}
	}
	for i := range want {
		got := make([]float32, len(want[i]))
		if err := p.Get(i, got); err != nil {
			return err
		}
		if err := near(got, want[i]); err != nil {
			return fmt.Errorf("output %d: %w", i, err)
		}
	}
	return nil
}

func near(got []float32, want []float64) error {
	for j, w := range want {
		if d := math.Abs(float64(got[j]) - w); !(d <= Tolerance*(1+math.Abs(w))) {
			return fmt.Errorf("value %d: %v, want %v", j, got[j], w)
		}
	}
	return nil
}

// run compiles, sets the inputs that are not bound, and runs.
func run(e graph.Engine, s graph.Spec, feeds map[int][]float32, bound map[int]graph.Variable) (graph.Program, error) {
	p, err := e.Compile(s)
	if err != nil {
		return nil, err
	}
	for i, v := range bound {
		if err := p.Bind(i, v); err != nil {
			return nil, err
		}
	}
	for i, v := range feeds {
		if err := p.Set(i, v); err != nil {
			return nil, err
		}
	}
	return p, p.Run()
}

// expect is an error unless an output holds the values.
func expect(p graph.Program, output int, want ...float32) error {
	got := make([]float32, len(want))
	if err := p.Get(output, got); err != nil {
		return err
	}
	for i, w := range want {
		if got[i] != w {
			return fmt.Errorf("output %d is %v, want %v", output, got, want)
		}
	}
	return nil
}

func setAndBind(e graph.Engine) error {
	g := graph.New()
	x, w := graph.Input(g, "x", 2), graph.Input(g, "w", 2)
	y := graph.Mul(x, graph.Reshape(graph.Reshape(w, 2, 1), 2))
	weights, err := e.Variable(2)
	if err != nil {
		return err
	}
	if err := weights.Set([]float32{3, 4}); err != nil {
		return err
	}
	p, err := run(e, graph.Spec{Inputs: []*graph.Node{x, w}, Outputs: []*graph.Node{y, x}}, map[int][]float32{0: {1, 2}},
		map[int]graph.Variable{1: weights})
	if err != nil {
		return err
	}
	if err := errors.Join(expect(p, 0, 3, 8), expect(p, 1, 1, 2)); err != nil {
		return err
	}
	if err := errors.Join(weights.Set([]float32{3, 10}), p.Run()); err != nil {
		return err
	}
	if err := expect(p, 0, 3, 20); err != nil {
		return fmt.Errorf("after the variable changed: %w", err)
	}
	return nil
}

func parts(e graph.Engine) error {
	v, err := e.Variable(5)
	if err != nil {
		return err
	}
	p := v.Part(1, 3)
	if err := errors.Join(v.Set([]float32{1, 2, 3, 4, 5}), p.Part(1, 1).Set([]float32{9})); err != nil {
		return err
	}
	all, some := make([]float32, 5), make([]float32, 3)
	if err := errors.Join(v.Get(all), p.Get(some)); err != nil {
		return err
	}
	if fmt.Sprint(all, some, v.Len(), p.Len()) != "[1 2 9 4 5] [2 9 4] 5 3" {
		return fmt.Errorf("got %v, %v of %d and %d", all, some, v.Len(), p.Len())
	}
	return nil
}

// updatesInOrder: w <- w - rate x, then u <- w: u sees the new w; the output saw
// the old one.
func updatesInOrder(e graph.Engine) error {
	g := graph.New()
	x, w, u, rate := graph.Input(g, "x", 2), graph.Input(g, "w", 2), graph.Input(g, "u", 2), graph.Input(g, "rate", 1)
	vars, err := graph.Variables(e, 2, 2)
	if err != nil {
		return err
	}
	if err := vars[0].Set([]float32{8, 16}); err != nil {
		return err
	}
	s := graph.Spec{Inputs: []*graph.Node{x, rate, w, u}, Outputs: []*graph.Node{graph.Scale(w, 2)},
		Updates: []graph.Update{graph.Descend(w, w, graph.Scale(x, 2), rate), graph.Assign(u, w)}}
	p, err := run(e, s, map[int][]float32{0: {1, 2}, 1: {0.5}}, map[int]graph.Variable{2: vars[0], 3: vars[1]})
	if err != nil {
		return err
	}
	if err := expect(p, 0, 16, 32); err != nil {
		return err
	}
	got := make([]float32, 2)
	if err := vars[1].Get(got); err != nil {
		return err
	}
	if got[0] != 7 || got[1] != 14 {
		return fmt.Errorf("the second update wrote %v, want 7 and 14", got)
	}
	if err := p.Run(); err != nil {
		return err
	}
	return expect(p, 0, 14, 28)
}

func badSpecs(e graph.Engine) error {
	g := graph.New()
	x, y := graph.Input(g, "x", 2), graph.Input(g, "y", 2)
	in := []*graph.Node{x}
	if _, err := e.Compile(graph.Spec{Inputs: in, Outputs: []*graph.Node{graph.Add(x, y)}}); !errors.Is(err,
		graph.ErrUnfed) {
		return fmt.Errorf("a missing input gave %v", err)
	}
	if _, err := e.Compile(graph.Spec{Inputs: []*graph.Node{x, x}, Outputs: in}); err == nil {
		return errors.New("an input was accepted twice")
	}
	if _, err := e.Compile(graph.Spec{Inputs: in, Updates: []graph.Update{graph.Assign(y, x)}}); !errors.Is(err,
		graph.ErrUnfed) {
		return fmt.Errorf("an update of a missing input gave %v", err)
	}
	var shape *graph.ShapeError
	if _, err := e.Compile(graph.Spec{Inputs: in, Updates: []graph.Update{graph.Assign(x,
		graph.Reshape(x, 1, 2))}}); !errors.As(err, &shape) {
		return fmt.Errorf("an update of another shape gave %v", err)
	}
	return nil
}

func badSizes(e graph.Engine) error {
	g := graph.New()
	x := graph.Input(g, "x", 2, 2)
	p, err := e.Compile(graph.Spec{Inputs: []*graph.Node{x}, Outputs: []*graph.Node{graph.Relu(x)}})
	if err != nil {
		return err
	}
	v, err := e.Variable(3)
	if err != nil {
		return err
	}
	for what, err := range map[string]error{"set": p.Set(0, make([]float32, 3)), "get": p.Get(0, make([]float32, 5)),
		"bind":         p.Bind(0, v),
		"variable set": v.Set(make([]float32, 4)), "variable get": v.Get(nil)} {
		if !errors.Is(err, graph.ErrSize) {
			return fmt.Errorf("%s: %v", what, err)
		}
	}
	if err := p.Bind(0, foreign{}); !errors.Is(err, graph.ErrForeign) {
		return fmt.Errorf("a variable of another engine gave %v", err)
	}
	return nil
}

// foreign is a variable of no engine.
type foreign struct{ graph.Variable }

// Len implements graph.Variable.
func (foreign) Len() int { return 4 }

// shapes are n equal ones and a last one.
func shapes(n int, s tensor.Shape, last ...int) []tensor.Shape {
	out := make([]tensor.Shape, 0, n+1)
	for range n {
		out = append(out, s)
	}
	return append(out, last)
}
