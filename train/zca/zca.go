// Package zca whitens images as is usual in the literature before distilling
// pooled data (Cazenavette et al. 2022): values become uncorrelated, with variances of
// about one, and images stay as near to themselves as that allows.
package zca

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/kernel"
)

// Epsilon is added to the variances: 0.1 in the literature, for pixels in [0, 1].
const Epsilon = 0.1

// Errors of Fit.
var (
	ErrFew      = errors.New("too few samples to whiten by")
	ErrDiverged = errors.New("the whitening did not converge")
)

// Transform maps an image x to W (x - mean) with
//
//	W = (C + epsilon I)^(-1/2),   C = sum (x - mean)(x - mean)' / (n - 1)
//
// over the n images that it was fitted on.
type Transform struct {
	mean []float32
	w    []float32 // symmetric, d x d
}

// block is how many images are multiplied at a time.
const block = 1000

// Fit finds the transform of n images of d values, one after the other in x. It
// fails with ErrFew for fewer than two, and with the context's error.
func Fit(ctx context.Context, pool *kernel.Pool, x []float32, d int, epsilon float64) (*Transform, error) {
	n := len(x) / d
	if n < 2 {
		return nil, fmt.Errorf("%w: %d", ErrFew, n)
	}
	t := &Transform{mean: mean(x, d)}
	c := make([]float32, d*d)
	centered := make([]float32, min(n, block)*d)
	for at := 0; at < n; at += block {
		m := min(block, n-at)
		t.center(centered, x[at*d:(at+m)*d])
		pool.Gemm(true, false, d, d, m, float32(1/float64(n-1)), centered, d, centered, d, 1, c, d)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	for i := range d {
		c[i*d+i] += float32(epsilon)
	}
	var err error
	t.w, err = inverseRoot(ctx, pool, c, d)
	return t, err
}

func mean(x []float32, d int) []float32 {
	sum := make([]float64, d)
	for i, v := range x {
		sum[i%d] += float64(v)
	}
	out := make([]float32, d)
	for j := range out {
		out[j] = float32(sum[j] / float64(len(x)/d))
	}
	return out
}

// center writes x - mean.
func (t *Transform) center(dst, x []float32) {
	d := len(t.mean)
	for i, v := range x {
		dst[i] = v - t.mean[i%d]
	}
}

// Apply whitens images in place.
func (t *Transform) Apply(ctx context.Context, pool *kernel.Pool, x []float32) error {
	d := len(t.mean)
	n := len(x) / d
	centered := make([]float32, min(n, block)*d)
	for at := 0; at < n; at += block {
		part := x[at*d : min(n, at+block)*d]
		t.center(centered, part)
		pool.Gemm(false, false, len(part)/d, d, d, 1, centered, d, t.w, d, 0, part, d)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// The iteration ends when Z Y is the identity to a tolerance, or no longer comes
// nearer to it; one that ends further away than enough has failed.
const (
	tolerance = 1e-5
	enough    = 1e-2
	rounds    = 60
)

// inverseRoot is a^(-1/2) of a symmetric positive definite matrix, by the coupled
// Newton-Schulz iteration (Higham, Functions of Matrices, 6.35): with Y = a / |a|
// and Z = I, T = (3 I - Z Y) / 2, then Y T and T Z, which tend to the root and its
// inverse.
func inverseRoot(ctx context.Context, pool *kernel.Pool, a []float32, d int) ([]float32, error) {
	norm := 0.0
	for _, v := range a {
		norm += float64(v) * float64(v)
	}
	norm = math.Sqrt(norm)
	y, z, t, next := make([]float32, d*d), make([]float32, d*d), make([]float32, d*d), make([]float32, d*d)
	kernel.ScaleAdd(y, a, y, float32(1/norm))
	for i := range d {
		z[i*d+i] = 1
	}
	last := math.Inf(1)
	for range rounds {
		pool.Gemm(false, false, d, d, d, -0.5, z, d, y, d, 0, t, d)
		away := 0.0
		for i := range d {
			t[i*d+i] += 1.5
		}
		for i, v := range t {
			if i%(d+1) == 0 {
				v--
			}
			away = max(away, 2*math.Abs(float64(v)))
		}
		if away <= tolerance || away < enough && away >= last {
			last = away
			break
		}
		if math.IsNaN(away) {
			return nil, ErrDiverged
		}
		last = away
		pool.Gemm(false, false, d, d, d, 1, y, d, t, d, 0, next, d)
		y, next = next, y
		pool.Gemm(false, false, d, d, d, 1, t, d, z, d, 0, next, d)
		z, next = next, z
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	if last > enough {
		return nil, fmt.Errorf("%w: off by %g", ErrDiverged, last)
	}
	root := float32(1 / math.Sqrt(norm))
	for i := range z {
		z[i] *= root
	}
	return z, nil
}

// Whitening whitens samples of a task by the statistics of some of them.
type Whitening struct {
	task      *data.Task
	workers   int
	transform *Transform
}

// By fits to samples of a task, whose pixels it takes back to the range of the files, [0, 1].
func By(ctx context.Context, task *data.Task, s *data.Samples, workers int) (*Whitening, error) {
	w := &Whitening{task: task, workers: workers}
	pool := kernel.NewPool(workers)
	defer pool.Close()
	var err error
	w.transform, err = Fit(ctx, pool, w.restored(s).X, s.Shape.Size(), Epsilon)
	return w, err
}

// Apply is samples after whitening.
func (w *Whitening) Apply(ctx context.Context, s *data.Samples) (*data.Samples, error) {
	pool := kernel.NewPool(w.workers)
	defer pool.Close()
	out := w.restored(s)
	return out, w.transform.Apply(ctx, pool, out.X)
}

// restored is a copy of samples with the values of their files.
func (w *Whitening) restored(s *data.Samples) *data.Samples {
	out := *s
	out.X = slices.Clone(s.X)
	for i := range out.Len() {
		w.task.Restore(out.Row(i))
	}
	return &out
}

// Whiten is a data set with both parts whitened by the statistics of its training
// part, as a task of its own whose constants change nothing. No device of a mesh
// has these statistics: it is for comparison with published results.
func Whiten(ctx context.Context, ds *data.Dataset, workers int) (*data.Dataset, error) {
	pool := kernel.NewPool(workers)
	defer pool.Close()
	task := &data.Task{Version: data.TaskVersion, Name: ds.Task.Name + "-zca", Classes: ds.Task.Classes,
		Shape: ds.Task.Shape,
		Mean:  []float64{0}, Std: []float64{1}, Augment: ds.Task.Augmentation()}
	if task.IsTable() {
		return nil, fmt.Errorf("whiten %s: rows of a table are standardized by feature already", ds.Name)
	}
	out := &data.Dataset{Name: ds.Name + "-zca", Task: task.Filled(),
		Remarks: append(ds.Remarks[:len(ds.Remarks):len(ds.Remarks)],
			"whitened by the statistics of all training samples, which no device of a mesh has")}
	train, err := data.LoadAll(out.Task, ds.Train) // the constants leave values as they are
	if err != nil {
		return nil, err
	}
	t, err := Fit(ctx, pool, train.X, task.Shape.Size(), Epsilon)
	if err != nil {
		return nil, fmt.Errorf("whiten %s: %w", ds.Name, err)
	}
	if out.Train, err = t.source(ctx, pool, train); err != nil || ds.Test == nil {
		return out, err
	}
	test, err := data.LoadAll(out.Task, ds.Test)
	if err != nil {
		return nil, err
	}
	out.Test, err = t.source(ctx, pool, test)
	return out, err
}

// source is samples whitened in place.
func (t *Transform) source(ctx context.Context, pool *kernel.Pool, s *data.Samples) (data.Source, error) {
	if err := t.Apply(ctx, pool, s.X); err != nil {
		return nil, err
	}
	return data.NewFloats(s.Shape, s.X, s.Y)
}
