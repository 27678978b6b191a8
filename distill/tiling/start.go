// Package tiling is what the methods that optimize tiles of images share: what
// tiles start from, how they become whole images in an expression, and the
// range of real values. A tile is a sub-image of a stored image, down-sampled, and
// a formation says how many there are (multi-formation, as in IDC, Kim et al. 2022);
// a plain image is one tile at full size.
package tiling

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/cluster"
	"github.com/distillmesh/distillmesh/train/data"
)

// The starts of tiles.
const (
	Centroids = "centroids"  // k-means centroids of at least ten samples, else noise
	Neighbors = "neighbours" // means of a random sample and its nine nearest, else noise
	Spread    = "spread"     // as neighbours, stretched to lie as far apart as samples do, else noise
	Noise     = "noise"      // around the class mean
	Real      = "real"       // random real samples; they may stay recognizable
)

// Starts lists all starts.
var Starts = []string{Centroids, Neighbors, Spread, Noise, Real}

// startMost is how many samples of a class are grouped, or startPerTile per tile
// if that is more; startRounds is the number of rounds of k-means.
const (
	startMost    = 600
	startPerTile = 12
	startRounds  = 15
)

// Start makes the initial tiles of the held classes.
type Start struct {
	Samples  *data.Samples
	Form     Form
	PerClass int    // tiles
	Kind     string // Centroids, Neighbors, Noise or Real
	Seed     uint64
	Purpose  string // names the stream of random numbers
}

// Values makes them, class after class, as the form has them. It fails with
// distill.ErrTooFew when a class has fewer samples than real tiles are asked for.
func (s Start) Values(ctx context.Context) (*data.Samples, error) {
	out, err := s.tiles(ctx)
	if err != nil {
		return nil, err
	}
	out.X, err = s.Form.values(out)
	out.Shape = s.Form.Shape()
	return out, err
}

// tiles are the values as pixels.
func (s Start) tiles(ctx context.Context) (*data.Samples, error) {
	out := &data.Samples{Shape: s.Form.formation.TileShape(s.Samples.Shape), Classes: s.Samples.Classes}
	for class, members := range s.Samples.ByClass() {
		if len(members) == 0 {
			continue
		}
		rng := data.Stream(s.Seed, s.Purpose, uint64(class))
		if s.Kind == Real {
			if len(members) < s.PerClass {
				return nil, fmt.Errorf("%w: class %d has %d, the start asks for %d", distill.ErrTooFew, class, len(members),
					s.PerClass)
			}
			index := make([]int, s.PerClass)
			for i, j := range rng.Perm(len(members))[:s.PerClass] {
				index[i] = members[j]
			}
			out.X = append(out.X, s.Form.formation.Down(s.Samples.Subset(index)).X...)
		} else {
			most := startMost
			if s.Kind == Spread {
				most = spreadMost
			}
			most = min(len(members), max(most, startPerTile*s.PerClass))
			small := s.Form.formation.Down(s.Samples.Subset(members[:most]))
			rows := make([][]float32, small.Len())
			for i := range rows {
				rows[i] = small.Row(i)
			}
			var err error
			if s.Kind == Spread && len(rows) >= max(distill.LeastGroup, s.PerClass) {
				out.X, err = s.spread(ctx, out.X, small, rng)
			} else {
				out.X, err = s.class(ctx, out.X, rows, rng)
			}
			if err != nil {
				return nil, err
			}
		}
		for range s.PerClass {
			out.Y = append(out.Y, class)
		}
	}
	return out, nil
}

// class appends the tiles of a class: centroids of groups that are large
// enough, and noise for the rest.
func (s Start) class(ctx context.Context, out []float32, rows [][]float32, rng *rand.Rand) ([]float32, error) {
	n := s.PerClass
	if s.Kind == Centroids && len(rows) >= distill.LeastGroup && len(rows) >= n {
		means, sizes, err := cluster.Centroids(ctx, rows, n, startRounds, rng)
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
	if s.Kind == Neighbors && len(rows) >= distill.LeastGroup && len(rows) >= n {
		for _, at := range rng.Perm(len(rows))[:n] {
			out = appendNeighbors(out, rows, at)
		}
		return out, nil
	}
	mean, deviation := around(rows, len(rows[0]))
	for range n {
		for j := range mean {
			out = append(out, float32(mean[j]+deviation[j]*rng.NormFloat64()))
		}
	}
	return out, nil
}

// appendNeighbors appends the mean of a row and of those nearest to it.
func appendNeighbors(out []float32, rows [][]float32, at int) []float32 {
	center := make([]float64, len(rows[at]))
	for j, v := range rows[at] {
		center[j] = float64(v)
	}
	apart, nearest := make([]float64, len(rows)), make([]int, len(rows))
	for i, row := range rows {
		apart[i], nearest[i] = cluster.Distance2(row, center), i
	}
	slices.SortStableFunc(nearest, func(a, b int) int { return cmp.Compare(apart[a], apart[b]) })
	mean := make([]float64, len(rows[at]))
	for _, i := range nearest[:distill.LeastGroup] {
		for j, v := range rows[i] {
			mean[j] += float64(v) / distill.LeastGroup
		}
	}
	for _, v := range mean {
		out = append(out, float32(v))
	}
	return out
}

// around is the mean and deviation of each value over rows; with fewer rows
// than may be averaged, those of task space, 0 and 1.
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
