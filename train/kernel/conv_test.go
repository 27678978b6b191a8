package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

var convShapes = []Conv{
	{N: 3, C: 1, H: 28, W: 28, K: 6, R: 5, S: 5, Stride: 1, Pad: 2},
	{N: 4, C: 6, H: 14, W: 14, K: 16, R: 5, S: 5, Stride: 1},
	{N: 2, C: 3, H: 7, W: 11, K: 13, R: 3, S: 3, Stride: 1, Pad: 1},
	{N: 1, C: 2, H: 9, W: 8, K: 5, R: 3, S: 2, Stride: 2, Pad: 1},
	{N: 2, C: 5, H: 4, W: 4, K: 7, R: 1, S: 1, Stride: 2},
	{N: 1, C: 1, H: 1, W: 1, K: 1, R: 1, S: 1, Stride: 1},
	{N: 2, C: 2, H: 3, W: 3, K: 2, R: 2, S: 2, Stride: 1, Pad: 3},
	{N: 2, C: 4, H: 6, W: 6, K: 3, R: 3, S: 3, Stride: 3, Pad: 2},
	{N: 2, C: 3, H: 9, W: 13, K: 33, R: 5, S: 5, Stride: 1, Pad: 2}, // many channels from here on
	{N: 3, C: 25, H: 8, W: 7, K: 40, R: 5, S: 5, Stride: 1, Pad: 2},
	{N: 2, C: 30, H: 9, W: 8, K: 26, R: 3, S: 3, Stride: 2, Pad: 1},
	{N: 2, C: 32, H: 5, W: 5, K: 24, R: 1, S: 1, Stride: 2},
	{N: 1, C: 1, H: 6, W: 6, K: 47, R: 3, S: 2, Stride: 1, Pad: 1},
	{N: 2, C: 40, H: 3, W: 3, K: 30, R: 3, S: 3, Stride: 1, Pad: 3},
}

// eachTap calls f with the places in x, w and y of every product of the
// convolution.
func (g Conv) eachTap(f func(x, w, y int)) {
	for n := range g.N {
		for k := range g.K {
			for i := range g.P() {
				for j := range g.Q() {
					for c := range g.C {
						for r := range g.R {
							for s := range g.S {
								row, col := i*g.Stride+r-g.Pad, j*g.Stride+s-g.Pad
								if row >= 0 && row < g.H && col >= 0 && col < g.W {
									f(((n*g.C+c)*g.H+row)*g.W+col, ((k*g.C+c)*g.R+r)*g.S+s, ((n*g.K+k)*g.P()+i)*g.Q()+j)
								}
							}
						}
					}
				}
			}
		}
	}
}

// sums are float64 references of float32 sums, with what bounds their rounding.
type sums struct {
	values, squares []float64 // of each sum: the sum itself, and that of the squares of its terms
	terms           []int
}

func newSums(n int) sums { return sums{make([]float64, n), make([]float64, n), make([]int, n)} }

func (s sums) add(i int, term float64) {
	s.values[i] += term
	s.squares[i] += term * term
	s.terms[i]++
}

// bound is how far a float32 sum may be off, in whatever order its terms are added
// and whether products are fused or not. With u = 2^-24, each of n additions rounds a
// partial sum S by at most u |S|. Terms of random sign make |S| about the root of the
// sum of squares q of the terms so far, and n independent errors add up as their
// root: u sqrt(n q / 6) is the standard deviation, sqrt(n q) u twice and a half that.
// Four times sqrt(n q) u is ten standard deviations. n and q are the largest of all
// sums, since transforms mix neighboring ones.
func (s sums) bound() float64 {
	return 4 * math.Pow(2, -24) * math.Sqrt(float64(slices.Max(s.terms))*slices.Max(s.squares))
}

// wrong names the first value that is off by more than its rounding.
func (s sums) wrong(got []float32) error {
	bound := s.bound()
	for i, want := range s.values {
		if d := math.Abs(float64(got[i]) - want); !(d <= bound) {
			return fmt.Errorf("value %d is %v, want %v within %.2g", i, got[i], want, bound)
		}
	}
	return nil
}

// convSums are the references of the three maps of a convolution.
func convSums(g Conv, x, w, y []float32) (maps, images, weights sums) {
	maps, images, weights = newSums(len(y)), newSums(len(x)), newSums(len(w))
	g.eachTap(func(xi, wi, yi int) {
		maps.add(yi, float64(x[xi])*float64(w[wi]))
		images.add(xi, float64(y[yi])*float64(w[wi]))
		weights.add(wi, float64(x[xi])*float64(y[yi]))
	})
	return maps, images, weights
}

func TestConvolutionsMatchFloat64OnEveryInstructionSet(t *testing.T) {
	forEachSet(t, func(t *testing.T) {
		pool := NewPool(2)
		defer pool.Close()
		check := func(what string, g Conv, got []float32, want sums) {
			t.Helper()
			if err := want.wrong(got); err != nil {
				t.Fatalf("%s %v: %v", what, g, err)
			}
		}
		for _, g := range convShapes {
			rng := rand.New(rand.NewPCG(1, 1))
			x, w, y := random(rng, g.N*g.C*g.H*g.W), random(rng, g.K*g.C*g.R*g.S), random(rng, g.N*g.K*g.P()*g.Q())
			maps, images, weights := convSums(g, x, w, y)
			got := make([]float32, len(y))
			NewConvMaps(g).Run(pool, x, w, got)
			check("maps", g, got, maps)
			got = make([]float32, len(x))
			NewConvImages(g).Run(pool, y, w, got)
			check("images", g, got, images)
			k := NewConvWeights(g)
			got = make([]float32, len(w))
			for range 2 { // the second run finds what the first has left
				k.Run(pool, x, y, got)
				check("weights", g, got, weights)
			}
		}
	})
}

