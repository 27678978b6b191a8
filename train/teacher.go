package train

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/nn"
)

// Teacher labels every batch after it was augmented and mixed, in place of the samples' own
// labels (mode M of DD-Ranking). With its logits u, the logits v of the network in training
// and the temperature T the loss is, up to a constant,
//
//	T^2 mean over samples of -sum softmax(u / T) log softmax(v / T)
//
// which is T^2 times the Kullback-Leibler divergence (Hinton et al. 2015).
type Teacher struct {
	Model       *Model // without a view
	Temperature float64
}

// MaxTemperature bounds temperatures.
const MaxTemperature = 1000

// check fails with ErrSamples unless the teacher can label what the network learns from.
func (t *Teacher) check(net *nn.Network) error {
	switch n := t.Model.Network; {
	case n.Shape != net.Shape || n.Classes != net.Classes:
		return fmt.Errorf("%w: a teacher for %v with %d classes", ErrSamples, n.Shape, n.Classes)
	case !t.Model.View.IsNone():
		return fmt.Errorf("%w: a teacher that sees images at another resolution", ErrSamples)
	case !(t.Temperature > 0 && t.Temperature <= MaxTemperature):
		return fmt.Errorf("%w: temperature %v, want above 0 and at most %d", ErrSamples, t.Temperature, MaxTemperature)
	}
	return nil
}

// Identity is all of the teacher that results depend on; empty without one.
func (t *Teacher) Identity() string {
	if t == nil {
		return ""
	}
	name := fmt.Sprintf(" taught by %s %v ", t.Model.Network.Name, t.Temperature)
	return name + checkpoint.Identity(name, arrays(t.Model.Params))
}

// arrays are values as they enter an identity.
type arrays [][]float32

// Digest implements checkpoint.Digester.
func (a arrays) Digest(h io.Writer) {
	for _, values := range a {
		binary.Write(h, binary.LittleEndian, values)
	}
}

// inputs are the teacher's parameters; none without a teacher.
func (t *Teacher) inputs(g *graph.Graph) (out []*graph.Node) {
	if t == nil {
		return nil
	}
	for _, p := range t.Model.Network.Params {
		out = append(out, graph.Input(g, "teacher "+p.Name, p.Shape...))
	}
	return out
}

// loss is the loss of logits on x, by the teacher or by the samples' labels.
func (t *Teacher) loss(g *graph.Graph, x, logits, target *graph.Node, params []*graph.Node) *graph.Node {
	if t == nil {
		return graph.CrossEntropy(logits, target)
	}
	labels := graph.Softmax(graph.Scale(t.Model.Network.Logits(g, x, params), 1/t.Temperature))
	return graph.Scale(graph.CrossEntropy(graph.Scale(logits, 1/t.Temperature), labels), t.Temperature*t.Temperature)
}
