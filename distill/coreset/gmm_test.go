package coreset

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/distilltest"
	"github.com/distillmesh/distillmesh/train/cluster"
	"github.com/distillmesh/distillmesh/train/data"
)

func TestOneImageAClassIsTheClassMean(t *testing.T) {
	local := distilltest.Samples(data.Shape{C: 1, H: 3, W: 3}, 4, []int{1, 2}, 25)
	r, err := DefaultGMM().Distill(context.Background(), distill.Request{Samples: local, IPC: 1})
	if err != nil {
		t.Fatal(err)
	}
	if r.SmallestGroup != 25 {
		t.Errorf("smallest group %d, want the class's 25", r.SmallestGroup)
	}
	for k, c := range []int{1, 2} {
		for j := range 9 {
			sum := 0.0
			for _, i := range local.ByClass()[c] {
				sum += float64(local.Row(i)[j])
			}
			if got := float64(r.Images.Row(k)[j]); math.Abs(got-sum/25) > 1e-6 {
				t.Fatalf("class %d, value %d: %.7f, want the mean %.7f", c, j, got, sum/25)
			}
		}
	}
}

// Three well-separated blobs of one class: EM must find their centers and
// share the samples among them.
func TestComponentsFindSeparateBlobs(t *testing.T) {
	blobs := distilltest.Samples(data.Shape{C: 1, H: 2, W: 3}, 3, []int{0, 1, 2}, 40)
	for i, y := range blobs.Y {
		for j := range blobs.Row(i) {
			blobs.Row(i)[j] += 8 * float32(y)
		}
	}
	centers := make([][]float64, 3)
	for c, index := range blobs.ByClass() {
		centers[c] = cluster.Mean([][]float32{blobs.Row(index[0])})
	}
	one := &data.Samples{Shape: blobs.Shape, Classes: 1, X: blobs.X, Y: make([]int, blobs.Len())}
	r, err := DefaultGMM().Distill(context.Background(), distill.Request{Samples: one, IPC: 3})
	if err != nil {
		t.Fatal(err)
	}
	if r.SmallestGroup != 40 {
		t.Errorf("smallest group %d, want 40", r.SmallestGroup)
	}
	for c, center := range centers {
		best := math.Inf(1)
		for i := range 3 {
			best = math.Min(best, cluster.Distance2(r.Images.Row(i), center))
		}
		if best > 6*1.0 {
			t.Errorf("no component near blob %d (squared distance %.2f)", c, best)
		}
	}
}

// With fewer samples than values, the rounds in the span of the samples are the
// textbook's.
func TestRoundsInTheSpanAreTheTextbooks(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const n, d, k = 14, 20, 3
	x, resp := mat.NewDense(n, d, nil), mat.NewDense(n, k, nil)
	for i := range n {
		for j := range d {
			x.Set(i, j, rng.NormFloat64()+float64(i%k))
		}
		for c := range k {
			resp.Set(i, c, 0.05)
		}
		resp.Set(i, i%k, 0.9)
	}
	g := GMM{Floor: 0.5}
	other := mat.DenseCopyOf(resp)
	for range 3 {
		a, one, err := g.round(t.Context(), x, resp, func(_, _ int) {})
		if err != nil {
			t.Fatal(err)
		}
		b, two, err := g.inSpan(x).round(t.Context(), x, other, func(_, _ int) {})
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(one-two) > 1e-9*math.Abs(one) || !mat.EqualApprox(resp, other, 1e-9) {
			t.Fatalf("log-likelihood %v, want %v; responsibilities differ by at most %v", two, one,
				mat.Norm(minus(resp, other), math.Inf(1)))
		}
		for c := range k {
			if math.Abs(a.weight[c]-b.weight[c]) > 1e-9 || !floats.EqualApprox(a.mean[c], b.mean[c], 1e-9) {
				t.Errorf("component %d: weight %v, want %v, or another mean", c, b.weight[c], a.weight[c])
			}
		}
	}
}

func minus(a, b *mat.Dense) *mat.Dense {
	var out mat.Dense
	out.Sub(a, b)
	return &out
}
