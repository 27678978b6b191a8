package coreset

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/cluster"
	"github.com/distillmesh/distillmesh/train/data"
)

// points are rows of n random values.
func points(seed uint64, count, n int) [][]float32 {
	rng := rand.New(rand.NewPCG(seed, 1))
	out := make([][]float32, count)
	for i := range out {
		for range n {
			out[i] = append(out[i], float32(rng.NormFloat64()))
		}
	}
	return out
}

// ofOneClass are rows as the samples of a class.
func ofOneClass(rows [][]float32) *data.Samples {
	s := &data.Samples{Shape: data.Shape{C: 1, H: 1, W: len(rows[0])}, Classes: 1, Y: make([]int, len(rows))}
	s.X = slices.Concat(rows...)
	return s
}

// Each pick of herding is, of what is left, the one that brings the mean of the picks
// nearest to the mean of all.
func TestEachPickOfHerdingIsTheBest(t *testing.T) {
	for seed := range uint64(5) {
		x := points(seed, 12, 3)
		picks, err := herd(t.Context(), x, len(x))
		if err != nil {
			t.Fatal(err)
		}
		mean := cluster.Mean(x)
		apart := func(picked []int) float64 {
			var rows [][]float32
			for _, i := range picked {
				rows = append(rows, x[i])
			}
			d := 0.0
			for j, v := range cluster.Mean(rows) {
				d += (v - mean[j]) * (v - mean[j])
			}
			return d
		}
		for n := 1; n <= len(picks); n++ {
			got := apart(picks[:n])
			for i := range x {
				if !slices.Contains(picks[:n-1], i) && apart(append(slices.Clone(picks[:n-1]), i)) < got-1e-9 {
					t.Errorf("seed %d: pick %d is %d, %d is better", seed, n, picks[n-1], i)
				}
			}
		}
		if few, err := herd(t.Context(), x, 5); err != nil || !slices.Equal(few, picks[:5]) {
			t.Errorf("seed %d: five picks are %v, the first of twelve %v (%v)", seed, few, picks[:5], err)
		}
	}
}

// radius is the largest distance of a point to the nearest of the centers.
func radius(x [][]float32, centers []int) float64 {
	out := 0.0
	for _, row := range x {
		best := math.Inf(1)
		for _, c := range centers {
			best = min(best, math.Sqrt(cluster.Distance2(row, cluster.Mean(x[c:c+1]))))
		}
		out = max(out, best)
	}
	return out
}

// The greedy choice covers all points within twice the smallest radius that any three
// centers have (Gonzalez 1985).
func TestKCenterIsWithinTwiceTheOptimum(t *testing.T) {
	for seed := range uint64(8) {
		x := points(seed, 14, 2)
		got, err := farthestFirst(t.Context(), x, 3)
		if err != nil {
			t.Fatal(err)
		}
		best := math.Inf(1)
		for a := range x {
			for b := range a {
				for c := range b {
					best = min(best, radius(x, []int{a, b, c}))
				}
			}
		}
		if r := radius(x, got); r > 2*best+1e-6 {
			t.Errorf("seed %d: radius %.3f, the optimum is %.3f", seed, r, best)
		}
	}
}

// Two groups far apart: 0, 1, 2 and 10, 12, 14, 16.
var twoGroups = [][]float32{{0}, {10}, {1}, {12}, {2}, {14}, {16}}

func TestKMeansPublishesTheMeansOfItsGroupsOrTheRealSamplesNearest(t *testing.T) {
	for publish, want := range map[string][]float32{PublishCentroids: {1, 13}, PublishNearest: {1, 12}} {
		m := DefaultClusters()
		m.Publish, m.LeastGroup = publish, 1
		r, err := m.Distill(t.Context(), distill.Request{Samples: ofOneClass(twoGroups), IPC: 2})
		if err != nil {
			t.Fatal(err)
		}
		got := slices.Sorted(slices.Values(r.Images.X))
		if publish == PublishNearest && got[1] == 14 {
			got[1] = 12 // as far from 13
		}
		group := map[string]int{PublishCentroids: 3, PublishNearest: 1}[publish]
		if !slices.Equal(got, want) || r.SmallestGroup != group {
			t.Errorf("%s: %v, smallest group %d; want %v, %d", publish, got, r.SmallestGroup, want, group)
		}
	}
}

// Of the two groups a mixture has the means and sizes; each component is as sure of its
// own as the textbook says.
func TestAMixtureOfTwoGroupsByHand(t *testing.T) {
	g := DefaultGMM()
	g.Floor = 0.01
	assign := []int{0, 1, 0, 1, 0, 1, 1}
	fit, err := g.em(t.Context(), twoGroups, assign, func(_, _ int) {})
	if err != nil {
		t.Fatal(err)
	}
	for k, want := range []struct{ mean, weight float64 }{{1, 3}, {13, 4}} {
		if math.Abs(fit.mean[k][0]-want.mean) > 1e-4 || math.Abs(fit.weight[k]-want.weight) > 1e-4 {
			t.Errorf("component %d: mean %v, weight %v; want %v", k, fit.mean[k][0], fit.weight[k], want)
		}
	}
	// One component of 0 and 2 with variance 1: the density at either is that of the normal
	// distribution one deviation from its mean.
	x, resp := mat.NewDense(2, 1, []float64{0, 2}), mat.NewDense(2, 1, []float64{1, 1})
	g.Floor = 1e-12
	_, likelihood, err := g.round(t.Context(), x, resp, func(_, _ int) {})
	if want := -0.5 - 0.5*math.Log(2*math.Pi); err != nil || math.Abs(likelihood-want) > 1e-9 {
		t.Errorf("mean log-likelihood %v (%v), want %v", likelihood, err, want)
	}
}

func TestRandomPicksAreBalancedDistinctAndOfTheSeed(t *testing.T) {
	s := ofOneClass(points(3, 30, 2))
	s.Classes = 3
	for i := range s.Y {
		s.Y[i] = 2 * (i % 2)
	}
	pick := func(seed uint64) *data.Samples {
		r, err := Random{}.Distill(t.Context(), distill.Request{Samples: s, IPC: 5, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		return r.Images
	}
	got := pick(1)
	if !slices.Equal(got.Y, []int{0, 0, 0, 0, 0, 2, 2, 2, 2, 2}) {
		t.Errorf("picked of classes %v", got.Y)
	}
	seen := map[float32]bool{}
	for i := range got.Len() {
		if v := got.Row(i)[0]; seen[v] {
			t.Errorf("%v twice", v)
		} else {
			seen[v] = true
		}
	}
	if !slices.Equal(got.X, pick(1).X) || slices.Equal(got.X, pick(2).X) {
		t.Error("picks do not follow the seed")
	}
}
