package coreset

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// mixture is a Gaussian mixture with full covariances.
type mixture struct {
	mean   [][]float64
	weight []float64 // sums of responsibilities: how many samples each averages
	chol   []mat.Cholesky
	share  [][]float64 // of the samples in a component that has few of them, and no chol
}

// step is an M and an E step over the samples of a class: it overwrites the
// responsibilities and returns the mean log-likelihood. It reports each component.
type step func(ctx context.Context, x, resp *mat.Dense, report func(done, of int)) (*mixture, float64, error)

// em runs expectation maximization from a hard assignment. Every step is the
// textbook one (Bishop, 9.2.2):
//
//	r_ik = pi_k N(x_i | mu_k, S_k) / sum_j pi_j N(x_i | mu_j, S_j)
//	mu_k = sum_i r_ik x_i / N_k,  S_k = sum_i r_ik (x_i - mu_k)(x_i - mu_k)' / N_k + floor I
//
// Cost of a round: components x (samples x d^2 + d^3/3), or that of span for
// components that hold fewer samples than half the values, and where there are fewer
// samples than values. What is reported is the first round: where samples have many values
// few follow.
func (g GMM) em(ctx context.Context, x [][]float32, assign []int, report func(done, of int)) (*mixture, error) {
	k := 0
	for _, a := range assign {
		k = max(k, a+1)
	}
	resp := mat.NewDense(len(x), k, nil)
	for i, a := range assign {
		resp.Set(i, a, 1)
	}
	all := toDense(x)
	var step step = g.round
	if n, d := all.Dims(); n <= d {
		step = g.inSpan(all).round
	}
	last := math.Inf(-1)
	var fit *mixture
	for range g.MaxIterations {
		before := mat.DenseCopyOf(resp)
		var err error
		likelihood := 0.0
		if fit, likelihood, err = step(ctx, all, resp, report); err != nil {
			return nil, err
		}
		// The same responsibilities would give the same mixture again.
		if math.Abs(likelihood-last) < g.Tolerance || mat.Equal(before, resp) {
			break
		}
		last, report = likelihood, func(_, _ int) {}
	}
	return fit, nil
}

// round is a step where there are more samples than values.
func (g GMM) round(ctx context.Context, x, resp *mat.Dense, report func(done, of int)) (*mixture, float64, error) {
	fit, err := g.maximize(ctx, x, resp, report)
	if err != nil {
		return nil, 0, err
	}
	likelihood, err := fit.expect(ctx, x, resp, g.Floor, report)
	return fit, likelihood, err
}

func toDense(x [][]float32) *mat.Dense {
	out := mat.NewDense(len(x), len(x[0]), nil)
	for i, row := range x {
		for j, v := range row {
			out.Set(i, j, float64(v))
		}
	}
	return out
}

// maximize is the M step, the first half of what a round reports.
func (g GMM) maximize(ctx context.Context, x, resp *mat.Dense, report func(done, of int)) (*mixture, error) {
	n, d := x.Dims()
	_, k := resp.Dims()
	fit := &mixture{mean: make([][]float64, k), weight: make([]float64, k), chol: make([]mat.Cholesky, k),
		share: make([][]float64, k)}
	scaled := mat.NewDense(n, d, nil)
	for c := range k {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		report(c, 2*k)
		mean, held := make([]float64, d), 0
		total := 1e-12 // keeps an empty component finite
		for i := range n {
			if r := resp.At(i, c); r > 0 {
				held++
				total += r
				floats.AddScaled(mean, r, x.RawRowView(i))
			}
		}
		floats.Scale(1/total, mean)
		fit.mean[c], fit.weight[c] = mean, total
		if 2*held < d {
			fit.share[c] = mat.Col(nil, c, resp)
			floats.Scale(1/total, fit.share[c])
			continue
		}
		for i := range n {
			row := scaled.RawRowView(i)
			floats.SubTo(row, x.RawRowView(i), mean)
			floats.Scale(math.Sqrt(resp.At(i, c)/total), row)
		}
		cov := mat.NewSymDense(d, nil)
		cov.SymOuterK(1, scaled.T())
		for j := range d {
			cov.SetSym(j, j, cov.At(j, j)+g.Floor)
		}
		if !fit.chol[c].Factorize(cov) {
			return nil, fmt.Errorf("gmm: covariance of component %d is not positive definite", c)
		}
	}
	return fit, nil
}

// expect is the E step: it overwrites resp and returns the mean
// log-likelihood.
func (m *mixture) expect(ctx context.Context, x, resp *mat.Dense, floor float64, report func(done, of int)) (float64,
	error) {
	n, d := x.Dims()
	total := floats.Sum(m.weight)
	diff := mat.NewDense(n, d, nil)
	for c := range m.mean {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		report(len(m.mean)+c, 2*len(m.mean))
		for i := range n {
			floats.SubTo(diff.RawRowView(i), x.RawRowView(i), m.mean[c])
		}
		if m.share[c] != nil {
			density, err := densityOf(m.share[c], diff, floor)
			if err != nil {
				return 0, fmt.Errorf("gmm: component %d: %w", c, err)
			}
			floats.AddConst(math.Log(m.weight[c]/total), density)
			resp.SetCol(c, density)
			continue
		}
		var lower mat.TriDense
		m.chol[c].LTo(&lower)
		var white mat.Dense
		if err := white.Solve(&lower, diff.T()); err != nil && white.IsEmpty() {
			continue // cannot happen after a successful factorization
		}
		base := math.Log(m.weight[c]/total) - 0.5*(m.chol[c].LogDet()+float64(d)*math.Log(2*math.Pi))
		for i := range n {
			sum := 0.0
			for j := range d {
				v := white.At(j, i)
				sum += v * v
			}
			resp.Set(i, c, base-0.5*sum)
		}
	}
	return normalize(resp), nil
}

// normalize turns joint log-densities into responsibilities, and returns the
// mean log-likelihood.
func normalize(resp *mat.Dense) (mean float64) {
	n, _ := resp.Dims()
	for i := range n {
		row := resp.RawRowView(i)
		norm := floats.LogSumExp(row)
		mean += norm / float64(n)
		for c, v := range row {
			row[c] = math.Exp(v - norm)
		}
	}
	return mean
}
