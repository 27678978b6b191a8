package ntk

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/distillmesh/distillmesh/train/kernel"
)

// targetSet is what a step predicts.
type targetSet struct {
	X []float32
	Y []int
}

// regression is a Regression of these values.
func regression(pool *kernel.Pool, p Problem, t targetSet, images, labels []float32) *Regression {
	r := NewRegression(pool, p)
	copy(r.Targets, t.X)
	copy(r.Truth, t.Y)
	copy(r.Images, images)
	copy(r.Labels, labels)
	for i := range r.Squares {
		r.Squares[i] = Square(t.X[i*p.Values : (i+1)*p.Values])
	}
	return r
}

// problem draws supports and targets that share directions, as real images do.
func problem(p Problem) (t targetSet, images, labels []float32) {
	rng := rand.New(rand.NewPCG(5, 6))
	center := make([]float32, p.Classes*p.Values)
	for i := range center {
		center[i] = float32(rng.NormFloat64())
	}
	draw := func(n int) (x []float32, y []int) {
		for i := range n {
			c := i % p.Classes
			y = append(y, c)
			for _, v := range center[c*p.Values : (c+1)*p.Values] {
				x = append(x, v+float32(rng.NormFloat64()))
			}
		}
		return x, y
	}
	t.X, t.Y = draw(p.Targets)
	var y []int
	images, y = draw(p.Supports)
	for _, c := range y {
		for k := range p.Classes {
			v := float32(rng.NormFloat64()*.1) - 1/float32(p.Classes)
			if k == c {
				v++
			}
			labels = append(labels, v)
		}
	}
	return t, images, labels
}

// One step of KIP: loss, gradients, Adam. 1000 targets x 100 supports x 3072
// values at depth 4 is the load of other programs' benchmarks.
func BenchmarkStep(b *testing.B) {
	for _, p := range []Problem{
		{Depth: 4, Targets: 1000, Supports: 100, Values: 3072, Classes: 10, Lambda: Lambda},
		{Depth: 1, Targets: 2000, Supports: 10, Values: 784, Classes: 10, Lambda: Lambda},
		{Depth: 1, Targets: 2000, Supports: 500, Values: 784, Classes: 10, Lambda: Lambda},
	} {
		b.Run(fmt.Sprintf("depth=%d/targets=%d/supports=%d/values=%d", p.Depth, p.Targets, p.Supports, p.Values),
			func(b *testing.B) {
				pool := kernel.NewPool(runtime.GOMAXPROCS(0))
				defer pool.Close()
				t, images, labels := problem(p)
				r := regression(pool, p, t, images, labels)
				m1, m2 := make([]float32, len(images)), make([]float32, len(images))
				n1, n2 := make([]float32, len(labels)), make([]float32, len(labels))
				step := 0
				b.ReportAllocs()
				for b.Loop() {
					if _, err := r.Step(); err != nil {
						b.Fatal(err)
					}
					step++
					adam := kernel.NewAdamStep(step, 1e-4, 0)
					adam.Apply(r.Images, r.ImagesGrad, m1, m2)
					adam.Apply(r.Labels, r.LabelsGrad, n1, n2)
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
			})
	}
}
