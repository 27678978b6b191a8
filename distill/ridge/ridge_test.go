package ridge

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/distilltest"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/kernel"
	"github.com/distillmesh/distillmesh/train/linear"
)

func with(t *testing.T, settings map[string]string) Ridge {
	t.Helper()
	m, err := Default().With(settings)
	if err != nil {
		t.Fatal(err)
	}
	return m.(Ridge)
}

func TestEveryVariantConforms(t *testing.T) {
	for name, settings := range map[string]map[string]string{
		"a given lambda":             {"lambda": "3"},
		"a student that regularizes": {"student": "0.01"},
	} {
		t.Run(name, func(t *testing.T) { distilltest.Run(t, with(t, settings)) })
	}
}

// overlap draws classes that a line does not part.
func overlap(n int, seed uint64, classes ...int) *data.Samples {
	rng := data.Stream(seed, "ridge-test")
	s := &data.Samples{Shape: data.Shape{C: 1, H: 5, W: 6}, Classes: 4}
	for i := range n {
		c := classes[i%len(classes)]
		for j := range 30 {
			s.X = append(s.X, float32(1.5*rng.NormFloat64()+math.Sin(float64((j+1)*(c+1)))))
		}
		s.Y = append(s.Y, c)
	}
	return s
}

func solved(t *testing.T, s *data.Samples, lambda float64) []float64 {
	t.Helper()
	sums, err := Statistics(context.Background(), s, 2)
	if err != nil {
		t.Fatal(err)
	}
	pool := kernel.NewPool(1)
	defer pool.Close()
	w, err := sums.Solve(context.Background(), pool, lambda)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// far is the largest difference over the largest value.
func far(a, b []float64) float64 {
	worst, scale := 0., 0.
	for i, v := range a {
		worst, scale = math.Max(worst, math.Abs(v-b[i])), math.Max(scale, math.Abs(v))
	}
	return worst / scale
}

// The student in float64: with and without a ridge of its own, with one image a
// class and with nearly as many as values.
func TestStudentLearnsTheWeightsToRounding(t *testing.T) {
	const d = 30
	w := solved(t, overlap(400, 1, 0, 1, 2, 3), 5)
	pool := kernel.NewPool(1)
	defer pool.Close()
	for _, perClass := range []int{1, 3, 7} {
		for _, lambda := range []float64{0, .05, 1} {
			x, err := Images(w, d, perClass, lambda, data.Stream(1, "noise"))
			if err != nil {
				t.Fatal(err)
			}
			n := 4 * perClass
			y := make([]float64, 4*n)
			for i := range n {
				y[i/perClass*n+i] = 1
			}
			got, err := linear.FitFew(context.Background(), pool, lambda, x, y, d)
			if err != nil {
				t.Fatal(err)
			}
			most := 1e-14
			if perClass > 1 {
				most = 1e-12 // noise in nearly as many directions as there are
			}
			if off := far(w, got); off > most {
				t.Errorf("%d images per class, lambda %g: weights differ by %.3g", perClass, lambda, off)
			}
		}
	}
	if _, err := Images(w, d, 1, 1e6, data.Stream(1, "noise")); !errors.Is(err, distill.ErrOption) {
		t.Errorf("a student's lambda that is too large: %v", err)
	}
}

// As published, in float32, with every class and with some.
func TestPublishedSetCarriesTheModel(t *testing.T) {
	for _, classes := range [][]int{{0, 1, 2, 3}, {1, 3}, {2}} {
		for _, student := range []string{"0", "0.02"} {
			local := overlap(300, 2, classes...)
			r, err := with(t, map[string]string{"lambda": "10", "student": student}).Distill(context.Background(),
				distill.Request{Samples: local, IPC: 1})
			if err != nil {
				t.Fatal(err)
			}
			lambda, name := 0., "ridge"
			if student != "0" {
				lambda, name = .02, "ridge:0.02"
			}
			p, err := linear.Fit(context.Background(), lambda, r.Images)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]float64, len(p.Weights))
			for i, v := range p.Weights {
				got[i] = float64(v)
			}
			if off := far(solved(t, local, 10), got); off > 1e-5 {
				t.Errorf("classes %v, student %s: weights differ by %.3g", classes, student, off)
			}
			if r.Consumer != name || r.SmallestGroup != 300/len(classes) || r.Images.Len() != len(classes) ||
				r.Images.Soft != nil {
				t.Errorf("classes %v: %d images for %s, smallest group %d", classes, r.Images.Len(), r.Consumer, r.SmallestGroup)
			}
		}
	}
}

