package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/engine"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/nn"
	"github.com/distillmesh/distillmesh/train/view"
)

// Causes of refusal.
var (
	// ErrSamples means that samples do not suit the network.
	ErrSamples = errors.New("samples do not suit the network")
	// ErrTensors means that tensors are not the network's parameters.
	ErrTensors = errors.New("tensors are not the network's parameters")
	// ErrDiverged means that a parameter or the loss became NaN or infinite.
	ErrDiverged = errors.New("training diverged")
)

// Classifier gives every sample a score per class.
type Classifier interface {
	// Logits is one row of scores per sample, Len x Classes; the largest score is the prediction.
	Logits(ctx context.Context, s *data.Samples) ([]float32, error)
}

// Model is a network with values.
type Model struct {
	Network *nn.Network
	Params  [][]float32 // one slice per parameter of the network, in order
	View    view.View   // how it sees samples
	// Device is where Logits computes.
	Device device.Choice
}

var _ Classifier = (*Model)(nil)

// predictBatch is the number of samples that Logits computes at once.
const predictBatch = 250

// Logits implements Classifier.
func (m *Model) Logits(ctx context.Context, s *data.Samples) ([]float32, error) {
	if err := suits(m.Network, s); err != nil {
		return nil, fmt.Errorf("predict: %w", err)
	}
	e, err := engine.Open(m.Device)
	if err != nil {
		return nil, fmt.Errorf("predict: %w", err)
	}
	defer e.Close()
	out, size := make([]float32, s.Len()*s.Classes), s.Shape.Size()
	programs := make(map[int]graph.Program)
	seen := make([]float32, min(predictBatch, s.Len())*size)
	view := m.View.Open(s.Shape)
	for at := 0; at < s.Len(); at += predictBatch {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("predict: %w", err)
		}
		n := min(predictBatch, s.Len()-at)
		p := programs[n]
		if p == nil {
			if p, err = m.predictor(e, n); err != nil {
				return nil, fmt.Errorf("predict: %w", err)
			}
			programs[n] = p
		}
		view.ShowRows(s, at, at+n, seen[:n*size])
		err = errors.Join(p.Set(0, seen[:n*size]), p.Run(), p.Get(0, out[at*s.Classes:(at+n)*s.Classes]))
		if err != nil {
			return nil, fmt.Errorf("predict: %w", err)
		}
	}
	return out, nil
}

// predictor compiles the logits of n samples.
func (m *Model) predictor(e graph.Engine, n int) (program graph.Program, err error) {
	defer graph.Catch(&err)
	g, shape := graph.New(), m.Network.Shape
	x, params := graph.Input(g, "x", n, shape.C, shape.H, shape.W), m.Network.Inputs(g)
	program, err = e.Compile(graph.Spec{Inputs: append([]*graph.Node{x}, params...),
		Outputs: []*graph.Node{m.Network.Logits(g, x, params)}})
	if err != nil {
		return nil, err
	}
	for i, values := range m.Params {
		if err := program.Set(i+1, values); err != nil {
			return nil, err
		}
	}
	return program, nil
}

// suits checks samples against a network before anything is computed.
func suits(n *nn.Network, s *data.Samples) error {
	switch {
	case s.Shape != n.Shape || s.Classes != n.Classes:
		return fmt.Errorf("%w: %v with %d classes for %s of %v with %d", ErrSamples, s.Shape, s.Classes, n.Name, n.Shape,
			n.Classes)
	case len(s.X) != s.Len()*s.Shape.Size() || s.Soft != nil && len(s.Soft) != s.Len()*s.Classes:
		return fmt.Errorf("%w: %d values for %d samples", ErrSamples, len(s.X), s.Len())
	}
	return nil
}

// CheckSamples fails with ErrSamples unless the network can be trained on the
// samples: their shape and classes are those of the network, and every label is a class.
func CheckSamples(n *nn.Network, s *data.Samples) error {
	if err := suits(n, s); err != nil {
		return err
	}
	for i, y := range s.Y {
		if y < 0 || y >= s.Classes {
			return fmt.Errorf("%w: label %d of sample %d, %d classes", ErrSamples, y, i, s.Classes)
		}
	}
	return nil
}

