// Package nn holds the networks that the engine trains, by name: their
// parameters, initialization, and the expression of their logits.
package nn

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
)

// Causes of refusal by Parse.
var (
	// ErrUnknown means that no network has the name.
	ErrUnknown = errors.New("unknown network")
	// ErrShape means that the network cannot read samples of the shape.
	ErrShape = errors.New("shape does not suit the network")
)

// Start is the initialization of a parameter.
type Start int

// The kinds of initialization.
const (
	// Uniform is between plus and minus 1/sqrt(FanIn), biases included:
	// PyTorch's default for linear and convolutional layers.
	Uniform Start = iota
	// Ones is for the gains of norms.
	Ones
	// Zeros is for their biases.
	Zeros
)

// Param is one array of trained values.
type Param struct {
	Name  string
	Shape []int
	FanIn int // number of inputs of one unit of the layer; for Uniform
	Start Start
}

// Len is the number of values.
func (p Param) Len() int {
	n := 1
	for _, d := range p.Shape {
		n *= d
	}
	return n
}

// Network is an architecture bound to a sample shape and a number of classes.
// It holds no values: those are given to Logits.
type Network struct {
	Name    string
	Shape   data.Shape
	Classes int
	// Params ends with weight and bias of the last layer, which is linear in
	// every network.
	Params   []Param
	features func(x *graph.Node, params []*graph.Node) *graph.Node
}

// architectures are the known networks, each by the name before any colon. The
// function gets what follows the colon.
var architectures = map[string]func(n *Network, option string) error{
	"alexnet":  alexnet,
	"convnet3": convnet3,
	"lenet":    lenet,
	"mlp":      mlp,
	"resnet18": resnet18,
}

// Names lists the known networks.
func Names() []string {
	var names []string
	for name := range architectures {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Parse is the named network for samples of the given shape. It fails with
// ErrUnknown or ErrShape.
func Parse(name string, shape data.Shape, classes int) (*Network, error) {
	base, option, _ := strings.Cut(name, ":")
	build, ok := architectures[base]
	if !ok {
		return nil, fmt.Errorf("network %q: %w: want one of %s", name, ErrUnknown, strings.Join(Names(), ", "))
	}
	if shape.C < 1 || shape.H < 1 || shape.W < 1 || classes < 1 {
		return nil, fmt.Errorf("network %q: %w: %v with %d classes", name, ErrShape, shape, classes)
	}
	n := &Network{Name: name, Shape: shape, Classes: classes}
	if err := build(n, option); err != nil {
		return nil, fmt.Errorf("network %q: %w", name, err)
	}
	return n, nil
}

// NumParams is the number of trained values.
func (n *Network) NumParams() (total int) {
	for _, p := range n.Params {
		total += p.Len()
	}
	return total
}

// Init draws starting values, a slice per parameter.
func (n *Network) Init(seed uint64) [][]float32 {
	values := make([][]float32, len(n.Params))
	for i, p := range n.Params {
		values[i] = make([]float32, p.Len())
		n.InitParam(i, seed, values[i])
	}
	return values
}

// InitParam draws the starting values of parameter i into memory of its size.
// Each parameter has its own stream, so that the size of one layer does not
// change the values of another.
func (n *Network) InitParam(i int, seed uint64, values []float32) {
	p := n.Params[i]
	switch p.Start {
	case Ones:
		for j := range values {
			values[j] = 1
		}
		return
	case Zeros:
		clear(values)
		return
	}
	var pcg rand.PCG
	data.Restart(&pcg, seed, "init", uint64(i))
	bound := 1 / math.Sqrt(float64(p.FanIn))
	for j := range values {
		unit := float64(pcg.Uint64()<<11>>11) / (1 << 53) // as rand.Rand's Float64, which would allocate
		values[j] = float32((2*unit - 1) * bound)
	}
}

// Inputs adds the network's parameters to a graph, as inputs named after them.
func (n *Network) Inputs(g *graph.Graph) []*graph.Node {
	params := make([]*graph.Node, len(n.Params))
	for i, p := range n.Params {
		params[i] = graph.Input(g, p.Name, p.Shape...)
	}
	return params
}

// Logits is the expression of the logits, N x Classes, of samples x,
// (N, C, H, W), under the parameters. It panics with a *graph.ShapeError when
// these do not have the network's shapes.
func (n *Network) Logits(_ *graph.Graph, x *graph.Node, params []*graph.Node) *graph.Node {
	f, head := n.Features(x, params), len(n.Params)-2
	return applyLinear(f, params[head], params[head+1])
}

// Features is the expression of what the last layer reads, one row per sample.
// It does not depend on the last two parameters.
func (n *Network) Features(x *graph.Node, params []*graph.Node) *graph.Node {
	if len(params) != len(n.Params) {
		panic(&graph.ShapeError{Op: n.Name, Cause: fmt.Errorf("%d parameters, want %d", len(params), len(n.Params))})
	}
	return n.features(x, params)
}

// linear adds a fully connected layer's parameters.
func (n *Network) linear(name string, in, out int) {
	n.Params = append(n.Params, Param{Name: name + ".weight", Shape: []int{out, in}, FanIn: in},
		Param{Name: name + ".bias", Shape: []int{out}, FanIn: in})
}

// conv adds a convolution's parameters.
func (n *Network) conv(name string, in, out, size int) {
	fan := in * size * size
	n.Params = append(n.Params, Param{Name: name + ".weight", Shape: []int{out, in, size, size}, FanIn: fan},
		Param{Name: name + ".bias", Shape: []int{out}, FanIn: fan})
}

// norm adds the gain and bias of a norm.
func (n *Network) norm(name string, channels int) {
	n.Params = append(n.Params, Param{Name: name + ".weight", Shape: []int{channels}, Start: Ones},
		Param{Name: name + ".bias", Shape: []int{channels}, Start: Zeros})
}

// applyLinear is x W' + b for x (N, in), W (out, in), b (out).
func applyLinear(x, w, b *graph.Node) *graph.Node {
	return graph.Add(graph.Product(false, true, x, w), graph.Reshape(b, 1, b.Shape()[0]))
}

// applyConv is the convolution of x with w, padded, plus a bias per channel.
func applyConv(x, w, b *graph.Node, pad int) *graph.Node {
	return graph.Add(graph.Conv2D(x, w, 1, pad), graph.Reshape(b, 1, b.Shape()[0], 1, 1))
}

// flatten makes each sample a row.
func flatten(x *graph.Node) *graph.Node {
	s := x.Shape()
	return graph.Reshape(x, s[0], s.TotalSize()/s[0])
}