// Two devices, one of which lacks classes: their statistics give the pooled
// weights and images; the union of their sets does not.
func TestDevicesMergeExactly(t *testing.T) {
	a, b := overlap(250, 3, 0, 1), overlap(333, 4, 1, 2, 3)
	pooled, err := data.Merge(a, b)
	if err != nil {
		t.Fatal(err)
	}
	r := with(t, map[string]string{"lambda": "2"})
	want, err := r.Distill(context.Background(), distill.Request{Samples: pooled, IPC: 2, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	var parts []*linear.Statistics
	var sets []*data.Samples
	for _, s := range []*data.Samples{a, b} {
		part, err := Statistics(context.Background(), s, 1)
		if err != nil {
			t.Fatal(err)
		}
		set, err := r.Distill(context.Background(), distill.Request{Samples: s, IPC: 1})
		if err != nil {
			t.Fatal(err)
		}
		parts, sets = append(parts, part), append(sets, set.Images)
	}
	sums, err := sum(parts)
	if err != nil {
		t.Fatal(err)
	}
	pool := kernel.NewPool(1)
	defer pool.Close()
	w, err := sums.Solve(context.Background(), pool, 2)
	if err != nil {
		t.Fatal(err)
	}
	if off := far(solved(t, pooled, 2), w); off > 1e-13 {
		t.Errorf("merged weights differ by %.3g", off)
	}
	got, err := r.Merge(context.Background(), parts, distill.Request{IPC: 2, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Images.Y,
		want.Images.Y) || got.SmallestGroup != want.SmallestGroup || got.Consumer != want.Consumer {
		t.Errorf("merged %v of groups of %d, pooled %v of %d", got.Images.Y, got.SmallestGroup, want.Images.Y,
			want.SmallestGroup)
	}
	for i, v := range want.Images.X {
		if math.Abs(float64(v-got.Images.X[i])) > 1e-5*(1+math.Abs(float64(v))) {
			t.Fatalf("value %d of the images is %.7f merged, %.7f pooled", i, got.Images.X[i], v)
		}
	}
	union, err := data.Merge(sets...)
	if err != nil {
		t.Fatal(err)
	}
	p, err := linear.Fit(context.Background(), 0, union)
	if err != nil {
		t.Fatal(err)
	}
	u := make([]float64, len(p.Weights))
	for i, v := range p.Weights {
		u[i] = float64(v)
	}
	if off := far(w, u); off < .01 {
		t.Errorf("the union of sets has the pooled weights to %.3g: the documentation says otherwise", off)
	}
}

func TestMergeChoosesLambdaAndRefuses(t *testing.T) {
	var parts []*linear.Statistics
	for seed := range uint64(5) {
		part, err := Statistics(context.Background(), overlap(40, seed, 0, 1, 2, 3), 1)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, part)
	}
	all, err := sum(parts)
	if err != nil {
		t.Fatal(err)
	}
	f := Default().on(distill.Request{})
	defer f.pool.Close()
	chosen, err := f.chooseByParts(context.Background(), parts, all, distill.Request{})
	if err != nil || chosen < 1 || chosen > 1e4 { // 200 noisy samples, 30 values, mean square 500
		t.Errorf("chose lambda %g, error %v", chosen, err)
	}
	if lone, err := f.chooseByParts(context.Background(), parts[:1], parts[0],
		distill.Request{}); err != nil || lone < 50 || lone > 200 {
		t.Errorf("of one device lambda %g, want the mean square of 40 samples, about 110 (%v)", lone, err)
	}
	var last distill.Progress
	if _, err := Default().Merge(context.Background(), parts,
		distill.Request{IPC: 1,
			Progress: func(p distill.Progress) { last = p }}); err != nil || last.Done != last.Total || last.Done == 0 {
		t.Errorf("merged: %v, last progress %+v", err, last)
	}
	if _, err := Default().Merge(context.Background(), nil, distill.Request{IPC: 1}); !errors.Is(err,
		distill.ErrNoSamples) {
		t.Errorf("nothing to merge: %v", err)
	}
	if _, err := Default().Merge(context.Background(), parts, distill.Request{}); !errors.Is(err, distill.ErrBudget) {
		t.Errorf("no budget: %v", err)
	}
	other := linear.NewStatistics(data.Shape{C: 1, H: 1, W: 30}, 4)
	if _, err := Default().Merge(context.Background(), append(parts, other), distill.Request{IPC: 1}); !errors.Is(err,
		linear.ErrShape) {
		t.Errorf("another shape: %v", err)
	}
	if _, err := Statistics(context.Background(), nil, 0); !errors.Is(err, distill.ErrNoSamples) {
		t.Errorf("no samples: %v", err)
	}
}

// Validation prefers a ridge that smooths where samples are few and noisy, and
// manages with a sample per class.
func TestLambdaIsChosen(t *testing.T) {
	local := overlap(120, 9, 0, 1, 2, 3)
	_, lambda, err := Default().Choose(context.Background(), distill.Request{Samples: local, IPC: 1})
	if err != nil || !slices.Contains(grid(), lambda) {
		t.Errorf("chose %g, error %v", lambda, err)
	}
	if g := grid(); len(g) != 18 || math.Abs(g[0]-1e-3) > 1e-12 || math.Abs(g[17]-math.Pow(10, 5.5)) > 1e-6 {
		t.Errorf("grid %v", g)
	}
	r, err := Default().Distill(context.Background(), distill.Request{Samples: overlap(4, 9, 0, 1, 2, 3), IPC: 1})
	if err != nil || r.Images.Len() != 4 || r.SmallestGroup != 1 {
		t.Errorf("of a sample per class: %+v, %v", r, err)
	}
}

// What a device of MNIST's size publishes in place of ten images.
func TestStatisticsBytes(t *testing.T) {
	s := linear.NewStatistics(data.Shape{C: 1, H: 28, W: 28}, 10)
	file, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if n := len(file); n < 1_262_000 || n > 1_263_000 {
		t.Errorf("%d bytes, the documentation says 1.26 MB", n)
	}
}