// Tensors are the model's values, named after the network's parameters.
func (m *Model) Tensors() []checkpoint.Tensor {
	tensors := make([]checkpoint.Tensor, len(m.Params))
	for i, p := range m.Network.Params {
		tensors[i] = checkpoint.F32(p.Name, p.Shape, m.Params[i])
	}
	return tensors
}

// CheckTensors fails with ErrTensors unless names, shapes and types are exactly the network's.
// It reads no values.
func CheckTensors(n *nn.Network, tensors []checkpoint.Tensor) error {
	if len(tensors) != len(n.Params) {
		return fmt.Errorf("read %s: %w: %d tensors, want %d", n.Name, ErrTensors, len(tensors), len(n.Params))
	}
	for _, p := range n.Params {
		if _, err := tensorOf(p.Name, p.Shape, tensors); err != nil {
			return fmt.Errorf("read %s: %w", n.Name, err)
		}
	}
	return nil
}

// tensorOf finds the values of a parameter.
func tensorOf(name string, shape []int, tensors []checkpoint.Tensor) (t checkpoint.Tensor, err error) {
	at := slices.IndexFunc(tensors, func(t checkpoint.Tensor) bool { return t.Name == name })
	if at < 0 {
		return t, fmt.Errorf("%w: %s is missing", ErrTensors, name)
	}
	t = tensors[at]
	if t.DType != checkpoint.DTypeF32 || !slices.Equal(t.Shape, shape) {
		return t, fmt.Errorf("%w: %s is %s %v, want F32 %v", ErrTensors, t.Name, t.DType, t.Shape, shape)
	}
	return t, nil
}

// FromTensors is the model whose values the tensors hold. Names, shapes and
// types must be exactly the network's, and all values finite; it fails with
// ErrTensors otherwise.
func FromTensors(n *nn.Network, tensors []checkpoint.Tensor) (*Model, error) {
	params, err := paramsFrom(n, "", tensors)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", n.Name, err)
	}
	if len(tensors) != len(n.Params) {
		return nil, fmt.Errorf("read %s: %w: %d tensors, want %d", n.Name, ErrTensors, len(tensors), len(n.Params))
	}
	return &Model{Network: n, Params: params}, nil
}

// paramsFrom finds each parameter's values under a prefix.
func paramsFrom(n *nn.Network, prefix string, tensors []checkpoint.Tensor) ([][]float32, error) {
	params := make([][]float32, len(n.Params))
	for i, p := range n.Params {
		t, err := tensorOf(prefix+p.Name, p.Shape, tensors)
		if err != nil {
			return nil, err
		}
		values, err := t.Float32s()
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrTensors, err)
		}
		for _, v := range values {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				return nil, fmt.Errorf("%w: %s holds %v", ErrTensors, t.Name, v)
			}
		}
		params[i] = values
	}
	return params, nil
}

// Finite reports whether every value is a finite number: training that diverged
// leaves others.
func (m *Model) Finite() bool {
	for _, values := range m.Params {
		for _, v := range values {
			if v-v != 0 {
				return false
			}
		}
	}
	return true
}

// Accuracy counts correct predictions.
type Accuracy struct{ Correct, Total int }

// Fraction is Correct / Total, or 0 when Total is 0.
func (a Accuracy) Fraction() float64 {
	if a.Total == 0 {
		return 0
	}
	return float64(a.Correct) / float64(a.Total)
}

// Evaluate counts the samples whose largest score is that of their class; among
// equal scores the first class counts, and a row with NaN is wrong.
func Evaluate(ctx context.Context, c Classifier, s *data.Samples) (Accuracy, error) {
	scores, err := c.Logits(ctx, s)
	if err != nil {
		return Accuracy{}, fmt.Errorf("evaluate: %w", err)
	}
	if len(scores) != s.Len()*s.Classes {
		return Accuracy{}, fmt.Errorf("evaluate: %d scores for %d samples of %d classes", len(scores), s.Len(), s.Classes)
	}
	a := Accuracy{Total: s.Len()}
	for i, y := range s.Y {
		if best(scores[i*s.Classes:(i+1)*s.Classes]) == y {
			a.Correct++
		}
	}
	return a, nil
}

// best is the index of the largest value, or -1 when one is NaN.
func best(row []float32) int {
	at := 0
	for i, v := range row {
		if v != v {
			return -1
		}
		if v > row[at] {
			at = i
		}
	}
	return at
}
