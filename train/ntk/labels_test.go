package ntk

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/kernel"
)

// labelProblem draws targets and images of two dozen values; images that share a
// label lie close to each other.
func labelProblem(targets, images, repeat int) Labeling {
	rng := data.Stream(5, "label-problem")
	const d, classes = 24, 3
	t := &data.Samples{Shape: data.Shape{C: 1, H: 4, W: 6}, Classes: classes}
	for i := range targets {
		for j := range d {
			t.X = append(t.X, float32(rng.NormFloat64()+math.Cos(float64(j*(i%classes)))))
		}
		t.Y = append(t.Y, i%classes)
	}
	p := Labeling{Depth: 2, Repeat: repeat, Targets: t, Support: Rows{M: images, D: d}}
	for range images * d {
		p.Support.X = append(p.Support.X, float32(rng.NormFloat64()))
	}
	for i := range images / repeat {
		row := []float32{-1. / 3, -1. / 3, -1. / 3}
		row[i%classes]++
		p.Start = append(p.Start, row...)
	}
	return p
}

func solveLabels(t *testing.T, p Labeling, workers int) []float32 {
	t.Helper()
	pool := kernel.NewPool(workers)
	defer pool.Close()
	got, err := SolveLabels(context.Background(), pool, p)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// pseudoInverse is the definition, B^+ Y_t, by a singular value decomposition in
// float64 of the same kernels.
func pseudoInverse(p Labeling) *mat.Dense {
	n, m := p.Support.M, p.Targets.Len()
	gram := Gram(p.Depth, p.Support)
	k := mat.NewDense(n, n, nil)
	trace := 0.
	for i := range n {
		for j := range n {
			k.Set(i, j, float64(gram[i*n+j]))
		}
		trace += float64(gram[i*n+i])
	}
	for i := range n {
		k.Set(i, i, k.At(i, i)+Lambda*trace/float64(n))
	}
	across := Matrix(p.Depth, Rows{p.Targets.X, m, p.Support.D}, p.Support)
	kts := mat.NewDense(m, n, nil)
	for i, v := range across {
		kts.Set(i/n, i%n, float64(v))
	}
	var inverse, b, folded mat.Dense
	if err := inverse.Inverse(k); err != nil {
		panic(err)
	}
	b.Mul(kts, &inverse)
	repeat := mat.NewDense(n, n/p.Repeat, nil)
	for i := range n {
		repeat.Set(i, i/p.Repeat, 1)
	}
	folded.Mul(&b, repeat)
	var svd mat.SVD
	svd.Factorize(&folded, mat.SVDThin)
	var out mat.Dense
	svd.SolveTo(&out, mat.NewDense(m, p.Targets.Classes, targets(p.Targets)), svd.Rank(1e-12))
	return &out
}

func TestLabelsAreThePseudoInverse(t *testing.T) {
	for _, c := range []struct{ targets, images, repeat int }{{400, 30, 1}, {700, 36, 4}, {257, 6, 2}} {
		p := labelProblem(c.targets, c.images, c.repeat)
		got, want := solveLabels(t, p, 2), pseudoInverse(p)
		for i, v := range got {
			if w := want.At(i/3, i%3); math.Abs(float64(v)-w) > 1e-5*(1+math.Abs(w)) {
				t.Errorf("%+v: label %d, class %d is %.7f, want %.7f", c, i/3, i%3, v, w)
			}
		}
	}
}

// The gradient that KIP follows is zero at the solution.
func TestNoGradientIsLeftAtSolvedLabels(t *testing.T) {
	p := labelProblem(300, 12, 1)
	pool := kernel.NewPool(1)
	defer pool.Close()
	r := NewRegression(pool, Problem{Depth: p.Depth, Targets: 300, Supports: 12, Values: p.Support.D, Classes: 3,
		Lambda: Lambda})
	copy(r.Images, p.Support.X)
	copy(r.Targets, p.Targets.X)
	copy(r.Truth, p.Targets.Y)
	for i := range 300 {
		r.Squares[i] = Square(p.Targets.Row(i))
	}
	norm := func(labels []float32) float64 {
		copy(r.Labels, labels)
		if _, err := r.Step(); err != nil {
			t.Fatal(err)
		}
		sum := 0.
		for _, g := range r.LabelsGrad {
			sum += float64(g) * float64(g)
		}
		return math.Sqrt(sum)
	}
	if before, after := norm(p.Start), norm(solveLabels(t, p, 1)); after > 1e-4*before {
		t.Errorf("gradient %.3g at the start, %.3g at the solution", before, after)
	}
}

// Fewer targets than labels: they are met, and what they do not tell stays.
func TestLabelsWithoutTargetsStay(t *testing.T) {
	p := labelProblem(4, 20, 1)
	got := solveLabels(t, p, 1)
	fit := &data.Samples{Shape: p.Targets.Shape, Classes: 3, X: p.Support.X, Soft: got, Y: make([]int, 20)}
	predictor, err := Fit(context.Background(), p.Depth, fit)
	if err != nil {
		t.Fatal(err)
	}
	out, err := predictor.Logits(context.Background(), p.Targets)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range targets(p.Targets) {
		if math.Abs(float64(out[i])-want) > 1e-3 {
			t.Errorf("target %d predicted %.4f, want %.4f", i, out[i], want)
		}
	}
	moved := 0.
	for i, v := range got {
		moved += math.Pow(float64(v-p.Start[i]), 2)
	}
	if moved == 0 || moved > 30 {
		t.Errorf("labels moved by %.3f in all", math.Sqrt(moved))
	}
}

func TestSolveLabelsSharesWorkAndStops(t *testing.T) {
	p := labelProblem(600, 40, 2)
	if !slices.Equal(solveLabels(t, p, 1), solveLabels(t, p, 3)) {
		t.Error("other bits with three workers")
	}
	pool := kernel.NewPool(1)
	defer pool.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := SolveLabels(ctx, pool, p); !errors.Is(err, context.Canceled) {
		t.Errorf("told to stop: %v", err)
	}
	p.Support.X[3] = float32(math.NaN())
	if _, err := SolveLabels(context.Background(), pool, p); !errors.Is(err, ErrSingular) {
		t.Errorf("NaN among the images: %v", err)
	}
}
