package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestGatherCopiesRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	forEachSet(t, func(t *testing.T) {
		for _, d := range []int{0, 1, 15, 16, 31, 32, 33, 64, 97, 784} {
			x := random(rng, 7*d)
			index := []int{6, 0, 0, 3, 5}
			got, want := make([]float32, len(index)*d), []float32{}
			for _, i := range index {
				want = append(want, x[i*d:(i+1)*d]...)
			}
			if Gather(got, x, index, d); !slices.Equal(got, want) {
				t.Errorf("rows of %d differ", d)
			}
		}
	})
}

func BenchmarkGather(b *testing.B) {
	const rows, d, of = 2000, 784, 60000
	rng := rand.New(rand.NewPCG(1, 2))
	x, dst, index := make([]float32, of*d), make([]float32, rows*d), make([]int, rows)
	for i := range x {
		x[i] = float32(i)
	}
	b.ReportAllocs()
	b.SetBytes(2 * rows * d * sizeOfFloat)
	for b.Loop() {
		b.StopTimer()
		for i := range index {
			index[i] = rng.IntN(of)
		}
		b.StartTimer()
		Gather(dst, x, index, d)
	}
}
