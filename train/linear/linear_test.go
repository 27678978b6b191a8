package linear

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/kernel"
)

// blobs draws n samples of three classes with 12 values each.
func blobs(n int, seed uint64) *data.Samples {
	rng := data.Stream(seed, "linear-test")
	s := &data.Samples{Shape: data.Shape{C: 1, H: 3, W: 4}, Classes: 3}
	for i := range n {
		for j := range 12 {
			s.X = append(s.X, float32(rng.NormFloat64()+2*math.Sin(float64(j*(1+i%3)))))
		}
		s.Y = append(s.Y, i%3)
	}
	return s
}

func summed(t *testing.T, workers int, parts ...*data.Samples) *Statistics {
	t.Helper()
	pool := kernel.NewPool(workers)
	defer pool.Close()
	s := NewStatistics(parts[0].Shape, parts[0].Classes)
	for _, p := range parts {
		if err := s.Add(context.Background(), pool, p); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func weights(t *testing.T, s *Statistics, lambda float64) []float64 {
	t.Helper()
	pool := kernel.NewPool(2)
	defer pool.Close()
	w, err := s.Solve(context.Background(), pool, lambda)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// differ is the largest difference, relative to the largest value.
func differ(a, b []float64) float64 {
	worst, scale := 0., 1e-300
	for i, v := range a {
		worst, scale = math.Max(worst, math.Abs(v-b[i])), math.Max(scale, math.Abs(v))
	}
	return worst / scale
}

// By hand: samples 1 and 2 of class 0, 1 of class 1, one value each. f f' = 6,
// Y f' = (3, 1), so with lambda = 2 W = (3/8, 1/8) and |Y - W f|^2 = 3 -
// 2 (9/8 + 1/8) + 6 (9 + 1)/64.
func TestRidgeByHand(t *testing.T) {
	s := &data.Samples{Shape: data.Shape{C: 1, H: 1, W: 1}, Classes: 2, X: []float32{1, 2, 1}, Y: []int{0, 0, 1}}
	sums := summed(t, 1, s)
	w := weights(t, sums, 2)
	if differ([]float64{3. / 8, 1. / 8}, w) > 1e-15 || sums.Len() != 3 || sums.Counts[0] != 2 {
		t.Errorf("weights %v of %d samples", w, sums.Len())
	}
	if got := sums.SquaredError(w); math.Abs(got-(3-2.5+60./64)) > 1e-12 {
		t.Errorf("squared error %.6f", got)
	}
}

// Two devices that add up their statistics have the pooled model, to rounding.
func TestStatisticsOfPartsAddUp(t *testing.T) {
	all := blobs(1300, 1)
	var left, right []int
	for i := range all.Len() {
		if i%3 == 2 || i%7 == 0 { // the right one lacks a class
			left = append(left, i)
		} else {
			right = append(right, i)
		}
	}
	pooled, merged := summed(t, 1, all), summed(t, 1, all.Subset(left))
	if err := merged.Merge(summed(t, 2, all.Subset(right))); err != nil {
		t.Fatal(err)
	}
	for _, lambda := range []float64{0, 1e-3, 10} {
		if far := differ(weights(t, pooled, lambda), weights(t, merged, lambda)); far > 1e-12 {
			t.Errorf("lambda %g: merged weights differ by %.3g", lambda, far)
		}
	}
	if pooled.Len() != merged.Len() || math.Abs(pooled.Norm-merged.Norm) > 1e-6 {
		t.Errorf("%d samples and norm %.6f, merged %d and %.6f", pooled.Len(), pooled.Norm, merged.Len(), merged.Norm)
	}
	if err := merged.Merge(NewStatistics(all.Shape, 4)); !errors.Is(err, ErrShape) {
		t.Errorf("merged with other classes: %v", err)
	}
}

// Both sides of the identity, the error by its definition, and the pseudo-inverse
// by a singular value decomposition.
func TestFitIsRidgeRegression(t *testing.T) {
	for _, n := range []int{5, 12, 13, 700} {
		for _, lambda := range []float64{0, .5} {
			s := blobs(n, 2)
			p, err := Fit(context.Background(), lambda, s)
			if err != nil {
				t.Fatal(err)
			}
			f, y := mat.NewDense(n, 12, nil), mat.NewDense(n, 3, nil)
			for i, v := range s.X {
				f.Set(i/12, i%12, float64(v))
			}
			for i, c := range s.Y {
				y.Set(i, c, 1)
			}
			var svd mat.SVD
			svd.Factorize(f, mat.SVDThin)
			var u, v, uy, want mat.Dense
			svd.UTo(&u)
			svd.VTo(&v)
			uy.Mul(u.T(), y)
			for i, value := range svd.Values(nil) {
				for c := range 3 {
					uy.Set(i, c, uy.At(i, c)*value/(value*value+lambda))
				}
			}
			want.Mul(&v, &uy)
			for c := range 3 {
				for j := range 12 {
					if got := float64(p.Weights[c*12+j]); math.Abs(got-want.At(j, c)) > 1e-6 {
						t.Errorf("%d samples, lambda %g: weight %d of class %d is %.8f, want %.8f", n, lambda, j, c, got, want.At(j, c))
					}
				}
			}
		}
	}
}

// Copies of a sample have no inverse; the least norm shares the label among them.
func TestCopiesDoNotMatter(t *testing.T) {
	once := blobs(4, 3)
	twice, err := data.Merge(once, once)
	if err != nil {
		t.Fatal(err)
	}
	a, err := Fit(context.Background(), 0, once)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Fit(context.Background(), 0, twice)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range a.Weights {
		if math.Abs(float64(v-b.Weights[i])) > 1e-6 {
			t.Errorf("weight %d is %.8f, with copies %.8f", i, v, b.Weights[i])
		}
	}
}

// Soft labels that are distributions count as they are; learned ones lie around
// centered one-hot and are raised, so that a hard label means the same beside them.
func TestLabelsMeanTheSame(t *testing.T) {
	s := &data.Samples{Shape: data.Shape{C: 1, H: 1, W: 1}, Classes: 2, X: []float32{1, 1, 1}, Y: []int{0, 0, 0},
		Soft: []float32{1, 0, .5, .5, .5, -.5}}
	for i, want := range [][]float32{{1, 0}, {.5, .5}, {1, 0}} {
		row := make([]float32, 2)
		if Target(s, i, row); !slices.Equal(row, want) {
			t.Errorf("label %d is %v, want %v", i, row, want)
		}
	}
}

func TestWorkersDoNotShow(t *testing.T) {
	a, b := summed(t, 1, blobs(1100, 1)), summed(t, 3, blobs(1100, 1))
	if !slices.Equal(a.Squares, b.Squares) || !slices.Equal(a.Products, b.Products) || !slices.Equal(weights(t, a, 1),
		weights(t, b, 1)) {
		t.Error("other bits with three workers")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	pool := kernel.NewPool(1)
	defer pool.Close()
	if err := a.Add(ctx, pool, blobs(3, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("told to stop: %v", err)
	}
	if _, err := a.Solve(ctx, pool, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("told to stop: %v", err)
	}
	if _, err := Fit(context.Background(), -1, blobs(3, 1)); !errors.Is(err, ErrLambda) {
		t.Errorf("lambda -1: %v", err)
	}
}

func TestStatisticsAreReadBack(t *testing.T) {
	s := summed(t, 1, blobs(200, 4))
	file, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := Decode(file, s.Shape, s.Classes)
	if err != nil {
		t.Fatal(err)
	}
	if far := differ(weights(t, s, 1), weights(t, back, 1)); far > 1e-5 || !slices.Equal(back.Counts,
		s.Counts) || back.Norm != s.Norm {
		t.Errorf("weights differ by %.3g, counts %v", far, back.Counts)
	}
	if want := 2*12*13 + 4*3*12 + 8 + 3*8; len(file) < want || len(file) > want+400 {
		t.Errorf("%d bytes, want %d and a header", len(file), want)
	}
	if _, err := Decode(file, s.Shape, 4); !errors.Is(err, ErrShape) {
		t.Errorf("of other classes: %v", err)
	}
	s.Squares[0] = math.NaN()
	if file, err = s.Encode(); err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(file, s.Shape, s.Classes); err == nil {
		t.Error("took NaN")
	}
}

func FuzzDecode(f *testing.F) {
	s := NewStatistics(data.Shape{C: 1, H: 1, W: 2}, 2)
	file, err := s.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Fuzz(func(t *testing.T, file []byte) {
		if s, err := Decode(file, s.Shape, 2); err == nil && (len(s.Squares) != 4 || len(s.Counts) != 2) {
			t.Errorf("read %+v", s)
		}
	})
}

func TestClassifierIsReadBack(t *testing.T) {
	s := blobs(60, 5)
	p, err := Fit(context.Background(), 0, s)
	if err != nil {
		t.Fatal(err)
	}
	file, err := checkpoint.Encode(p.Tensors(), nil)
	if err != nil {
		t.Fatal(err)
	}
	tensors, _, err := checkpoint.Decode(file, checkpoint.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	back, err := FromTensors(s.Shape, 3, tensors)
	if err != nil || !slices.Equal(back.Weights, p.Weights) {
		t.Errorf("read back %v, error %v", back, err)
	}
	if _, err := FromTensors(s.Shape, 4, tensors); !errors.Is(err, ErrShape) {
		t.Errorf("of other classes: %v", err)
	}
	if _, err := p.Logits(context.Background(), &data.Samples{Shape: s.Shape, Classes: 4}); !errors.Is(err, ErrShape) {
		t.Errorf("scored other classes: %v", err)
	}
	out, err := p.Logits(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	right := 0
	for i, y := range s.Y {
		if row := out[i*3 : i*3+3]; slices.Index(row, slices.Max(row)) == y {
			right++
		}
	}
	if right < 50 {
		t.Errorf("%d of 60 right", right)
	}
}
