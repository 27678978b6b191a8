package coreset

import (
	"context"
	"math"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/cluster"
)

// Clusters groups the samples of a class by k-means, as many groups as images
// (k-means++ and Lloyd, edge-distillers 1.10), and publishes the centroids, or
// the real sample nearest to each centroid. A centroid of fewer than LeastGroup
// samples would disclose them (with 5,000 CIFAR-10 samples in 50 groups some
// groups have one sample): the nearest other samples are averaged in until it has
// that many, or all of the class. Cost: rounds x images x samples x values.
type Clusters struct {
	Publish       string // PublishCentroids or PublishNearest
	MaxIterations int    // rounds of Lloyd's
	LeastGroup    int    // fewest samples averaged into a centroid
}

// What Clusters publishes.
const (
	PublishCentroids = "centroids"
	PublishNearest   = "nearest"
)

// DefaultClusters publishes centroids.
func DefaultClusters() Clusters {
	return Clusters{Publish: PublishCentroids, MaxIterations: 100, LeastGroup: distill.LeastGroup}
}

// Name implements distill.Method.
func (Clusters) Name() string { return "k-means" }

// Version implements distill.Method.
func (Clusters) Version() int { return 1 }

// Summary implements distill.Method.
func (Clusters) Summary() string {
	return "k-means centroids of each class (one image per class: the class mean), or the real samples nearest to them"
}

// options are the settings and their ranges.
func (k *Clusters) options() distill.Options {
	return distill.Options{
		distill.Choice("publish", &k.Publish, PublishCentroids, PublishNearest),
		distill.Int("max_iterations", &k.MaxIterations, 1, 1_000_000),
		distill.Int("least_group", &k.LeastGroup, 1, 1_000_000),
	}
}

// Settings implements distill.Method.
func (k Clusters) Settings() map[string]string { return k.options().Settings() }

// With implements distill.Method.
func (k Clusters) With(settings map[string]string) (distill.Method, error) {
	err := k.options().Set(k.Name(), settings)
	return k, err
}

// Outline implements distill.Method.
func (k Clusters) Outline(req distill.Request) (distill.Outline, error) {
	o, err := outline(req)
	o.Real = k.Publish != PublishCentroids
	if k.Publish == PublishCentroids {
		o.MinSamplesPerImage = k.LeastGroup
	}
	return o, err
}

// Distill implements distill.Method.
func (k Clusters) Distill(ctx context.Context, req distill.Request) (*distill.Result, error) {
	return byClass(ctx, req, "coreset-k-means", k.build)
}

// build implements builder.
func (k Clusters) build(ctx context.Context, c class) (tiles [][]float32, group int, err error) {
	assign, err := cluster.KMeans(ctx, c.rows, c.n, k.MaxIterations, c.rng)
	if err != nil {
		return nil, 0, err
	}
	group = math.MaxInt
	for g := range c.n {
		rows := cluster.Rows(c.rows, assign, g)
		mean := cluster.Mean(rows)
		if k.Publish == PublishNearest {
			tiles, group = append(tiles, rows[nearestOf(rows, mean, make([]bool, len(rows)))]), 1
			continue
		}
		if need := min(k.LeastGroup, len(c.rows)); len(rows) < need {
			rows = nearestRows(c.rows, mean, need)
			mean = cluster.Mean(rows)
		}
		tile := make([]float32, len(mean))
		for j, v := range mean {
			tile[j] = float32(v)
		}
		tiles, group = append(tiles, tile), min(group, len(rows))
	}
	return tiles, group, nil
}

// nearestRows are the n rows nearest to a point.
func nearestRows(x [][]float32, to []float64, n int) [][]float32 {
	taken, out := make([]bool, len(x)), make([][]float32, n)
	for i := range out {
		at := nearestOf(x, to, taken)
		taken[at], out[i] = true, x[at]
	}
	return out
}
