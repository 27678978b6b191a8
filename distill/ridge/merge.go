package ridge

import (
	"context"
	"fmt"

	"gonum.org/v1/gonum/floats"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/kernel"
	"github.com/distillmesh/distillmesh/train/linear"
)

// Statistics are what a device publishes in place of a set so that a merge is
// exact: f f', Y f' and counts (linear.Statistics; Encode gives the bytes).
// Workers 0 is all cores.
//
// They are large, 1.3 MB for 784 inputs and 10 classes where ten images take 8
// kB, and they disclose more: the sum of each class, the second moments of all
// pixels and, where a device has fewer samples than inputs, the space that these
// span. A single sample is disclosed completely.
func Statistics(ctx context.Context, s *data.Samples, workers int) (*linear.Statistics, error) {
	if s == nil || s.Len() == 0 {
		return nil, distill.ErrNoSamples
	}
	pool := kernel.NewPool(workers)
	defer pool.Close()
	out := linear.NewStatistics(s.Shape, s.Classes)
	if err := out.Add(ctx, pool, s); err != nil {
		return nil, err
	}
	return out, nil
}

// folds is the number of groups of devices for Merge's cross-validation of lambda.
const folds = 3

// Merge makes the set of all devices' samples from their statistics: the same as
// Distill would make of the samples in one place with the same lambda, to
// rounding. Of the request, only IPC, Seed, Device and Progress are used.
//
// Without a lambda it takes that of the grid with the least squared error when
// each third of the devices is predicted from the others; of fewer than three
// devices, the mean diagonal of f f'. Nothing but statistics is needed for that.
func (r Ridge) Merge(ctx context.Context, parts []*linear.Statistics, req distill.Request) (*distill.Result, error) {
	switch {
	case len(parts) == 0:
		return nil, distill.ErrNoSamples
	case req.IPC < 1:
		return nil, fmt.Errorf("%w: %d images per class, want at least 1", distill.ErrBudget, req.IPC)
	}
	f := r.on(req)
	defer f.pool.Close()
	sums, err := sum(parts)
	if err != nil {
		return nil, fmt.Errorf("ridge: %w", err)
	}
	lambda := r.Lambda
	if lambda == 0 {
		if lambda, err = f.chooseByParts(ctx, parts, sums, req); err != nil {
			return nil, fmt.Errorf("ridge: %w", err)
		}
	}
	if sums.Len() == 0 {
		return nil, distill.ErrNoSamples
	}
	out, err := f.distill(ctx, sums, lambda, req.IPC, req.Seed)
	if err != nil {
		return nil, fmt.Errorf("ridge: %w", err)
	}
	return out, nil
}

// sum adds statistics up, in their order.
func sum(parts []*linear.Statistics) (*linear.Statistics, error) {
	out := linear.NewStatistics(parts[0].Shape, parts[0].Classes)
	for _, p := range parts {
		if err := out.Merge(p); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// chooseByParts is Merge's choice of lambda.
func (f *fitter) chooseByParts(ctx context.Context, parts []*linear.Statistics, all *linear.Statistics,
	req distill.Request) (float64, error) {
	if len(parts) < folds {
		return meanSquare(all), nil
	}
	total := make([]float64, len(grid()))
	for fold := range folds {
		var inside, outside []*linear.Statistics
		for i, p := range parts {
			if i%folds == fold {
				inside = append(inside, p)
			} else {
				outside = append(outside, p)
			}
		}
		held, err := sum(inside)
		if err != nil {
			return 0, err
		}
		others, err := sum(outside)
		if err != nil {
			return 0, err
		}
		miss, err := f.misses(ctx, others, held, func(done int, miss float64) {
			req.Report(distill.Progress{Done: fold*len(total) + done, Total: folds * len(total),
				Loss: miss / float64(held.Len())})
		})
		if err != nil {
			return 0, err
		}
		floats.Add(total, miss)
	}
	return grid()[leastOf(total)], nil
}
