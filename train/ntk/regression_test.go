package ntk

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/open"
	"github.com/distillmesh/distillmesh/train/kernel"
)

// distance is |got - want| / |want|.
func distance(got []float32, want []float64) float64 {
	var diff, norm float64
	for i, w := range want {
		diff += (float64(got[i]) - w) * (float64(got[i]) - w)
		norm += w * w
	}
	return math.Sqrt(diff / norm)
}

func checkStep(t *testing.T, p Problem, targets targetSet, images, labels []float32, tolerance float64) {
	t.Helper()
	pool := kernel.NewPool(2)
	defer pool.Close()
	r := regression(pool, p, targets, images, labels)
	loss, err := r.Step()
	if err != nil {
		t.Fatal(err)
	}
	want, gs, gy := reference(p, widen(targets.X), widen(images), widen(labels), targets.Y)
	onImages, onLabels := distance(r.ImagesGrad, gs), distance(r.LabelsGrad, gy)
	t.Logf("depth %d, %d targets, %d supports: loss %.6f (%.1e), relative error on images %.1e, on labels %.1e",
		p.Depth, p.Targets, p.Supports, loss, math.Abs(loss-want)/want, onImages, onLabels)
	if math.Abs(loss-want) > tolerance*want || onImages > tolerance || onLabels > tolerance {
		t.Errorf("tolerance %.1e exceeded", tolerance)
	}
}

func TestStepMatchesTheFloat64Reference(t *testing.T) {
	for _, depth := range []int{1, 2, 4} {
		p := Problem{Depth: depth, Targets: 611, Supports: 20, Values: 50, Classes: 5, Lambda: Lambda}
		targets, images, labels := problem(p)
		checkStep(t, p, targets, images, labels, 1e-4)
	}
}

// On real images, half of the supports being targets too: K is computed where
// ab - c^2 cancels.
func TestStepMatchesTheReferenceOnMNIST(t *testing.T) {
	dir := os.Getenv("DISTILLMESH_DATA")
	if dir == "" {
		t.Skip("needs real data: set DISTILLMESH_DATA")
	}
	ds, err := open.Path(filepath.Join(dir, "mnist"), nil)
	if err != nil {
		t.Fatal(err)
	}
	p := Problem{Targets: 300, Supports: 100, Values: 784, Classes: 10, Lambda: Lambda}
	index := make([]int, p.Targets+p.Supports/2)
	for i := range index {
		index[i] = i
	}
	s, err := data.Load(ds.Task, ds.Train, index)
	if err != nil {
		t.Fatal(err)
	}
	targets := targetSet{X: s.X[:p.Targets*p.Values], Y: s.Y[:p.Targets]}
	images, y := s.X[(p.Targets-50)*p.Values:], s.Y[p.Targets-50:]
	labels := make([]float32, p.Supports*p.Classes)
	for i := range labels {
		labels[i] = -.1
	}
	for i, c := range y {
		labels[i*10+c]++
	}
	for _, depth := range []int{1, 4} {
		p.Depth = depth
		checkStep(t, p, targets, images, labels, 2e-3)
	}
}

func TestStepGivesTheSameBitsForAnyWorkers(t *testing.T) {
	p := Problem{Depth: 2, Targets: 1030, Supports: 70, Values: 60, Classes: 7, Lambda: Lambda}
	targets, images, labels := problem(p)
	var want []float32
	var wantLoss float64
	for _, workers := range []int{1, 2, 3, 5} {
		pool := kernel.NewPool(workers)
		r := regression(pool, p, targets, images, labels)
		loss, err := r.Step()
		pool.Close()
		if err != nil {
			t.Fatal(err)
		}
		got := slices.Concat(r.ImagesGrad, r.LabelsGrad)
		if want == nil {
			want, wantLoss = got, loss
		}
		if !slices.Equal(got, want) || loss != wantLoss {
			t.Errorf("other bits with %d workers", workers)
		}
	}
}

func TestStepAllocatesNothing(t *testing.T) {
	p := Problem{Depth: 4, Targets: 600, Supports: 50, Values: 64, Classes: 10, Lambda: Lambda}
	targets, images, labels := problem(p)
	pool := kernel.NewPool(2)
	defer pool.Close()
	r := regression(pool, p, targets, images, labels)
	if n := testing.AllocsPerRun(20, func() {
		if _, err := r.Step(); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%.0f allocations per step", n)
	}
}

func TestStepSurvivesCoincidingImagesAndRefusesNaN(t *testing.T) {
	p := Problem{Depth: 4, Targets: 40, Supports: 10, Values: 30, Classes: 5, Lambda: Lambda}
	targets, images, labels := problem(p)
	pool := kernel.NewPool(1)
	defer pool.Close()
	for j := 1; j < 5; j++ {
		copy(images[j*p.Values:(j+1)*p.Values], images)
	}
	copy(images[5*p.Values:], targets.X[:p.Values])
	r := regression(pool, p, targets, images, labels)
	if _, err := r.Step(); err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(r.ImagesGrad, func(v float32) bool {
		return math.IsNaN(float64(v)) ||
			math.IsInf(float64(v), 0)
	}) {
		t.Error("gradient is not finite")
	}
	r.Images[3] = float32(math.NaN())
	if _, err := r.Step(); !errors.Is(err, ErrSingular) {
		t.Errorf("NaN: got %v, want ErrSingular", err)
	}
}

// The step's prediction is the predictor's.
func TestStepPredictsAsThePredictorDoes(t *testing.T) {
	p := Problem{Depth: 2, Targets: 200, Supports: 20, Values: 20, Classes: 4, Lambda: Lambda}
	targets, images, labels := problem(p)
	pool := kernel.NewPool(2)
	defer pool.Close()
	r := regression(pool, p, targets, images, labels)
	if _, err := r.Step(); err != nil {
		t.Fatal(err)
	}
	shape := data.Shape{C: 1, H: 4, W: 5}
	set := &data.Samples{Shape: shape, Classes: 4, X: images, Y: make([]int, 20), Soft: labels}
	predictor, err := Fit(context.Background(), 2, set)
	if err != nil {
		t.Fatal(err)
	}
	out, err := predictor.Logits(context.Background(), &data.Samples{Shape: shape, Classes: 4, X: targets.X, Y: targets.Y})
	if err != nil {
		t.Fatal(err)
	}
	right := 0
	for i, y := range targets.Y {
		row := out[i*4 : (i+1)*4]
		if slices.Index(row, slices.Max(row)) == y {
			right++
		}
		for c, v := range row {
			want := float32(-.25)
			if c == y {
				want = .75
			}
			if got := r.residual[c*200+i]*200*4 + want; math.Abs(float64(got-v)) > 1e-3 {
				t.Fatalf("target %d, class %d: step predicts %.5f, predictor %.5f", i, c, got, v)
			}
		}
	}
	if r.Correct != right {
		t.Errorf("step counts %d right, predictor has %d", r.Correct, right)
	}
}
