package gpu

import (
	"errors"
	"fmt"
	"math"

	"github.com/distillmesh/distillmesh/train/graph"
)

// ErrWrong means that a device computes wrongly.
var ErrWrong = errors.New("the GPU computes wrongly")

// selfTolerance is the largest difference from float64, relative to one and the value.
const selfTolerance = 1e-3

// SelfTest computes a small network's loss and its derivatives and compares them with float64
// references: products, convolutions, pooling, chains and sums take part. It fails with ErrWrong, or with the
// driver's error.
func (h *Host) SelfTest() error {
	e, err := h.Engine()
	if err != nil {
		return err
	}
	defer e.Close()
	g := graph.New()
	x, w := graph.Input(g, "x", 3, 2, 9, 9), graph.Input(g, "w", 5, 2, 3, 3)
	v, t := graph.Input(g, "v", 80, 10), graph.Input(g, "t", 3, 10)
	maps := graph.MaxPool(graph.Relu(graph.Conv2D(x, w, 1, 1)), 2, 2)
	logits := graph.MatMul(graph.Reshape(maps, 3, 80), v)
	loss := graph.CrossEntropy(logits, graph.Softmax(t))
	grads, err := graph.Grad(loss, w, v, x)
	if err != nil {
		return err
	}
	outputs := append([]*graph.Node{loss}, grads...)
	inputs := []*graph.Node{x, w, v, t}
	p, err := e.Compile(graph.Spec{Inputs: inputs, Outputs: outputs})
	if err != nil {
		return err
	}
	defer p.Close()
	feeds := make(map[*graph.Node][]float64)
	for i, n := range inputs {
		values := make([]float32, n.Shape().TotalSize())
		for j := range values {
			values[j] = float32(math.Sin(float64(17*i + 3*j*j%101)))
			feeds[n] = append(feeds[n], float64(values[j]))
		}
		if err := p.Set(i, values); err != nil {
			return err
		}
	}
	if err := p.Run(); err != nil {
		return err
	}
	want, err := graph.Reference(feeds, outputs...)
	if err != nil {
		return err
	}
	for i := range want {
		got := make([]float32, len(want[i]))
		if err := p.Get(i, got); err != nil {
			return err
		}
		for j, v := range want[i] {
			if d := math.Abs(float64(got[j]) - v); !(d <= selfTolerance*(1+math.Abs(v))) {
				return fmt.Errorf("%w: %s: %v where float64 gives %v", ErrWrong, e.Name(), got[j], v)
			}
		}
	}
	return nil
}
