package zca

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/kernel"
)

// smooth are images whose neighboring values are alike.
func smooth(n, d int) []float32 {
	rng := rand.New(rand.NewPCG(1, 2))
	x := make([]float32, n*d)
	for i := range n {
		at := 0.0
		for j := range d {
			at = 0.9*at + rng.NormFloat64()
			x[i*d+j] = float32(0.5 + 0.3*at)
		}
	}
	return x
}

func TestTheTransformIsThatOfTheEigenvectors(t *testing.T) {
	const n, d = 2500, 40
	x := smooth(n, d)
	pool := kernel.NewPool(2)
	defer pool.Close()
	got, err := Fit(context.Background(), pool, x, d, Epsilon)
	if err != nil {
		t.Fatal(err)
	}
	rows := mat.NewDense(n, d, nil)
	for i, v := range x {
		rows.Set(i/d, i%d, float64(v))
	}
	var c mat.SymDense
	stat.CovarianceMatrix(&c, rows, nil)
	var e mat.EigenSym
	if !e.Factorize(&c, true) {
		t.Fatal("no eigenvectors")
	}
	var u, want mat.Dense
	e.VectorsTo(&u)
	scaled := mat.DenseCopyOf(&u)
	for j, s := range e.Values(nil) {
		for i := range d {
			scaled.Set(i, j, u.At(i, j)/math.Sqrt(s+Epsilon))
		}
	}
	want.Mul(scaled, u.T())
	for i := range d {
		for j := range d {
			if math.Abs(float64(got.w[i*d+j])-want.At(i, j)) > 2e-4 {
				t.Fatalf("W[%d,%d] = %v, want %v", i, j, got.w[i*d+j], want.At(i, j))
			}
		}
	}
}

func TestWhitenedValuesAreUncorrelated(t *testing.T) {
	const n, d = 2000, 30
	x := smooth(n, d)
	pool := kernel.NewPool(1)
	defer pool.Close()
	w, err := Fit(context.Background(), pool, x, d, 1e-4)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Apply(context.Background(), pool, x); err != nil {
		t.Fatal(err)
	}
	for a := range d {
		for b := range d {
			sum := 0.0
			for i := range n {
				sum += float64(x[i*d+a]) * float64(x[i*d+b]) / (n - 1)
			}
			if want := map[bool]float64{true: 1, false: 0}[a == b]; math.Abs(sum-want) > 0.01 {
				t.Fatalf("values %d and %d: %v", a, b, sum)
			}
		}
	}
}

func TestADataSetIsWhitenedByItsTrainingPart(t *testing.T) {
	shape := data.Shape{C: 1, H: 5, W: 6}
	part := func(n int, shift float32) data.Source {
		x, labels := smooth(n, shape.Size()), make([]int, n)
		for i := range x {
			x[i] += shift
		}
		src, err := data.NewFloats(shape, x, labels)
		if err != nil {
			t.Fatal(err)
		}
		return src
	}
	ds := &data.Dataset{Name: "waves", Train: part(300, 0), Test: part(50, 1),
		Task: &data.Task{Version: data.TaskVersion, Name: "waves", Classes: []string{"a", "b"}, Shape: shape,
			Mean: []float64{.5}, Std: []float64{.3}, Augment: "mild"}}
	got, err := Whiten(context.Background(), ds, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := got.Task.Validate(); err != nil || got.Task.Augmentation() != "mild" || got.Task.Name != "waves-zca" {
		t.Errorf("task %+v, %v", got.Task, err)
	}
	average := func(src data.Source) (sum float64) {
		s, err := data.LoadAll(got.Task, src)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range s.X {
			sum += float64(v) / float64(len(s.X))
		}
		return sum
	}
	if train, test := average(got.Train), average(got.Test); math.Abs(train) > 1e-4 || test < 0.1 {
		t.Errorf("means of the parts %v and %v: want 0, and what the shift makes of it", train, test)
	}
	if _, err := Fit(context.Background(), kernel.NewPool(1), make([]float32, 4), 4, Epsilon); !errors.Is(err, ErrFew) {
		t.Errorf("one image: %v", err)
	}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	if _, err := Whiten(stopped, ds, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}
