// Package ridge distills by closed-form ridge regression: one image per class that
// carries the whole linear model of a device, or of many devices whose
// statistics are summed (Chen et al. 2024, "Provable and efficient dataset
// distillation for kernel ridge regression", linear kernel; edge-distillers 1.8).
package ridge

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/kernel"
	"github.com/distillmesh/distillmesh/train/linear"
)

// Ridge solves for the weights of all local samples f and their labels Y,
//
//	W = Y f' (f f' + lambda I)^-1,
//
// and makes images on which a student, the model "ridge" or "ridge:STUDENT",
// learns that same W. Images and labels are all it needs to publish: for one
// device that is everything, at an image per class. The union of two devices' sets
// is NOT the pooled model: the student then passes through both devices' images,
// whose weights were solved apart; one with a ridge, "ridge:100", copes better (ten devices of MNIST: 85 in
// place of 69 %, docs/methods.md). Devices that want exactly the pooled model publish Statistics instead,
// hundreds of times larger, and Merge them.
//
// More images per class add nothing; noise makes them differ. The images are
// useless to other models.
type Ridge struct {
	// Lambda is the ridge of W. 0: of the half decades from 1e-3 to 10^5.5 the one
	// whose weights, solved for 95 % of the samples, have the least squared error
	// on the other 5 %; W is then solved for all samples. (Accuracy on so few ties
	// over decades, and small lambdas suffer when images are rounded to bytes: of
	// MNIST 84.6 in place of 86.0 % at 0.3, nothing from 10 on.)
	Lambda float64
	// Student is the lambda that students train with. It cannot exceed
	// 1/(4 s^2), s being the largest singular value of D (Images).
	Student float64
}

// Default chooses lambda by validation, for students of least norm.
func Default() Ridge { return Ridge{} }

// Name implements distill.Method.
func (Ridge) Name() string { return "ridge" }

// Version implements distill.Method.
func (Ridge) Version() int { return 1 }

// Summary implements distill.Method.
func (Ridge) Summary() string {
	return "one image per class carries the whole linear model; only for the model ridge"
}

// options are the settings and their ranges.
func (r *Ridge) options() distill.Options {
	return distill.Options{
		distill.Auto(distill.Float("lambda", &r.Lambda, 0, linear.MaxLambda)),
		distill.Float("student", &r.Student, 0, linear.MaxLambda),
	}
}

// Settings implements distill.Method.
func (r Ridge) Settings() map[string]string { return r.options().Settings() }

// With implements distill.Method.
func (r Ridge) With(settings map[string]string) (distill.Method, error) {
	err := r.options().Set(r.Name(), settings)
	return r, err
}

// consumer is the student's name.
func (r Ridge) consumer() string {
	if r.Student == 0 {
		return "ridge"
	}
	return "ridge:" + strconv.FormatFloat(r.Student, 'g', -1, 64)
}

// grid are the lambdas to choose from: half decades from 1e-3 to 10^5.5.
func grid() []float64 {
	var out []float64
	for half := -6; half <= 11; half++ {
		out = append(out, math.Pow(10, float64(half)/2))
	}
	return out
}

// validationShare of the samples choose lambda.
const validationShare = 0.05

// Outline implements distill.Method.
func (r Ridge) Outline(req distill.Request) (distill.Outline, error) {
	f, err := req.Plain()
	return distill.Outline{Formation: f, Consumer: r.consumer(), Grouped: true, MaxImagesPerClass: 1}, err
}

// Distill implements distill.Method.
func (r Ridge) Distill(ctx context.Context, req distill.Request) (*distill.Result, error) {
	if err := req.Check(); err != nil {
		return nil, err
	}
	if _, err := req.Plain(); err != nil {
		return nil, err
	}
	f := r.on(req)
	defer f.pool.Close()
	sums, lambda, err := f.choose(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("ridge: %w", err)
	}
	out, err := f.distill(ctx, sums, lambda, req.IPC, req.Seed)
	if err != nil {
		return nil, fmt.Errorf("ridge: %w", err)
	}
	total := len(grid()) + 1
	req.Report(distill.Progress{Done: total, Total: total, Loss: math.NaN()})
	return out, nil
}

