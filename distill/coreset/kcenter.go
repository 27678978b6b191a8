package coreset

import (
	"context"
	"math"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/cluster"
)

// KCenter picks the real sample nearest to the class mean, then repeatedly the
// one farthest from all picks (Gonzalez 1985; the greedy
// 2-approximation of the k-center problem, edge-distillers 1.10). It is
// deterministic, and a larger budget extends the picks of a smaller one. It publishes
// raw data, mostly outliers: beyond one image per class random samples train better (docs/methods.md). Cost:
// images x samples x values.
type KCenter struct{}

// Name implements distill.Method.
func (KCenter) Name() string { return "k-center" }

// Version implements distill.Method.
func (KCenter) Version() int { return 1 }

// Summary implements distill.Method.
func (KCenter) Summary() string {
	return "real samples far from one another (publishes raw data; mostly worse than random)"
}

// Settings implements distill.Method.
func (KCenter) Settings() map[string]string { return map[string]string{} }

// With implements distill.Method: there is nothing to set.
func (k KCenter) With(settings map[string]string) (distill.Method, error) {
	return k, distill.Options{}.Set(k.Name(), settings)
}

// Outline implements distill.Method.
func (KCenter) Outline(req distill.Request) (distill.Outline, error) { return ofReal(req) }

// Distill implements distill.Method.
func (k KCenter) Distill(ctx context.Context, req distill.Request) (*distill.Result, error) {
	return byClass(ctx, req, "coreset-k-center", real(farthestFirst))
}

// farthestFirst picks n rows.
func farthestFirst(ctx context.Context, x [][]float32, n int) ([]int, error) {
	picked, dist := make([]bool, len(x)), make([]float64, len(x))
	for i := range dist {
		dist[i] = math.Inf(1)
	}
	at := nearestOf(x, cluster.Mean(x), picked)
	out := []int{at}
	for picked[at] = true; len(out) < n; picked[at] = true {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		last := cluster.Mean(x[at : at+1])
		far := -1.
		for i, row := range x {
			if picked[i] {
				continue
			}
			dist[i] = math.Min(dist[i], cluster.Distance2(row, last))
			if dist[i] > far {
				far, at = dist[i], i
			}
		}
		out = append(out, at)
	}
	return out, ctx.Err()
}
