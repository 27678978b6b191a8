package match

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/coreset"
	"github.com/distillmesh/distillmesh/train/data"
)

// startMost is how many samples of a class are grouped, startRounds how often
// centroids move.
const (
	startMost   = 600
	startRounds = 15
)

// start makes the first tiles, class after class.
func (r *run) start(ctx context.Context) ([]float32, error) {
	var out []float32
	for _, class := range r.held {
		rng := data.Stream(r.req.Seed, r.method.Name()+"-start", uint64(class))
		members := r.members[class]
		if r.Matching.Start == Real {
			if len(members) < r.perClass {
				return nil, fmt.Errorf("%w: class %d has %d, the start asks for %d", distill.ErrTooFew, class, len(members), r.perClass)
			}
			index := make([]int, r.perClass)
			for i, j := range rng.Perm(len(members))[:r.perClass] {
				index[i] = members[j]
			}
			out = append(out, r.formation.Down(r.req.Samples.Subset(index)).X...)
			continue
		}
		small := r.formation.Down(r.req.Samples.Subset(members[:min(len(members), startMost)]))
		rows := make([][]float32, small.Len())
		for i := range rows {
			rows[i] = small.Row(i)
		}
		var err error
		if out, err = r.startClass(ctx, out, rows, rng); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// startClass appends a class's tiles: centroids of groups that are large
// enough, and noise for the rest.
func (r *run) startClass(ctx context.Context, out []float32, rows [][]float32, rng *rand.Rand) ([]float32, error) {
	n := r.perClass
	if r.Matching.Start == Centroids && len(rows) >= distill.LeastGroup && len(rows) >= n {
		means, sizes, err := coreset.Centroids(ctx, rows, n, startRounds, rng)
		if err != nil {
			return nil, err
		}
		for k, mean := range means {
			if sizes[k] < distill.LeastGroup {
				continue
			}
			for _, v := range mean {
				out = append(out, float32(v))
			}
			n--
		}
	}
	mean, deviation := around(rows, r.tile.Size())
	for range n {
		for j := range mean {
			out = append(out, float32(mean[j]+deviation[j]*rng.NormFloat64()))
		}
	}
	return out, nil
}

// around is the mean and deviation of each value over rows; of fewer rows than
// may be averaged, those of task space itself, 0 and 1.
func around(rows [][]float32, size int) (mean, deviation []float64) {
	mean, deviation = make([]float64, size), make([]float64, size)
	if len(rows) < distill.LeastGroup {
		for j := range deviation {
			deviation[j] = 1
		}
		return mean, deviation
	}
	n := float64(len(rows))
	for _, row := range rows {
		for j, v := range row {
			mean[j] += float64(v) / n
		}
	}
	for _, row := range rows {
		for j, v := range row {
			deviation[j] += (float64(v) - mean[j]) * (float64(v) - mean[j]) / n
		}
	}
	for j, v := range deviation {
		deviation[j] = math.Sqrt(v)
	}
	return mean, deviation
}
