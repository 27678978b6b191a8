package graph

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/kernel"
)

func compile(t *testing.T, inputs, outputs []*Node) *Program {
	t.Helper()
	pool := kernel.NewPool(1)
	t.Cleanup(pool.Close)
	p, err := Compile(pool, inputs, outputs)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// steps counts a program's steps of one operation.
func (p *Program) count(name string) (n int) {
	for _, line := range strings.Split(p.String(), "\n") {
		if strings.Contains(line, "= "+name+" ") {
			n++
		}
	}
	return n
}

func TestEqualExpressionsRunOnceAndUnusedOnesNever(t *testing.T) {
	g := New()
	x, y := Input(g, "x", 3, 3), Input(g, "y", 3, 3)
	Exp(y) // unused
	sum := Add(Exp(x), Exp(Reshape(Reshape(x, 9), 3, 3)))
	p := compile(t, []*Node{x, y}, []*Node{Add(sum, MatMul(x, y)), Add(sum, MatMul(x, y))})
	if p.count("exp") != 2 || p.count("product") != 1 { // a reshape is an expression of its own
		t.Errorf("program is\n%s", p)
	}
}

func TestMemoryIsSharedByLivesThatDoNotOverlap(t *testing.T) {
	g := New()
	x := Input(g, "x", 1000)
	y := x
	for range 50 {
		y = Offset(Transpose(Reshape(y, 10, 100)), 1)
		y = Reshape(y, 1000)
	}
	p := compile(t, []*Node{x}, []*Node{y})
	if limit := 5 * 4 * 1024; p.Bytes() > limit {
		t.Errorf("%d bytes for a chain of 100 steps on 4,000, want at most %d", p.Bytes(), limit)
	}
	p.Run()
	if p.Output(0)[999] != 50 {
		t.Errorf("the chain gives %v, want 50", p.Output(0)[999])
	}
}

func TestOverwritingNeverTouchesInputsOrOutputs(t *testing.T) {
	g := New()
	x := Input(g, "x", 4)
	a := Relu(x)
	b := Scale(a, 2)
	p := compile(t, []*Node{x}, []*Node{a, b, Exp(Reshape(b, 2, 2)), x})
	for i, v := range []float32{-1, 0, 1, 2} {
		p.Input(0)[i] = v
	}
	for range 3 {
		p.Run()
		got := fmt.Sprint(p.Input(0), p.Output(0), p.Output(1), p.Output(3))
		if want := "[-1 0 1 2] [0 0 1 2] [0 0 2 4] [-1 0 1 2]"; got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		if d := math.Abs(float64(p.Output(2)[3]) - math.Exp(4)); d > 1e-4 {
			t.Fatalf("exp is off by %v", d)
		}
	}
}

func TestBoundMemoryIsReadInPlace(t *testing.T) {
	g := New()
	x, w := Input(g, "x", 2), Input(g, "w", 2)
	p := compile(t, []*Node{x, w}, []*Node{Mul(x, Reshape(Reshape(w, 2, 1), 2))})
	weights := []float32{3, 4}
	if err := p.Bind(1, weights); err != nil {
		t.Fatal(err)
	}
	copy(p.Input(0), []float32{1, 2})
	p.Run()
	if p.Output(0)[1] != 8 {
		t.Errorf("got %v, want 8", p.Output(0)[1])
	}
	weights[1] = 10
	p.Run()
	if p.Output(0)[1] != 20 {
		t.Errorf("after a change in place got %v, want 20", p.Output(0)[1])
	}
	if err := p.Bind(1, weights[:1]); err == nil {
		t.Error("memory of another size was bound")
	}
}

func TestCompileRefusesAnUnfedInput(t *testing.T) {
	g := New()
	x, y := Input(g, "x", 2), Input(g, "y", 2)
	pool := kernel.NewPool(1)
	defer pool.Close()
	if _, err := Compile(pool, []*Node{x}, []*Node{Add(x, y)}); !errors.Is(err, ErrUnfed) {
		t.Errorf("got %v", err)
	}
	if _, err := Compile(pool, []*Node{x, x}, []*Node{x}); err == nil {
		t.Error("an input was accepted twice")
	}
}

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

func BenchmarkCompile(b *testing.B) {
	pool := kernel.NewPool(1)
	defer pool.Close()
	b.ReportAllocs()
	for b.Loop() {
		g := New()
		x := Input(g, "x", 8, 8)
		y := x
		for range 500 {
			y = Relu(MatMul(y, x))
		}
		d, err := Grad(Sum(y), x)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Compile(pool, []*Node{x}, d); err != nil {
			b.Fatal(err)
		}
	}
}
