package coreset

import (
	"context"
	"math"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/cluster"
	"github.com/distillmesh/distillmesh/train/data"
)

// GMM fits one Gaussian mixture per class by expectation maximization and
// publishes the component means (FedD3's coreset instance, fedd3 1.4): full
// covariance with a floor on its diagonal, started by k-means. With one image
// per class the mean is the class mean, in one pass.
type GMM struct {
	Floor         float64 // added to the diagonal of every covariance
	MaxIterations int     // of EM; k-means takes the same number at most
	Tolerance     float64 // EM stops when the mean log-likelihood gains less
}

// DefaultGMM has the settings of the official code.
func DefaultGMM() GMM { return GMM{Floor: 1e-6, MaxIterations: 100, Tolerance: 1e-3} }

// Name implements distill.Method.
func (GMM) Name() string { return "gmm" }

// Version implements distill.Method.
func (GMM) Version() int { return 1 }

// Summary implements distill.Method.
func (GMM) Summary() string {
	return "means of a Gaussian mixture of each class (with one image per class: the class mean)"
}

// options are the settings and their ranges.
func (g *GMM) options() distill.Options {
	return distill.Options{
		distill.Float("covariance_floor", &g.Floor, 1e-12, 1e6),
		distill.Int("max_iterations", &g.MaxIterations, 1, 1_000_000),
		distill.Float("tolerance", &g.Tolerance, 0, 1e6),
	}
}

// Settings implements distill.Method.
func (g GMM) Settings() map[string]string { return g.options().Settings() }

// With implements distill.Method.
func (g GMM) With(settings map[string]string) (distill.Method, error) {
	err := g.options().Set(g.Name(), settings)
	return g, err
}

// Outline implements distill.Method.
func (GMM) Outline(req distill.Request) (distill.Outline, error) {
	f, err := req.Plain()
	return distill.Outline{Formation: f, Grouped: true, Natural: true, MinSamplesPerImage: distill.LeastGroup}, err
}

// Distill implements distill.Method.
func (g GMM) Distill(ctx context.Context, req distill.Request) (*distill.Result, error) {
	if err := req.Check(); err != nil {
		return nil, err
	}
	if _, err := req.Plain(); err != nil {
		return nil, err
	}
	held := req.Samples.Held()
	out := &data.Samples{Shape: req.Samples.Shape, Classes: req.Samples.Classes}
	smallest := math.Inf(1)
	members := req.Samples.ByClass()
	for done, class := range held {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		fit, err := g.fitClass(ctx, req, members[class], class, func(part, of int) {
			req.Report(distill.Progress{Done: done*req.IPC + part*req.IPC/of, Total: len(held) * req.IPC, Loss: math.NaN()})
		})
		if err != nil {
			return nil, err
		}
		for k := range fit.mean {
			for _, v := range fit.mean[k] {
				out.X = append(out.X, float32(v))
			}
			out.Y = append(out.Y, class)
			smallest = math.Min(smallest, fit.weight[k])
		}
		req.Report(distill.Progress{Done: (done + 1) * req.IPC, Total: len(held) * req.IPC, Loss: math.NaN()})
	}
	return &distill.Result{Images: out, SmallestGroup: max(1, int(math.Floor(smallest+1e-6)))}, nil
}

// fitClass fits one mixture; its weights are sums of responsibilities.
func (g GMM) fitClass(ctx context.Context, req distill.Request, members []int, class int,
	report func(done, of int)) (*mixture, error) {
	x := make([][]float32, len(members))
	for i, j := range members {
		x[i] = req.Samples.Row(j)
	}
	if req.IPC == 1 {
		return &mixture{mean: [][]float64{cluster.Mean(x)}, weight: []float64{float64(len(x))}}, nil
	}
	start, err := cluster.KMeans(ctx, x, req.IPC, g.MaxIterations, data.Stream(req.Seed, "coreset-gmm", uint64(class)))
	if err != nil {
		return nil, err
	}
	return g.em(ctx, x, start, report)
}
