package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// pointShapes are large enough for Winograd's points: sides that tiles do not
// divide, channels that vectors do not, every padding, several chunks.
var pointShapes = []Conv{
	{N: 3, C: 32, H: 14, W: 14, K: 64, R: 3, S: 3, Stride: 1, Pad: 1},
	{N: 2, C: 25, H: 7, W: 9, K: 37, R: 3, S: 3, Stride: 1, Pad: 1},
	{N: 1, C: 24, H: 17, W: 6, K: 40, R: 3, S: 3, Stride: 1, Pad: 0},
	{N: 2, C: 33, H: 5, W: 13, K: 24, R: 3, S: 3, Stride: 1, Pad: 2},
	{N: 9, C: 24, H: 20, W: 20, K: 25, R: 3, S: 3, Stride: 1, Pad: 1},
}

// points are pointShapes, with -short those of few products.
func points() []Conv {
	if testing.Short() {
		return pointShapes[1:4]
	}
	return pointShapes
}

// relative is the largest difference over the largest value.
func relative(got []float32, want []float64) float64 {
	most, off := 0.0, 0.0
	for i, v := range want {
		most = max(most, math.Abs(v))
		if d := math.Abs(float64(got[i]) - v); !(d <= off) {
			off = d
		}
	}
	return off / most
}

func TestConvolutionsByPointsAreAccurate(t *testing.T) {
	forEachSet(t, func(t *testing.T) {
		pool := NewPool(2)
		defer pool.Close()
		for _, g := range points() {
			if active.winograd != nil && !g.byPoints() {
				t.Fatalf("%v is not computed by points", g)
			}
			rng := rand.New(rand.NewPCG(1, 1))
			x, w, y := random(rng, g.N*g.C*g.H*g.W), random(rng, g.K*g.C*g.R*g.S), random(rng, g.N*g.K*g.P()*g.Q())
			maps, images, weights := make([]float64, len(y)), make([]float64, len(x)), make([]float64, len(w))
			g.eachTap(func(xi, wi, yi int) {
				maps[yi] += float64(x[xi]) * float64(w[wi])
				images[xi] += float64(y[yi]) * float64(w[wi])
				weights[wi] += float64(x[xi]) * float64(y[yi])
			})
			gotY, gotX, gotW := make([]float32, len(y)), make([]float32, len(x)), make([]float32, len(w))
			NewConvMaps(g).Run(pool, x, w, gotY)
			NewConvImages(g).Run(pool, y, w, gotX)
			NewConvWeights(g).Run(pool, x, y, gotW)
			for what, off := range map[string]float64{"maps": relative(gotY, maps), "images": relative(gotX, images),
				"weights": relative(gotW, weights)} {
				if !(off <= 1e-5) {
					t.Errorf("%s of %v: off by %.2g of the largest value", what, g, off)
				}
			}
		}
	})
}

func TestConvolutionsByPointsDoNotDependOnWorkers(t *testing.T) {
	forEachSet(t, func(t *testing.T) {
		for _, g := range points()[len(points())-2:] {
			rng := rand.New(rand.NewPCG(1, 1))
			x, w, y := random(rng, g.N*g.C*g.H*g.W), random(rng, g.K*g.C*g.R*g.S), random(rng, g.N*g.K*g.P()*g.Q())
			var first []float32
			for _, workers := range []int{1, 2, 4} {
				pool := NewPool(workers)
				all := make([]float32, len(y)+len(x)+len(w))
				NewConvMaps(g).Run(pool, x, w, all[:len(y)])
				NewConvImages(g).Run(pool, y, w, all[len(y):len(y)+len(x)])
				NewConvWeights(g).Run(pool, x, y, all[len(y)+len(x):])
				pool.Close()
				if first == nil {
					first = all
				}
				if !slices.Equal(first, all) {
					t.Errorf("%v: other bits with %d workers", g, workers)
				}
			}
		}
	})
}

func TestNothingInfiniteDisappearsInTiles(t *testing.T) {
	forEachSet(t, func(t *testing.T) {
		g := points()[0]
		pool := NewPool(1)
		defer pool.Close()
		for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
			rng := rand.New(rand.NewPCG(1, 1))
			x, w, y := random(rng, g.N*g.C*g.H*g.W), random(rng, g.K*g.C*g.R*g.S), make([]float32, g.N*g.K*g.P()*g.Q())
			at := rng.IntN(len(x))
			x[at] = bad
			NewConvMaps(g).Run(pool, x, w, y)
			g.eachTap(func(xi, _, yi int) {
				if v := float64(y[yi]); xi == at && !math.IsNaN(v) && !math.IsInf(v, 0) {
					t.Fatalf("%v at %d gave %v", bad, at, v)
				}
			})
		}
	})
}

func BenchmarkConvByPoints(b *testing.B) {
	for _, workers := range []int{1, 2} {
		pool := NewPool(workers)
		defer pool.Close()
		for _, g := range []Conv{
			{N: 10, C: 128, H: 14, W: 14, K: 128, R: 3, S: 3, Stride: 1, Pad: 1},
			{N: 10, C: 128, H: 7, W: 7, K: 128, R: 3, S: 3, Stride: 1, Pad: 1},
			{N: 64, C: 128, H: 16, W: 16, K: 128, R: 3, S: 3, Stride: 1, Pad: 1},
		} {
			benchmarkConv(b, pool, fmt.Sprintf("%dx%dx%d/workers=%d", g.N, g.C, g.H, workers), g)
		}
	}
}
