package kernel

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
)

func TestCholeskySolves(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for _, n := range []int{1, 7, 32, 33, 100, 131} {
		half := mat.NewDense(n, n+3, nil)
		for i := range half.RawMatrix().Data {
			half.RawMatrix().Data[i] = rng.NormFloat64()
		}
		var k mat.SymDense
		k.SymOuterK(1, half)
		pool := NewPool(2)
		c := NewCholesky(pool, n, 2)
		want := make([]float64, 2*n)
		for i := range want {
			want[i] = rng.NormFloat64()
		}
		for i := range n {
			for j := range n {
				c.L[i*n+j] = k.At(i, j)
				c.X[i] += k.At(i, j) * want[j]
				c.X[n+i] += k.At(i, j) * want[n+j]
			}
		}
		ok := c.Factor()
		c.Solve()
		for i, w := range want {
			if !ok || math.Abs(c.X[i]-w) > 1e-7 {
				t.Fatalf("n = %d: value %d is %.10f, want %.10f (factored: %t)", n, i, c.X[i], w, ok)
			}
		}
		c.L[0] = -1
		if c.Factor() {
			t.Errorf("n = %d: a matrix that is not positive definite was factored", n)
		}
		pool.Close()
	}
}