// The bound is tight enough to see one product of the longest sums that is missing or
// slightly off, and operands of half precision.
func TestTheBoundOfConvolutionsSeesSmallErrors(t *testing.T) {
	g := Conv{N: 1, C: 25, H: 8, W: 7, K: 40, R: 5, S: 5, Stride: 1, Pad: 2}
	rng := rand.New(rand.NewPCG(1, 1))
	x, w, y := random(rng, g.N*g.C*g.H*g.W), random(rng, g.K*g.C*g.R*g.S), random(rng, g.N*g.K*g.P()*g.Q())
	_, images, _ := convSums(g, x, w, y)
	exact := make([]float32, len(x))
	for i, v := range images.values {
		exact[i] = float32(v)
	}
	if err := images.wrong(exact); err != nil {
		t.Errorf("the rounded reference itself: %v", err)
	}
	at := slices.Index(images.terms, slices.Max(images.terms))
	for what, by := range map[string]float32{"a product of 0.01 is missing": 0.01,
		"a product of 1 is off by a thousandth": 0.001} {
		off := slices.Clone(exact)
		off[at] += by
		if images.wrong(off) == nil {
			t.Errorf("%s, and nothing is seen within %.2g", what, images.bound())
		}
	}
	half := make([]float64, len(x))
	g.eachTap(func(xi, wi, yi int) { half[xi] += coarse(y[yi]) * coarse(w[wi]) })
	for i, v := range half {
		exact[i] = float32(v)
	}
	if images.wrong(exact) == nil {
		t.Error("operands of half precision are not seen")
	}
}

// coarse keeps the 11 bits of a number that half precision does.
func coarse(v float32) float64 {
	fraction, exponent := math.Frexp(float64(v))
	return math.Ldexp(math.Round(fraction*(1<<11))/(1<<11), exponent)
}

func near(t *testing.T, what string, got []float32, want []float64) {
	t.Helper()
	for i := range want {
		if d := math.Abs(float64(got[i]) - want[i]); !(d <= 2e-5*(1+math.Abs(want[i]))) {
			t.Fatalf("%s: value %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

func TestWeightGradientAddsChunksInOneOrder(t *testing.T) {
	g := Conv{N: 110, C: 6, H: 14, W: 14, K: 16, R: 5, S: 5, Stride: 1} // more than one chunk
	if k := NewConvWeights(g); k.chunk >= g.N {
		t.Fatalf("all %d images fit one chunk of %d", g.N, k.chunk)
	}
	rng := rand.New(rand.NewPCG(2, 2))
	x, y := random(rng, g.N*g.C*g.H*g.W), random(rng, g.N*g.K*g.P()*g.Q())
	forEachSet(t, func(t *testing.T) {
		want := make([]float64, g.K*g.C*g.R*g.S)
		g.eachTap(func(xi, wi, yi int) { want[wi] += float64(x[xi]) * float64(y[yi]) })
		var first []float32
		for _, workers := range []int{1, 2, 4} {
			pool := NewPool(workers)
			got := make([]float32, len(want))
			NewConvWeights(g).Run(pool, x, y, got)
			pool.Close()
			if first == nil {
				first = got
				for i := range want {
					if d := math.Abs(float64(got[i]) - want[i]); !(d <= 1e-2) {
						t.Fatalf("value %d is %v, want %v", i, got[i], want[i])
					}
				}
			}
			for i := range got {
				if math.Float32bits(got[i]) != math.Float32bits(first[i]) {
					t.Fatalf("%d workers: value %d differs", workers, i)
				}
			}
		}
	})
}

func BenchmarkConv(b *testing.B) {
	pool := NewPool(1)
	defer pool.Close()
	for name, g := range map[string]Conv{
		"lenet1": {N: 50, C: 1, H: 28, W: 28, K: 6, R: 5, S: 5, Stride: 1, Pad: 2},
		"lenet2": {N: 50, C: 6, H: 14, W: 14, K: 16, R: 5, S: 5, Stride: 1},
		"5x5":    {N: 50, C: 64, H: 16, W: 16, K: 64, R: 5, S: 5, Stride: 1, Pad: 2},
		"5x5x3":  {N: 50, C: 3, H: 32, W: 32, K: 64, R: 5, S: 5, Stride: 1, Pad: 2},
		"3x3x1":  {N: 10, C: 1, H: 28, W: 28, K: 128, R: 3, S: 3, Stride: 1, Pad: 1},
		"64to64": {N: 8, C: 64, H: 16, W: 16, K: 64, R: 3, S: 3, Stride: 1, Pad: 1},
	} {
		benchmarkConv(b, pool, name, g)
	}
}

// benchmarkConv runs the three maps of one geometry. GFLOP/s counts the sums of
// the definition, whatever the way they are computed.
func benchmarkConv(b *testing.B, pool *Pool, name string, g Conv) {
	rng := rand.New(rand.NewPCG(1, 1))
	x, w, y := random(rng, g.N*g.C*g.H*g.W), random(rng, g.K*g.C*g.R*g.S), random(rng, g.N*g.K*g.P()*g.Q())
	maps, images, weights := NewConvMaps(g), NewConvImages(g), NewConvWeights(g)
	for kind, run := range map[string]func(){
		"maps":    func() { maps.Run(pool, x, w, y) },
		"images":  func() { images.Run(pool, y, w, x) },
		"weights": func() { weights.Run(pool, x, y, w) },
	} {
		b.Run(name+"/"+kind, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				run()
			}
			reportRate(b, 2*float64(len(y))*float64(g.C*g.R*g.S), pool.Workers())
		})
	}
}
