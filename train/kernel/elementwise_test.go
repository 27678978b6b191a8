package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

var special = []float32{0, float32(math.Copysign(0, -1)), 1, -1, float32(math.NaN()), float32(math.Inf(1)),
	float32(math.Inf(-1)), 1e-45, -1e-45}

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
				o.op.Both(n, dst, a, b)
				for i := range dst {
					if want := o.want(a[i], b[i]); !same(dst[i], want) {
						t.Fatalf("%s of %v and %v is %v, want %v", name, a[i], b[i], dst[i], want)
					}
				}
				for rows := 1; rows < 4; rows++ {
					a, b, dst := pick(rng, rows*n), pick(rng, rows*n), make([]float32, rows*n)
					values := pick(rng, rows)
					o.op.Right(rows, n, dst, a, values)
					for i := range dst {
						if want := o.want(a[i], values[i/n]); !same(dst[i], want) {
							t.Fatalf("%s of %v and constant %v is %v, want %v", name, a[i], values[i/n], dst[i], want)
						}
					}
					o.op.Left(rows, n, dst, values, b)
					for i := range dst {
						if want := o.want(values[i/n], b[i]); !same(dst[i], want) {
							t.Fatalf("%s of constant %v and %v is %v, want %v", name, values[i/n], b[i], dst[i], want)
						}
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

func TestRowsMatchFloat64(t *testing.T) {
	forEachSet(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(4, 8))
		for n := range 100 {
			for rows := range 4 {
				a, b, c := random(rng, rows*n), random(rng, rows*n), random(rng, rows*n)
				sums, dots, wantSums, wantDots := make([]float32, rows), make([]float32, rows), make([]float64,
					rows), make([]float64, rows)
				all, values := make([]float32, rows*n), random(rng, 2*rows)
				want := [3][]float64{make([]float64, rows*n), make([]float64, rows*n), make([]float64, rows*n)}
				for i := range a {
					wantSums[i/n] += float64(a[i])
					wantDots[i/n] += float64(a[i]) * float64(b[i])
					want[0][i] = float64(a[i])*float64(b[i]) + float64(c[i])
					want[1][i] = float64(a[i])*float64(values[i/n]) + float64(c[i])
					want[2][i] = float64(a[i])*float64(values[i/n]) + float64(values[rows+i/n])
				}
				RowSum(rows, n, sums, a)
				near(t, "sums", sums, wantSums)
				RowDot(rows, n, dots, a, b)
				near(t, "dots", dots, wantDots)
				MulAdd(rows, n, all, a, b, c)
				near(t, "mulAdd", all, want[0])
				MulValueAdd(rows, n, all, a, values, c)
				near(t, "mulValueAdd", all, want[1])
				MulValueAddValue(rows, n, all, a, values, values[rows:])
				near(t, "mulValueAddValue", all, want[2])
			}
		}
	})
}

// ulps is the distance from the right value in units of the float32 beside it.
func ulps(got float32, want float64) float64 {
	w := float32(want)
	if same(got, w) {
		return 0
	}
	unit := math.Abs(float64(math.Nextafter32(w, float32(math.Inf(1))) - w))
	return math.Abs(float64(got)-want) / unit
}

// supplement is Supplement in the form of the others.
func supplement(dst, x []float32, _ float32) { Supplement(dst, x) }

func TestFunctionsAreAccurate(t *testing.T) {
	const n = 200_000
	fill := func(f func(i int) float64) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(f(i))
		}
		return append(x, special...)
	}
	rng := rand.New(rand.NewPCG(5, 5))
	wide := fill(func(int) float64 { return math.Exp(rng.Float64()*176 - 100) }) // positive, of every size
	for _, c := range []struct {
		name     string
		f        func(dst, x []float32, c float32)
		want     func(float64) float64
		x        []float32
		ulps     float64
		absolute float64
	}{
		{"exp", Exp, math.Exp, fill(func(int) float64 { return rng.Float64()*210 - 110 }), 2, 0},
		{"exp near zero", Exp, math.Exp, fill(func(int) float64 { return rng.NormFloat64() }), 2, 0},
		{"log", Log, math.Log, wide, 2, 0},
		{"log near one", Log, math.Log, fill(func(int) float64 { return 1 + 0.3*(rng.Float64()-0.5) }), 2, 0},
		{"sqrt", Sqrt, math.Sqrt, wide, 0.51, 0},
		{"rsqrt", Rsqrt, func(x float64) float64 { return 1 / math.Sqrt(x) }, wide, 1.6, 0},
		{"supplement", supplement, func(x float64) float64 { return math.Pi - math.Acos(x) },
			fill(func(int) float64 { return 2*rng.Float64() - 1 }), 0, 4e-7},
		{"supplement near the ends", supplement, func(x float64) float64 { return math.Pi - math.Acos(x) },
			fill(func(i int) float64 { return math.Copysign(1-math.Exp(-20*rng.Float64()), float64(i%2)-0.5) }), 0, 4e-7},
		{"relu", Relu, func(x float64) float64 { return max(x, 0) }, wide, 0, 0},
		{"round", Round, math.RoundToEven,
			fill(func(i int) float64 { return float64(i%64)/2 + float64(i%3)*rng.NormFloat64() }), 0, 0},
		{"step", Step, func(x float64) float64 {
			if x > 0 {
				return 1
			}
			return 0
		}, fill(func(int) float64 { return rng.NormFloat64() }), 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			forEachSet(t, func(t *testing.T) {
				dst := make([]float32, len(c.x))
				c.f(dst, c.x, 0)
				for i, x := range c.x {
					want := c.want(float64(x))
					if math.Abs(want) < 0x1p-126 && math.Abs(float64(dst[i])) < 0x1p-126 {
						continue // below the smallest normal number, digits are lost
					}
					if d := math.Abs(float64(dst[i]) - want); !(ulps(dst[i], want) <= c.ulps) && !(d <= c.absolute) {
						t.Fatalf("of %v is %v, want %v", x, dst[i], want)
					}
				}
			})
		})
	}
}

