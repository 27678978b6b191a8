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
