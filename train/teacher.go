package train

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/nn"
)

// Teacher labels every batch after it was augmented and mixed, in place of the samples' own
// labels (mode M of DD-Ranking). With u the mean of the logits of its networks, v the logits of the network
// in training and T the temperature the loss is, up to a constant,
//
//	T^2 mean over samples of -sum softmax(u / T) log softmax(v / T)
//
// which is T^2 times the Kullback-Leibler divergence (Hinton et al. 2015), or, by squares,
//
//	mean over samples and classes of (v - u)^2 + Truth * the cross-entropy with the samples' own labels
type Teacher struct {
	Models      []*Model // without a view
	Temperature float64  // 0 by squares
	Squares     bool
	Truth       float64 // by squares only
}

// MaxTemperature bounds temperatures.
const MaxTemperature = 1000

// MaxTeachers bounds the networks of a teacher.
const MaxTeachers = 8

// check fails with ErrSamples unless the teacher can label what the network learns from.
func (t *Teacher) check(net *nn.Network) error {
	if len(t.Models) < 1 || len(t.Models) > MaxTeachers {
		return fmt.Errorf("%w: a teacher of %d networks, want 1 to %d", ErrSamples, len(t.Models), MaxTeachers)
	}
	for _, m := range t.Models {
		switch n := m.Network; {
		case n.Shape != net.Shape || n.Classes != net.Classes:
			return fmt.Errorf("%w: a teacher for %v with %d classes", ErrSamples, n.Shape, n.Classes)
		case !m.View.IsNone():
			return fmt.Errorf("%w: a teacher that sees images at another resolution", ErrSamples)
		}
	}
	switch {
	case t.Squares && (t.Temperature != 0 || !(t.Truth >= 0 && t.Truth <= MaxTemperature)):
		return fmt.Errorf("%w: squares with temperature %v and weight %v of labels", ErrSamples, t.Temperature, t.Truth)
	case !t.Squares && t.Truth != 0:
		return fmt.Errorf("%w: labels count by squares only", ErrSamples)
	case !t.Squares && !(t.Temperature > 0 && t.Temperature <= MaxTemperature):
		return fmt.Errorf("%w: temperature %v, want above 0 and at most %d", ErrSamples, t.Temperature, MaxTemperature)
	}
	return nil
}

// Identity is all of the teacher that results depend on; empty without one.
func (t *Teacher) Identity() (id string) {
	if t == nil {
		return ""
	}
	if t.Squares {
		id = fmt.Sprintf(" by squares %v", t.Truth)
	}
	for _, m := range t.Models {
		name := fmt.Sprintf(" taught by %s %v ", m.Network.Name, t.Temperature)
		id += name + checkpoint.Identity(name, arrays(m.Params))
	}
	return id
}

// Logits implements Classifier by the mean over the networks.
func (t *Teacher) Logits(ctx context.Context, s *data.Samples) (mean []float32, err error) {
	for k, m := range t.Models {
		one, err := m.Logits(ctx, s)
		if err != nil {
			return nil, err
		}
		if k == 0 {
			mean = one
			continue
		}
		for i, v := range one {
			mean[i] += (v - mean[i]) / float32(k+1)
		}
	}
	return mean, nil
}

// arrays are values as they enter an identity.
type arrays [][]float32

// Digest implements checkpoint.Digester.
func (a arrays) Digest(h io.Writer) {
	for _, values := range a {
		binary.Write(h, binary.LittleEndian, values)
	}
}

// params are the values of all networks, one after the other.
func (t *Teacher) params() (out [][]float32) {
	for _, m := range t.Models {
		out = append(out, m.Params...)
	}
	return out
}

// inputs are the teacher's parameters; none without a teacher.
func (t *Teacher) inputs(g *graph.Graph) (out []*graph.Node) {
	if t == nil {
		return nil
	}
	for k, m := range t.Models {
		prefix := "teacher "
		if k > 0 {
			prefix = fmt.Sprintf("teacher %d ", k+1)
		}
		for _, p := range m.Network.Params {
			out = append(out, graph.Input(g, prefix+p.Name, p.Shape...))
		}
	}
	return out
}

// logits are the mean of those of the networks.
func (t *Teacher) logits(g *graph.Graph, x *graph.Node, params []*graph.Node) (sum *graph.Node) {
	for k, m := range t.Models {
		n := len(m.Network.Params)
		one := m.Network.Logits(g, x, params[:n])
		params = params[n:]
		if k == 0 {
			sum = one
		} else {
			sum = graph.Add(sum, one)
		}
	}
	if len(t.Models) > 1 {
		sum = graph.Scale(sum, 1/float64(len(t.Models)))
	}
	return sum
}

// loss is the loss of logits on x, by the teacher or by the samples' labels.
func (t *Teacher) loss(g *graph.Graph, x, logits, target *graph.Node, params []*graph.Node) *graph.Node {
	if t == nil {
		return graph.CrossEntropy(logits, target)
	}
	taught := t.logits(g, x, params)
	if !t.Squares {
		labels := graph.Softmax(graph.Scale(taught, 1/t.Temperature))
		return graph.Scale(graph.CrossEntropy(graph.Scale(logits, 1/t.Temperature), labels), t.Temperature*t.Temperature)
	}
	off := graph.Sub(logits, taught)
	loss := graph.Mean(graph.Mul(off, off))
	if t.Truth > 0 {
		loss = graph.Add(loss, graph.Scale(graph.CrossEntropy(logits, target), t.Truth))
	}
	return loss
}