func TestPoolingInVectorsIsThePlainLoop(t *testing.T) {
	forEachSet(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(6, 6))
		for h := 3; h < 8; h++ {
			for w := 3; w < 40; w++ {
				for _, g := range []Windows{{h, w, 2, 2}, {h, w, 3, 2}} {
					x := make([]float32, maps*h*w)
					for i := range x {
						x[i] = float32(rng.IntN(4)) // many ties
						if rng.IntN(9) == 0 {
							x[i] = float32(math.NaN())
						}
					}
					values := random(rng, maps*g.P()*g.Q())
					picked, scattered := make([]float32, len(values)), random(rng, len(x))
					g.Pick(maps, x, x, picked)
					g.Scatter(maps, x, values, scattered)
					checkWindows(t, g, x, values, picked, scattered)
				}
			}
		}
	})
}

func TestMeanPoolingMatchesFloat64(t *testing.T) {
	forEachSet(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(6, 7))
		for h := 2; h < 7; h++ {
			for w := 2; w < 40; w++ {
				g := Windows{H: h, W: w, Size: 2, Stride: 2}
				x, v := random(rng, maps*h*w), random(rng, maps*g.P()*g.Q())
				means, spread := make([]float32, len(v)), random(rng, len(x))
				wantMeans, wantSpread := make([]float64, len(v)), make([]float64, len(x))
				for i := range x {
					m, r, c := i/(h*w), i/w%h/2, i%w/2
					if r < g.P() && c < g.Q() {
						window := (m*g.P()+r)*g.Q() + c
						wantMeans[window] += float64(x[i]) / 4
						wantSpread[i] = float64(v[window]) / 4
					}
				}
				g.Mean(maps, x, means)
				near(t, "mean", means, wantMeans)
				g.Spread(maps, v, spread)
				near(t, "spread", spread, wantSpread)
			}
		}
	})
}

// maps is how many maps pooling is tried on.
const maps = 3

func checkWindows(t *testing.T, g Windows, x, values, picked, scattered []float32) {
	t.Helper()
	want := make([]float64, len(x))
	for m := range maps {
		for i := range g.P() {
			for j := range g.Q() {
				at, window := g.maximum(x[m*g.H*g.W:], 2*i*g.W+2*j)+m*g.H*g.W, (m*g.P()+i)*g.Q()+j
				want[at] += float64(values[window])
				if !same(picked[window], x[at]) {
					t.Fatalf("%+v: window %d gives %v, want %v", g, window, picked[window], x[at])
				}
			}
		}
	}
	near(t, fmt.Sprintf("%+v: scattered", g), scattered, want)
}

func TestSupplementIsExactWhereInputsCoincideOrAreOrthogonal(t *testing.T) {
	forEachSet(t, func(t *testing.T) {
		x := slices.Repeat([]float32{-1, 0, 1}, 11) // vectors and a rest
		out := make([]float32, len(x))
		Supplement(out, x)
		for i, v := range out {
			if want := float32([]float64{0, math.Pi / 2, math.Pi}[i%3]); v != want {
				t.Errorf("of %v is %v, want %v", x[i], v, want)
			}
		}
	})
}

// The expected values follow the formulas of the optimizers in float64, also where
// gradients are so small that Adam's epsilon decides.
func TestOptimizersFollowTheirFormulas(t *testing.T) {
	for name, c := range map[string]struct{ size, decay float64 }{"gradients of size one": {1, 0.1},
		"gradients of the size of epsilon": {1e-8, 0}} {
		t.Run(name, func(t *testing.T) {
			forEachSet(t, func(t *testing.T) { checkOptimizers(t, c.size, c.decay) })
		})
	}
}

func checkOptimizers(t *testing.T, size, decay float64) {
	t.Helper()
	const n, rate, momentum = 13, 0.01, 0.9
	rng := rand.New(rand.NewPCG(3, 1))
	w, m, v := random(rng, n), make([]float32, n), make([]float32, n)
	u, velocity := append([]float32(nil), w...), make([]float32, n)
	w64, m64, v64, u64, velocity64 := wide(w), wide(m), wide(v), wide(u), wide(velocity)
	for step := 1; step <= 20; step++ {
		g := random(rng, n)
		for i := range g {
			g[i] *= float32(size)
		}
		NewAdamStep(step, rate, decay).Apply(w, g, m, v)
		Momentum(u, g, velocity, rate, momentum, float32(decay))
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
		"add": func() { Add.Both(n, z, x, y) }, "gate": func() { Gate.Both(n, z, x, y) }, "relu": func() { Relu(z, x, 0) },
		"sum": func() { RowSum(1, n, z, x) }, "dot": func() { RowDot(1, n, z, x, y) }, "adam": func() {
			step.Apply(z, x, y,
				v)
		},
		"exp": func() { Exp(z, x, 0) }, "log": func() { Log(z, y, 0) }, "supplement": func() { Supplement(z, x) },
		"rsqrt": func() { Rsqrt(z, y, 0) }, "mulAdd": func() { MulAdd(1, n, z, x, y, v) }, "div": func() {
			Div.Both(n, z, x,
				y)
		},
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
