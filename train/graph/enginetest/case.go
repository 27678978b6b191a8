// Package enginetest is the conformance suite of the engines of package graph:
// each operation with its first and second derivatives, and each rule of updates,
// against the float64 references; variables, errors and repeated runs. It imports
// no engine.
package enginetest

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/graph"
)

// Case is one operation on inputs of the given shapes.
type Case struct {
	Name     string
	Shapes   []tensor.Shape
	Positive bool // inputs are kept above zero
	// Estimated reports that the derivative is a convention, which differences of values
	// do not show.
	Estimated bool
	// Fixed are values of further inputs without derivatives.
	Fixed       [][]float64
	FixedShapes []tensor.Shape
	Build       func(in []*graph.Node) *graph.Node
}

// Cases is a table of all operations.
func Cases() []Case { return slices.Concat(cases(), imageCases(), resamplings(), gatherings()) }

// Expression is an operation with its inputs and values for them.
type Expression struct {
	Graph *graph.Graph
	In    []*graph.Node // those to differentiate with respect to
	Out   *graph.Node
	Feeds map[*graph.Node][]float64
}

// Make builds the case on values from a seed.
func (c Case) Make(seed uint64) Expression {
	rng := rand.New(rand.NewPCG(seed, 7))
	e := Expression{Graph: graph.New(), Feeds: make(map[*graph.Node][]float64)}
	for i, s := range c.Shapes {
		n := graph.Input(e.Graph, fmt.Sprint("x", i), s...)
		e.In = append(e.In, n)
		e.Feeds[n] = apart(rng, s.TotalSize(), c.Positive)
	}
	all := slices.Clone(e.In)
	for i, v := range c.Fixed {
		n := graph.Input(e.Graph, fmt.Sprint("fixed", i), c.FixedShapes[i]...)
		all = append(all, n)
		e.Feeds[n] = v
	}
	e.Out = c.Build(all)
	return e
}

// apart are values at least 0.05 from zero and from each other, so that no
// finite difference crosses a kink.
func apart(rng *rand.Rand, n int, positive bool) []float64 {
	out := make([]float64, n)
	for i, place := range rng.Perm(n) {
		out[i] = (float64(place) + 0.5 + 0.4*rng.Float64()) * 3 / float64(n)
		if positive {
			out[i] += 0.3
		} else if rng.IntN(2) == 0 {
			out[i] = -out[i]
		}
	}
	return out
}

// Weighted is a weighted sum of y, so that no direction is special.
func (e Expression) Weighted(y *graph.Node) *graph.Node {
	weights := graph.Input(e.Graph, fmt.Sprint("weights ", len(e.Graph.AllNodes())), y.Shape()...)
	rng := rand.New(rand.NewPCG(5, uint64(len(e.Feeds))))
	v := make([]float64, y.Shape().TotalSize())
	for i := range v {
		v[i] = rng.Float64() + 0.5
	}
	e.Feeds[weights] = v
	return graph.Sum(graph.Mul(weights, y))
}

// Gradients are the derivatives of the weighted sum of y by the inputs.
func (e Expression) Gradients(y *graph.Node) ([]*graph.Node, error) {
	return graph.Grad(e.Weighted(y), e.In...)
}

// Outputs are the value, the first derivatives, and the second derivatives of the
// first of these.
func (e Expression) Outputs() ([]*graph.Node, error) {
	first, err := e.Gradients(e.Out)
	if err != nil {
		return nil, err
	}
	second, err := e.Gradients(first[0])
	return slices.Concat([]*graph.Node{e.Out}, first, second), err
}

// Spec is the program of outputs on all inputs, and the values to set.
func (e Expression) Spec(outputs ...*graph.Node) (s graph.Spec, feeds [][]float32) {
	s.Outputs = outputs
	for _, n := range e.Graph.AllNodes() { // in the order of their making
		if v, ok := e.Feeds[n]; ok {
			s.Inputs = append(s.Inputs, n)
			feeds = append(feeds, narrow(v))
		}
	}
	return s, feeds
}

func narrow(x []float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
}
