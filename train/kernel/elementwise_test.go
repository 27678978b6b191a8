package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

var special = []float32{0, float32(math.Copysign(0, -1)), 1, -1, float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 1e-45, -1e-45}

// same compares values; NaN is NaN, and the sign of zero does not count.
func same(a, b float32) bool { return a == b || a != a && b != b }

func TestElementwiseLoopsAreExactAtEveryLength(t *testing.T) {
	pick := func(rng *rand.Rand, n int) []float32 {
		out := random(rng, n)
		for i := range out {
			if rng.IntN(3) == 0 {
				out[i] = special[rng.IntN(len(special))]
			}
		}
		return out
	}
	positive := func(a, b float32) float32 {
		if b > 0 {
			return a
		}
		return 0
	}
	ops := map[string]struct {
		op   Arithmetic
		want func(a, b float32) float32
	}{
		"add": {Add, func(a, b float32) float32 { return a + b }}, "sub": {Sub, func(a, b float32) float32 { return a - b }},
		"mul": {Mul, func(a, b float32) float32 { return a * b }}, "div": {Div, func(a, b float32) float32 { return a / b }},
		"gate": {Gate, positive}, "first": {First, func(a, _ float32) float32 { return a }},
	}
	forEachSet(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(8, 8))
		for name, o := range ops {
			for n := range 70 {
				a, b, dst := pick(rng, n), pick(rng, n), make([]float32, n)
				o.op.both(dst, a, b)
				for i := range dst {
					if want := o.want(a[i], b[i]); !same(dst[i], want) {
						t.Fatalf("%s of %v and %v is %v, want %v", name, a[i], b[i], dst[i], want)
					}
				}
				if o.op.right == nil || n == 0 {
					continue
				}
				o.op.right(dst, a, b[0])
				for i := range dst {
					if want := o.want(a[i], b[0]); !same(dst[i], want) {
						t.Fatalf("%s of %v and constant %v is %v, want %v", name, a[i], b[0], dst[i], want)
					}
				}
				o.op.left(dst, a[0], b)
				for i := range dst {
					if want := o.want(a[0], b[i]); !same(dst[i], want) {
						t.Fatalf("%s of constant %v and %v is %v, want %v", name, a[0], b[i], dst[i], want)
					}
				}
			}
		}
		x := pick(rng, 1000)
		dst := make([]float32, len(x))
		Relu(dst, x, 0)
		for i, v := range x {
			if want := max(v, 0); !same(dst[i], want) {
				t.Fatalf("relu of %v is %v", v, dst[i])
			}
		}
	})
}

func TestSumsMatchFloat64(t *testing.T) {
	forEachSet(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(4, 8))
		for n := range 100 {
			x, want := random(rng, n), 0.0
			for _, v := range x {
				want += float64(v)
			}
			if got := sumVector(x); math.Abs(float64(got)-want) > 1e-4 {
				t.Fatalf("sum of %d values is %v, want %v", n, got, want)
			}
		}
	})
}

func TestPoolingInVectorsIsThePlainLoop(t *testing.T) {
	forEachSet(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(6, 6))
		pool := NewPool(2)
		defer pool.Close()
		for h := 2; h < 7; h++ {
			for w := 2; w < 40; w++ {
				g := Windows{Maps: 3, H: h, W: w, Size: 2, Stride: 2}
				x := make([]float32, g.Maps*h*w)
				for i := range x {
					x[i] = float32(rng.IntN(4)) // many ties
					if rng.IntN(9) == 0 {
						x[i] = float32(math.NaN())
					}
				}
				values := random(rng, g.Maps*g.P()*g.Q())
				picked, scattered := make([]float32, len(values)), random(rng, len(x))
				NewPick(g).Run(pool, x, x, picked)
				NewScatter(g).Run(pool, x, values, scattered)
				checkWindows(t, g, x, values, picked, scattered)
			}
		}
	})
}

func checkWindows(t *testing.T, g Windows, x, values, picked, scattered []float32) {
	t.Helper()
	want := make([]float32, len(x))
	for m := range g.Maps {
		for i := range g.P() {
			for j := range g.Q() {
				at, window := g.maximum(x[m*g.H*g.W:], 2*i*g.W+2*j)+m*g.H*g.W, (m*g.P()+i)*g.Q()+j
				want[at] = values[window]
				if !same(picked[window], x[at]) {
					t.Fatalf("%+v: window %d gives %v, want %v", g, window, picked[window], x[at])
				}
			}
		}
	}
	for i := range want {
		if !same(scattered[i], want[i]) {
			t.Fatalf("%+v: value %d is %v, want %v", g, i, scattered[i], want[i])
		}
	}
}

// The expected values follow the formulas of the optimisers in float64.
func TestOptimisersFollowTheirFormulas(t *testing.T) {
	forEachSet(t, func(t *testing.T) {
		const n, rate, decay, momentum = 13, 0.01, 0.1, 0.9
		rng := rand.New(rand.NewPCG(3, 1))
		w, m, v := random(rng, n), make([]float32, n), make([]float32, n)
		u, velocity := append([]float32(nil), w...), make([]float32, n)
		w64, m64, v64, u64, velocity64 := wide(w), wide(m), wide(v), wide(u), wide(velocity)
		for step := 1; step <= 20; step++ {
			g := random(rng, n)
			NewAdamStep(step, rate, decay).Apply(w, g, m, v)
			Momentum(u, g, velocity, rate, momentum, decay)
			for i := range g {
				d := float64(g[i]) + decay*w64[i]
				m64[i] = 0.9*m64[i] + 0.1*d
				v64[i] = 0.999*v64[i] + 0.001*d*d
				t := float64(step)
				w64[i] -= rate * (m64[i] / (1 - math.Pow(0.9, t))) / (math.Sqrt(v64[i]/(1-math.Pow(0.999, t))) + 1e-8)
				velocity64[i] = momentum*velocity64[i] + float64(g[i]) + decay*u64[i]
				u64[i] -= rate * velocity64[i]
			}
		}
		near(t, "adam", w, w64)
		near(t, "momentum", u, u64)
	})
}

func wide(x []float32) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = float64(v)
	}
	return out
}

func TestChooseRefusesWhatTheProcessorLacks(t *testing.T) {
	for _, s := range available() {
		if got := choose(s.name); got != s {
			t.Errorf("forced %s, got %s", s.name, got.name)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("an unknown instruction set was accepted")
		}
	}()
	choose("abacus")
}

func BenchmarkVectors(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	const n = 1 << 14
	x, y, z, v := random(rng, n), random(rng, n), make([]float32, n), make([]float32, n)
	step := NewAdamStep(1, 1e-3, 1e-4)
	for name, f := range map[string]func(){
		"add": func() { addVectors(z, x, y) }, "gate": func() { gateVectors(z, x, y) }, "relu": func() { reluVector(z, x) },
		"sum": func() { sumVector(x) }, "adam": func() { step.Apply(z, x, y, v) }, "exp": func() { Exp(z, x, 0) },
	} {
		b.Run(fmt.Sprintf("%s/n=%d", name, n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gvalues/s")
		})
	}
}