// fitter fits on workers.
type fitter struct {
	Ridge
	pool *kernel.Pool
}

func (r Ridge) on(req distill.Request) *fitter { return &fitter{r, kernel.NewPool(req.Device.Workers)} }

// distill makes the set of summed statistics. SmallestGroup is the smallest class:
// an image is a sum over the samples of all classes, with the largest weights for
// those of its own class.
func (f *fitter) distill(ctx context.Context, sums *linear.Statistics, lambda float64, perClass int,
	seed uint64) (*distill.Result, error) {
	w, err := sums.Solve(ctx, f.pool, lambda)
	if err != nil {
		return nil, err
	}
	images := &data.Samples{Shape: sums.Shape, Classes: sums.Classes}
	d, smallest := sums.Shape.Size(), math.MaxInt
	var held []float64
	for c, n := range sums.Counts {
		if n == 0 {
			continue
		}
		held, smallest = append(held, w[c*d:(c+1)*d]...), min(smallest, n)
		for range perClass {
			images.Y = append(images.Y, c)
		}
	}
	x, err := Images(held, d, perClass, f.Student, data.Stream(seed, "ridge-images"))
	if err != nil {
		return nil, err
	}
	for _, v := range x {
		images.X = append(images.X, float32(v))
	}
	return &distill.Result{Images: images, Consumer: f.consumer(), SmallestGroup: smallest}, ctx.Err()
}

// Choose gives the statistics of all samples of a request and the lambda that
// Distill solves them with.
func (r Ridge) Choose(ctx context.Context, req distill.Request) (*linear.Statistics, float64, error) {
	if err := req.Check(); err != nil {
		return nil, 0, err
	}
	f := r.on(req)
	defer f.pool.Close()
	return f.choose(ctx, req)
}

// choose is Choose of a checked request.
func (f *fitter) choose(ctx context.Context, req distill.Request) (*linear.Statistics, float64, error) {
	s := req.Samples
	sums := linear.NewStatistics(s.Shape, s.Classes)
	kept, check := data.Holdout(s.Y, s.Classes, validationShare, req.Seed)
	if f.Lambda > 0 || len(check) == 0 {
		lambda := f.Lambda
		err := sums.Add(ctx, f.pool, s)
		if lambda == 0 { // a sample per class: nothing to choose by
			lambda = meanSquare(sums)
		}
		return sums, lambda, err
	}
	rest := linear.NewStatistics(s.Shape, s.Classes)
	if err := errors.Join(sums.Add(ctx, f.pool, s.Subset(kept)), rest.Add(ctx, f.pool, s.Subset(check))); err != nil {
		return nil, 0, err
	}
	miss, err := f.misses(ctx, sums, rest, func(done int, miss float64) {
		req.Report(distill.Progress{Done: done, Total: len(grid()) + 1, Loss: miss / float64(rest.Len())})
	})
	if err != nil {
		return nil, 0, err
	}
	return sums, grid()[leastOf(miss)], sums.Merge(rest)
}

// misses are the squared errors on held-out samples of weights fitted to the
// others, for each lambda of the grid; infinite where a lambda is too small for the weights to
// exist.
func (f *fitter) misses(ctx context.Context, others, held *linear.Statistics,
	report func(done int, miss float64)) ([]float64, error) {
	var out []float64
	for i, lambda := range grid() {
		miss := math.Inf(1)
		w, err := others.Solve(ctx, f.pool, lambda)
		switch {
		case err == nil:
			miss = held.SquaredError(w)
		case !errors.Is(err, linear.ErrSingular):
			return nil, err
		}
		out = append(out, miss)
		report(i+1, miss)
	}
	return out, nil
}

// leastOf is the index of the smallest error; among equal ones that of the largest lambda.
func leastOf(miss []float64) int {
	best := len(miss) - 1
	for i := best; i >= 0; i-- {
		if miss[i] < miss[best] {
			best = i
		}
	}
	return best
}

// meanSquare is the mean diagonal of f f', the ridge where nothing chooses one.
func meanSquare(s *linear.Statistics) float64 {
	d, sum := s.Shape.Size(), 0.
	for i := range d {
		sum += s.Squares[i*d+i]
	}
	return math.Max(sum/float64(d), grid()[0])
}
