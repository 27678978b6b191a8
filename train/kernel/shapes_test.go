package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// misaligned is n random values that begin off the alignment of a vector.
func misaligned(rng *rand.Rand, offset, n int) []float32 { return random(rng, offset+n)[offset:] }

// checkConv compares the three maps of one geometry with float64 sums.
func checkConv(t *testing.T, pool *Pool, rng *rand.Rand, g Conv, offset int) {
	t.Helper()
	x, w, y := misaligned(rng, offset, g.N*g.C*g.H*g.W), misaligned(rng, offset, g.K*g.C*g.R*g.S), misaligned(rng,
		offset, g.N*g.K*g.P()*g.Q())
	maps, images, weights := make([]float64, len(y)), make([]float64, len(x)), make([]float64, len(w))
	g.eachTap(func(xi, wi, yi int) {
		maps[yi] += float64(x[xi]) * float64(w[wi])
		images[xi] += float64(y[yi]) * float64(w[wi])
		weights[wi] += float64(x[xi]) * float64(y[yi])
	})
	gotY, gotX, gotW := misaligned(rng, offset, len(y)), misaligned(rng, offset, len(x)), misaligned(rng, offset, len(w))
	NewConvMaps(g).Run(pool, x, w, gotY)
	NewConvImages(g).Run(pool, y, w, gotX)
	NewConvWeights(g).Run(pool, x, y, gotW)
	for what, c := range map[string]struct {
		got  []float32
		want []float64
	}{"maps": {gotY, maps}, "images": {gotX, images}, "weights": {gotW, weights}} {
		scale := 0.0
		for _, v := range c.want {
			scale = max(scale, math.Abs(v))
		}
		for i, v := range c.want {
			if d := math.Abs(float64(c.got[i]) - v); !(d <= 2e-5*scale+1e-6) {
				t.Fatalf("%s of %+v: value %d is %v, want %v", what, g, i, c.got[i], v)
			}
		}
	}
}

func TestConvolutionsOfNothingAreNothing(t *testing.T) {
	forEachSet(t, func(t *testing.T) {
		pool := NewPool(2)
		defer pool.Close()
		for _, g := range []Conv{
			{N: 0, C: 32, H: 8, W: 8, K: 32, R: 3, S: 3, Stride: 1, Pad: 1}, // by points
			{N: 0, C: 32, H: 8, W: 8, K: 32, R: 5, S: 5, Stride: 1, Pad: 2}, // on bands
			{N: 0, C: 2, H: 8, W: 8, K: 3, R: 3, S: 3, Stride: 1, Pad: 1},
		} {
			checkConv(t, pool, rand.New(rand.NewPCG(1, 1)), g, 0)
		}
	})
}

// FuzzConv tries geometries: any channels, odd sides, strides and margins.
func FuzzConv(f *testing.F) {
	f.Add(uint64(1), byte(2), byte(32), byte(9), byte(7), byte(40), byte(2), byte(2), byte(0), byte(1), byte(1))
	f.Add(uint64(2), byte(1), byte(3), byte(12), byte(13), byte(30), byte(4), byte(4), byte(0), byte(2), byte(3))
	f.Add(uint64(3), byte(3), byte(24), byte(6), byte(6), byte(24), byte(2), byte(2), byte(1), byte(0), byte(0))
	f.Add(uint64(4), byte(1), byte(1), byte(1), byte(1), byte(1), byte(0), byte(0), byte(0), byte(0), byte(5))
	f.Fuzz(func(t *testing.T, seed uint64, n, c, h, w, k, r, s, stride, pad, offset byte) {
		g := Conv{N: int(n) % 4, C: 1 + int(c)%48, H: 1 + int(h)%20, W: 1 + int(w)%20, K: 1 + int(k)%48,
			R: 1 + int(r)%5, S: 1 + int(s)%5, Stride: 1 + int(stride)%3, Pad: int(pad) % 4}
		if g.P() < 1 || g.Q() < 1 || g.H+2*g.Pad < g.R || g.W+2*g.Pad < g.S {
			t.Skip("no result")
		}
		forEachSet(t, func(t *testing.T) {
			pool := NewPool(2)
			defer pool.Close()
			checkConv(t, pool, rand.New(rand.NewPCG(seed, 1)), g, int(offset)%16)
		})
	})
}

// FuzzGemm tries sizes, transposes and row strides.
func FuzzGemm(f *testing.F) {
	f.Add(uint64(1), uint16(13), uint16(33), uint16(257))
	f.Add(uint64(2), uint16(0), uint16(5), uint16(1))
	f.Add(uint64(3), uint16(1), uint16(1), uint16(0))
	f.Add(uint64(4), uint16(130), uint16(67), uint16(31))
	f.Fuzz(func(t *testing.T, seed uint64, m, n, k uint16) {
		forEachSet(t, func(t *testing.T) {
			p := randomProduct(rand.New(rand.NewPCG(seed, 2)), int(m)%150, int(n)%150, int(k)%600)
			pool := NewPool(2)
			defer pool.Close()
			got := append([]float32(nil), p.c...)
			p.run(pool, got)
			checkProduct(t, p, got)
		})
	})
}

// FuzzTranspose tries sizes and strides.
func FuzzTranspose(f *testing.F) {
	f.Add(byte(17), byte(33), byte(3), byte(0))
	f.Add(byte(1), byte(1), byte(0), byte(0))
	f.Fuzz(func(t *testing.T, rows, cols, moreSrc, moreDst byte) {
		forEachSet(t, func(t *testing.T) {
			r, c := int(rows), int(cols)
			ss, ds := c+int(moreSrc), r+int(moreDst)
			rng := rand.New(rand.NewPCG(1, 1))
			src, dst := random(rng, r*ss), random(rng, c*ds)
			before := append([]float32(nil), dst...)
			transposeInto(dst, ds, src, ss, r, c)
			for j := range c {
				for i := range ds {
					want := before[j*ds+i]
					if i < r {
						want = src[i*ss+j]
					}
					if dst[j*ds+i] != want {
						t.Fatalf("%d x %d: value (%d, %d) is %v, want %v", r, c, j, i, dst[j*ds+i], want)
					}
				}
			}
		})
	})
}

// reportRate adds the rate of a benchmark's sums, and how much of what the
// workers could multiply and add in registers that is.
func reportRate(b *testing.B, flops float64, workers int) {
	rate := flops * float64(b.N) / b.Elapsed().Seconds()
	b.ReportMetric(rate/1e9, "GFLOP/s")
	if peak := PeakFlops(workers); peak > 0 {
		b.ReportMetric(100*rate/peak, "%peak")
	}
}
