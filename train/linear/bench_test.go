package linear

import (
	"context"
	"runtime"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/kernel"
)

// Sums over samples of MNIST's and CIFAR-10's size, and one solution.
func BenchmarkStatistics(b *testing.B) {
	for name, shape := range map[string]data.Shape{"28x28": {C: 1, H: 28, W: 28}, "3x32x32": {C: 3, H: 32, W: 32}} {
		s := &data.Samples{Shape: shape, Classes: 10, X: make([]float32, 1024*shape.Size()), Y: make([]int, 1024)}
		rng := data.Stream(1, "bench")
		for i := range s.X {
			s.X[i] = float32(rng.NormFloat64())
		}
		pool := kernel.NewPool(runtime.GOMAXPROCS(0))
		defer pool.Close()
		sums := NewStatistics(shape, 10)
		d := float64(shape.Size())
		b.Run(name+"/add", func(b *testing.B) {
			for b.Loop() {
				if err := sums.Add(context.Background(), pool, s); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*1024*d*d/2/b.Elapsed().Seconds()/1e9, "Gmultiply-adds/s")
		})
		b.Run(name+"/solve", func(b *testing.B) {
			for b.Loop() {
				if _, err := sums.Solve(context.Background(), pool, 1000); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*d*d*d/6/b.Elapsed().Seconds()/1e9, "Gmultiply-adds/s")
		})
	}
}
