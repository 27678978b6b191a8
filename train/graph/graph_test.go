package graph

import (
	"errors"
	"fmt"
	"testing"

	"gorgonia.org/tensor"
)

func TestShapeMistakesBecomeErrors(t *testing.T) {
	mistakes := map[string]func(g *Graph, x, y *Node){
		"add":        func(g *Graph, x, y *Node) { Add(x, y) },
		"add ranks":  func(g *Graph, x, y *Node) { Add(x, Reshape(x, 6)) },
		"product":    func(g *Graph, x, y *Node) { MatMul(x, x) },
		"reshape":    func(g *Graph, x, y *Node) { Reshape(x, 5) },
		"transpose":  func(g *Graph, x, y *Node) { Transpose(Reshape(x, 6)) },
		"broadcast":  func(g *Graph, x, y *Node) { Broadcast(x, tensor.Shape{4, 3}) },
		"sum":        func(g *Graph, x, y *Node) { SumTo(x, tensor.Shape{2, 2}) },
		"softmax":    func(g *Graph, x, y *Node) { LogSoftmax(Reshape(x, 6)) },
		"pool":       func(g *Graph, x, y *Node) { MaxPool(x, 2, 2) },
		"conv":       func(g *Graph, x, y *Node) { Conv2D(x, y, 1, 0) },
		"conv size":  func(g *Graph, x, y *Node) { Conv2D(Reshape(x, 1, 1, 2, 3), Reshape(x, 1, 1, 3, 2), 1, 0) },
		"gate":       func(g *Graph, x, y *Node) { Gate(x, y) },
		"name taken": func(g *Graph, x, y *Node) { Input(g, "x", 2, 3) },
	}
	for name, f := range mistakes {
		err := func() (err error) {
			defer Catch(&err)
			g := New()
			f(g, Input(g, "x", 2, 3), Input(g, "y", 4, 4))
			return nil
		}()
		var shape *ShapeError
		if !errors.As(err, &shape) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Gorgonia's own Grad keeps a node's first derivative and gives it again for
// the second; ours must not.
func TestGradMayBeCalledAnyNumberOfTimes(t *testing.T) {
	g := New()
	x := Input(g, "x", 1)
	y := Mul(x, Mul(x, Mul(x, x)))
	at := map[*Node][]float64{x: {2}}
	for order, want := range []float64{32, 48, 48, 24, 0} {
		for range 2 {
			d, err := Grad(y, x)
			if err != nil {
				t.Fatal(err)
			}
			v, err := Reference(at, d[0])
			if err != nil || v[0][0] != want {
				t.Fatalf("derivative %d of x^4 at 2 is %v (%v), want %v", order+1, v, err, want)
			}
		}
		d, _ := Grad(y, x)
		y = d[0]
	}
	if _, err := Grad(Input(g, "z", 2), x); !errors.Is(err, ErrNotScalar) {
		t.Errorf("the derivative of two values gave %v", err)
	}
}

func TestGorgoniaCanWalkTheGraph(t *testing.T) {
	g := New()
	x := Input(g, "x", 2, 2)
	y := Relu(x)
	v, err := y.Op().Do(tensor.New(tensor.WithShape(2, 2), tensor.WithBacking([]float32{-1, 2, -3, 4})))
	if err != nil || fmt.Sprint(v.Data()) != "[0 2 0 4]" {
		t.Errorf("got %v, %v", v, err)
	}
	if len(g.AllNodes()) != 2 || len(g.Inputs()) != 1 {
		t.Errorf("%d nodes, %d inputs", len(g.AllNodes()), len(g.Inputs()))
	}
}

// Every rule says what it changes, and refuses arrays that do not fit.
func TestUpdatesCheckTheirArrays(t *testing.T) {
	g := New()
	x, y, one := Input(g, "x", 3), Input(g, "y", 4), Input(g, "one", 1)
	inputs := []*Node{x, y, one}
	for name, u := range map[string]Update{
		"assign of another shape":     Assign(x, y),
		"descent of another shape":    Descend(x, x, y, one),
		"descent without a rate":      Descend(x, x, x, x),
		"momentum with one rate":      Momentum(x, x, x, one),
		"adam with one rate":          Adam(x, x, x, x, one),
		"clamp of a vector":           Clamp(x, one, one),
		"distance of another shape":   Distance(x, x, y, true),
		"distance into a single slot": Distance(one, x, x, true),
	} {
		var shape *ShapeError
		if err := CheckSpec(Spec{Inputs: inputs, Updates: []Update{u}}); !errors.As(err, &shape) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := CheckSpec(Spec{Inputs: inputs, Updates: []Update{Assign(x, Scale(x, 2)),
		Distance(x, y, y, false)}}); err != nil {
		t.Error(err)
	}
	if err := CheckSpec(Spec{Inputs: inputs, Updates: []Update{Assign(Scale(x, 2), x)}}); !errors.Is(err, ErrUnfed) {
		t.Errorf("an expression was written to: %v", err)
	}
}

func TestASumIsSplitExactly(t *testing.T) {
	for _, x := range []float64{0, 1, 0.1, 1e10 / 3, 123456789.123456789, 1e-20 / 7} {
		if got := Joined(Split(x)); got != x {
			t.Errorf("%v comes back as %v", x, got)
		}
	}
}

func TestAdamsRatesCorrectItsStart(t *testing.T) {
	var first, late [6]float32
	AdamRates(&first, 1, 0.01, Beta1, Beta2, 0.5)
	AdamRates(&late, 100_000, 0.01, Beta1, Beta2, 0.5)
	if want := [6]float32{0.1, 31.622776, 0.9, 0.999, 1e-8, 0.5}; first != want {
		t.Errorf("first step %v, want %v", first, want)
	}
	if late[0] != 0.01 || late[1] != 1 {
		t.Errorf("late step %v", late)
	}
}

func TestOperationsAreFoundByType(t *testing.T) {
	g := New()
	x := Input(g, "x", 2, 3)
	if op, in := OperationOf(x); op != nil || in != nil {
		t.Errorf("an input is made by %v", op)
	}
	op, in := OperationOf(Product(false, true, x, x))
	if op != (ProductOp{TransB: true}) || len(in) != 2 || in[0] != x {
		t.Errorf("%v of %v", op, in)
	}
	seen, order := map[*Node]bool{}, ""
	Walk(Exp(Relu(x)), seen, func(n *Node) {
		op, _ := OperationOf(n)
		order += fmt.Sprintf("%T ", op)
	})
	if order != "<nil> graph.MapOp graph.MapOp " || len(seen) != 3 {
		t.Errorf("walked %s of %d", order, len(seen))
	}
}

// The gradient by an expression in the middle, as by an input.
func TestGradByAnExpression(t *testing.T) {
	g := New()
	x := Input(g, "x", 3)
	middle := Mul(x, x)
	d, err := Grad(Sum(Mul(middle, Scale(middle, 0.5))), middle)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Reference(map[*Node][]float64{x: {1, 2, 3}}, d...)
	if err != nil || fmt.Sprint(got[0]) != "[1 4 9]" {
		t.Errorf("%v, %v", got, err)
	}
}
