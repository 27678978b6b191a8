package kip

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/data"
)

// Steps of KIP with fresh targets, drawing and copying included.
func BenchmarkSteps(b *testing.B) {
	rng := data.Stream(1, "bench")
	s := &data.Samples{Shape: data.Shape{C: 1, H: 28, W: 28}, Classes: 10, X: make([]float32, 20_000*784)}
	for i := range s.X {
		s.X[i] = float32(math.Max(rng.NormFloat64(), -.4))
	}
	for i := range 20_000 {
		s.Y = append(s.Y, i%10)
	}
	for _, ipc := range []int{1, 10} {
		b.Run(fmt.Sprintf("ipc=%d", ipc), func(b *testing.B) {
			r, err := newRun(context.Background(), Default().resolved(s, ipc), distill.Request{Samples: s, IPC: ipc})
			if err != nil {
				b.Fatal(err)
			}
			defer r.close()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.ntkStep(); err != nil {
					b.Fatal(err)
				}
				r.update()
				r.step++
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "steps/s")
		})
	}
}
