package graph

import (
	"fmt"
	"hash"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Node is an expression, whose value is computed when a program runs.
type Node = gorgonia.Node

// Graph holds expressions; only those of one graph can be combined.
type Graph = gorgonia.ExprGraph

// New is an empty graph.
func New() *Graph { return gorgonia.NewGraph() }

// Operation is one kind of expression with its attributes. Its types are exported
// (ConvOp, ProductOp, ...), so that an engine knows what it compiles.
type Operation interface {
	// String is the name with every attribute: two operations with the same
	// string compute the same thing.
	fmt.Stringer
	// Shape is the shape of the result.
	Shape(in []tensor.Shape) (tensor.Shape, error)
	// Derive is the product of grad, the derivative of some sum with respect
	// to out, with the Jacobian of each input. nil means zero.
	Derive(in []*Node, out, grad *Node) []*Node
	// Reference computes the result in float64, as simply as possible, into
	// zeroed memory.
	Reference(in []Array, out Array)
}

// Array is a float64 array, row-major: what the reference computes on.
type Array struct {
	Shape tensor.Shape
	Data  []float64
}

// ShapeError is the panic value of the functions that build expressions.
type ShapeError struct {
	Op    string
	Cause error
}

// Error implements error.
func (e *ShapeError) Error() string { return fmt.Sprintf("graph %s: %v", e.Op, e.Cause) }

// Unwrap is the cause.
func (e *ShapeError) Unwrap() error { return e.Cause }

// Catch, deferred, turns a panic with a ShapeError into an error.
func Catch(err *error) {
	switch e := recover().(type) {
	case nil:
	case *ShapeError:
		*err = e
	default:
		panic(e)
	}
}

// Input is a value fed to the program. Its name must be unique in the graph.
func Input(g *Graph, name string, shape ...int) *Node {
	if len(g.ByName(name)) > 0 || len(shape) == 0 {
		panic(&ShapeError{"input " + name, fmt.Errorf("name taken, or no dimension in %v", shape)})
	}
	return gorgonia.NewTensor(g, tensor.Float32, len(shape), gorgonia.WithShape(shape...), gorgonia.WithName(name))
}

// apply makes the expression op(in...).
func apply(o Operation, in ...*Node) *Node {
	shapes := shapesOf(in)
	out, err := o.Shape(shapes)
	if err != nil {
		panic(&ShapeError{o.String(), err})
	}
	n, err := gorgonia.ApplyOp(&applied{Operation: o, in: in, out: out}, in...)
	if err != nil {
		panic(&ShapeError{o.String(), err})
	}
	return n
}

func shapesOf(nodes []*Node) []tensor.Shape {
	shapes := make([]tensor.Shape, len(nodes))
	for i, n := range nodes {
		shapes[i] = n.Shape()
	}
	return shapes
}

// applied is an operation on given inputs as a gorgonia.Op.
type applied struct {
	Operation
	in  []*Node
	out tensor.Shape
}

var _ gorgonia.SDOp = (*applied)(nil)

// Arity implements gorgonia.Op.
func (a *applied) Arity() int { return len(a.in) }

// Type implements gorgonia.Op: float32 tensors of the ranks at hand.
func (a *applied) Type() hm.Type {
	types := make([]hm.Type, 0, len(a.in)+1)
	for _, n := range a.in {
		types = append(types, gorgonia.TensorType{Dims: len(n.Shape()), Of: tensor.Float32})
	}
	types = append(types, gorgonia.TensorType{Dims: len(a.out), Of: tensor.Float32})
	return hm.NewFnType(types...)
}

// InferShape implements gorgonia.Op.
func (a *applied) InferShape(...gorgonia.DimSizer) (tensor.Shape, error) { return a.out.Clone(), nil }

// Do implements gorgonia.Op by the reference, so that Gorgonia's own machines can
// run the graph: slowly, and sharing nothing with the engine's kernels.
func (a *applied) Do(values ...gorgonia.Value) (gorgonia.Value, error) {
	in := make([]Array, len(values))
	for i, v := range values {
		data, ok := v.Data().([]float32)
		if !ok {
			return nil, fmt.Errorf("%s: input %d is %T", a, i, v.Data())
		}
		in[i] = Array{a.in[i].Shape(), widen(data)}
	}
	out := Array{a.out, make([]float64, a.out.TotalSize())}
	a.Reference(in, out)
	return tensor.New(tensor.WithShape(a.out...), tensor.WithBacking(narrow(out.Data))), nil
}

func widen(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}

func narrow(x []float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
}

// ReturnsPtr implements gorgonia.Op.
func (a *applied) ReturnsPtr() bool { return true }

// CallsExtern implements gorgonia.Op.
func (a *applied) CallsExtern() bool { return false }

// OverwritesInput implements gorgonia.Op. Our own executor decides what to
// overwrite; Gorgonia's machines must not.
func (a *applied) OverwritesInput() int { return -1 }

// WriteHash implements gorgonia.Op. Gorgonia identifies two nodes when 32-bit
// hashes collide and the operations' hashes agree, without comparing the
// inputs; the inputs' identities make the two hashes independent.
func (a *applied) WriteHash(h hash.Hash) {
	fmt.Fprint(h, a.String())
	for _, n := range a.in {
		fmt.Fprintf(h, " %d", n.ID())
	}
}

// Hashcode implements gorgonia.Op.
func (a *applied) Hashcode() uint32 {
	h := fnv.New32a()
	a.WriteHash(h)
	return h.Sum32()
}

// DiffWRT implements gorgonia.SDOp.
func (a *applied) DiffWRT(inputs int) []bool { return slices.Repeat([]bool{true}, inputs) }

// SymDiff implements gorgonia.SDOp.
func (a *applied) SymDiff(in gorgonia.Nodes, out, grad *Node) (derivatives gorgonia.Nodes, err error) {
	defer Catch(&err)
	derivatives = a.Derive(in, out, grad)
	for i, d := range derivatives {
		if d == nil {
			derivatives[i] = Fill(0, in[i])
		}
	}
	return derivatives, nil
}

// attributes formats an operation's name and attributes.
func attributes(name string, values ...any) string {
	return name + strings.TrimSuffix(fmt.Sprintln(append([]any{""}, values...)...), "\n")
}

// expect is an error unless there are n inputs.
func expect(in []tensor.Shape, n int) error {
	if len(in) != n {
		return fmt.Errorf("%d inputs, want %d", len(in), n)
	}
	return nil
}

// sameShape compares dimension by dimension. Gorgonia's own comparison treats a
// row, a column and a vector as equal.
func sameShape(a, b tensor.Shape) bool { return slices.Equal(a, b) }
