package coreset

import (
	"context"
	"math"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/cluster"
)

// Herding picks real samples one by one so that their mean stays as close as
// possible to the class mean (Welling 2009; on pixels, edge-distillers
// 1.10): the t-th is, of those not yet picked,
//
//	argmin_x |mu - (x_1 + ... + x_(t-1) + x) / t| = argmin_x |x - (t mu - x_1 - ... - x_(t-1))|
//
// It is deterministic, and a larger budget extends the picks of a smaller one. It
// publishes raw data. Cost: images x samples x values.
type Herding struct{}

// Name implements distill.Method.
func (Herding) Name() string { return "herding" }

// Version implements distill.Method.
func (Herding) Version() int { return 1 }

// Summary implements distill.Method.
func (Herding) Summary() string {
	return "real samples whose mean follows the class mean (publishes raw data)"
}

// Settings implements distill.Method.
func (Herding) Settings() map[string]string { return map[string]string{} }

// With implements distill.Method: there is nothing to set.
func (h Herding) With(settings map[string]string) (distill.Method, error) {
	return h, distill.Options{}.Set(h.Name(), settings)
}

// Outline implements distill.Method.
func (Herding) Outline(req distill.Request) (distill.Outline, error) { return ofReal(req) }

// Distill implements distill.Method.
func (h Herding) Distill(ctx context.Context, req distill.Request) (*distill.Result, error) {
	return byClass(ctx, req, "coreset-herding", real(herd))
}

// herd picks n rows.
func herd(ctx context.Context, x [][]float32, n int) ([]int, error) {
	mean := cluster.Mean(x)
	wanted := make([]float64, len(mean)) // t mu less what is picked
	picked := make([]bool, len(x))
	var out []int
	for range n {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for j, v := range mean {
			wanted[j] += v
		}
		at := nearestOf(x, wanted, picked)
		picked[at], out = true, append(out, at)
		for j, v := range x[at] {
			wanted[j] -= float64(v)
		}
	}
	return out, nil
}

// nearestOf is the first of the nearest rows that are not taken; one must not be.
func nearestOf(x [][]float32, to []float64, taken []bool) int {
	best, at := math.Inf(1), -1
	for i, row := range x {
		if taken[i] {
			continue
		}
		if d := cluster.Distance2(row, to); at < 0 || d < best {
			best, at = d, i
		}
	}
	return at
}
