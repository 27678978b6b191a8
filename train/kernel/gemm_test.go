package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// forEachSet runs f once with every instruction set of this machine.
func forEachSet(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	saved := active
	defer func() { active = saved }()
	for _, s := range available() {
		active = s
		t.Run(s.name, f)
	}
}

func random(rng *rand.Rand, n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(rng.NormFloat64())
	}
	return out
}

// product is one matrix product with its strides.
type product struct {
	transA, transB bool
	m, n, k        int
	lda, ldb, ldc  int
	alpha, beta    float32
	a, b, c        []float32
}

func randomProduct(rng *rand.Rand, m, n, k int) product {
	p := product{transA: rng.IntN(2) == 0, transB: rng.IntN(2) == 0, m: m, n: n, k: k,
		alpha: []float32{1, 1, -0.5}[rng.IntN(3)], beta: []float32{0, 1, 0.25}[rng.IntN(3)]}
	rowsA, colsA, rowsB, colsB := m, k, k, n
	if p.transA {
		rowsA, colsA = k, m
	}
	if p.transB {
		rowsB, colsB = n, k
	}
	p.lda, p.ldb, p.ldc = colsA+rng.IntN(3), colsB+rng.IntN(3), n+rng.IntN(3)
	p.a, p.b, p.c = random(rng, rowsA*p.lda), random(rng, rowsB*p.ldb), random(rng, m*p.ldc)
	return p
}

func (p product) run(pool *Pool, c []float32) {
	pool.Gemm(p.transA, p.transB, p.m, p.n, p.k, p.alpha, p.a, p.lda, p.b, p.ldb, p.beta, c, p.ldc)
}

// reference is the value of C at (i, j) in float64 and the sum of magnitudes
// that bounds its rounding error.
func (p product) reference(i, j int) (value, scale float64) {
	for l := range p.k {
		x, y := p.a[strided(p.transA, i, l, p.lda)], p.b[strided(p.transB, l, j, p.ldb)]
		term := float64(x) * float64(y)
		value += float64(p.alpha) * term
		scale += math.Abs(term)
	}
	if p.beta != 0 {
		value += float64(p.beta) * float64(p.c[i*p.ldc+j])
	}
	return value, scale + 1
}

func TestGemmMatchesFloat64OnOddShapes(t *testing.T) {
	sizes := [][3]int{{0, 3, 2}, {3, 0, 2}, {2, 3, 0}, {1, 1, 1}, {7, 13, 11}, {12, 32, 256}, {13, 33, 257}, {31, 97, 300},
		{100, 10, 84}, {5, 530, 17}, {64, 64, 64}, {37, 160, 5}, {25, 129, 513}}
	forEachSet(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 2))
		pool := NewPool(2)
		defer pool.Close()
		for _, s := range sizes {
			for range 6 {
				p := randomProduct(rng, s[0], s[1], s[2])
				got := append([]float32(nil), p.c...)
				p.run(pool, got)
				checkProduct(t, p, got)
			}
		}
	})
}

// strided is the place of value (i, j) of a matrix that may be transposed.
func strided(trans bool, i, j, ld int) int {
	if trans {
		return j*ld + i
	}
	return i*ld + j
}

func checkProduct(t *testing.T, p product, got []float32) {
	t.Helper()
	for i := range p.m {
		for j := range p.n {
			want, scale := p.reference(i, j)
			if d := math.Abs(float64(got[i*p.ldc+j]) - want); !(d <= 1e-5*scale) {
				t.Fatalf("%v %v %dx%dx%d alpha %v beta %v: C[%d,%d] = %v, want %v", p.transA, p.transB, p.m, p.n, p.k, p.alpha,
					p.beta, i, j, got[i*p.ldc+j], want)
			}
		}
		for j := p.n; j < p.ldc && i*p.ldc+j < len(got); j++ {
			if got[i*p.ldc+j] != p.c[i*p.ldc+j] {
				t.Fatalf("%dx%dx%d: value beside C at (%d, %d) overwritten", p.m, p.n, p.k, i, j)
			}
		}
	}
}

func TestGemmGivesTheSameBitsForAnyWorkerCount(t *testing.T) {
	forEachSet(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(3, 4))
		for _, s := range [][3]int{{61, 131, 300}, {200, 7, 90}, {3, 700, 513}} {
			p := randomProduct(rng, s[0], s[1], s[2])
			var first []float32
			for _, workers := range []int{1, 2, 3, 4, 16} {
				pool := NewPool(workers)
				got := append([]float32(nil), p.c...)
				p.run(pool, got)
				pool.Close()
				if first == nil {
					first = got
				}
				for i := range got {
					if math.Float32bits(got[i]) != math.Float32bits(first[i]) {
						t.Fatalf("%v with %d workers: value %d differs", s, workers, i)
					}
				}
			}
		}
	})
}

func TestGemmPropagatesNaNAndOverwritesItWithBetaZero(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	forEachSet(t, func(t *testing.T) {
		a, b := []float32{nan, 0, 1, 1, inf, 1}, []float32{1, 2, 3, 4}
		c := []float32{nan, nan, nan, nan, nan, nan}
		Gemm(false, false, 3, 2, 2, 1, a, 2, b, 2, 0, c, 2)
		for i, isNaN := range []bool{true, true, false, false, false, false} {
			if math.IsNaN(float64(c[i])) != isNaN {
				t.Errorf("value %d is %v", i, c[i])
			}
		}
		if !math.IsInf(float64(c[4]), 1) {
			t.Errorf("infinity became %v", c[4])
		}
	})
}

func TestGemmRefusesShortSlices(t *testing.T) {
	defer func() {
		if _, ok := recover().(*ShapeError); !ok {
			t.Error("no *ShapeError")
		}
	}()
	Gemm(false, false, 4, 4, 4, 1, make([]float32, 15), 4, make([]float32, 16), 4, 0, make([]float32, 16), 4)
}

func BenchmarkGemm(b *testing.B) {
	for _, size := range []int{64, 256, 1024} {
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("n=%d/workers=%d", size, workers), func(b *testing.B) {
				rng := rand.New(rand.NewPCG(1, 1))
				x, y, z := random(rng, size*size), random(rng, size*size), make([]float32, size*size)
				pool := NewPool(workers)
				defer pool.Close()
				b.ReportAllocs()
				for b.Loop() {
					pool.Gemm(false, false, size, size, size, 1, x, size, y, size, 0, z, size)
				}
				reportRate(b, 2*float64(size)*float64(size)*float64(size), workers)
			})
		}
	}
}
