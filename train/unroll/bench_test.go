package unroll

import (
	"errors"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/nn"
)

// BenchmarkWalk is ten steps of a ConvNetD3 of width 16 on ten grey images of
// 28 x 28, forward and back.
func BenchmarkWalk(b *testing.B) {
	net, err := nn.ConvNet3(data.Shape{C: 1, H: 28, W: 28}, 10, 16, 3)
	if err != nil {
		b.Fatal(err)
	}
	p := Problem{X: []int{10, 1, 28, 28}, Labels: []int{10, 10}}
	for _, q := range net.Params {
		p.Params = append(p.Params, q.Shape)
	}
	p.Loss = func(params []*graph.Node, x, labels *graph.Node, _ []*graph.Node) *graph.Node {
		return graph.CrossEntropy(net.Logits(nil, x, params), labels)
	}
	const steps = 10
	w := newWalk(b, 1, p, steps)
	theta := slices.Concat(net.Init(1)...)
	x, labels := make([]float32, 10*784), make([]float32, 100)
	for i := range x {
		x[i] = float32(i%13) - 6
	}
	for i := range 10 {
		labels[11*i] = 1
	}
	if err := errors.Join(w.X.Set(x), w.Labels.Set(labels)); err != nil {
		b.Fatal(err)
	}
	u := make([]float32, w.Size())
	for i := range u {
		u[i] = 1
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Forward(theta, steps, 0.01); err != nil {
			b.Fatal(err)
		}
		if _, err := w.Backward(u, steps); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(w.Bytes()), "B/walk")
}
