package coreset

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// span does the same rounds when there are fewer samples than values: a
// covariance of s samples differs from floor I in s directions alone, so with
// a_j = sqrt(r_j / N) (x_j - mu) as the columns of A and G = A'A + floor I
//
//	log |S| = (d - s) log floor + log |G|
//	v' S^-1 v = (v'v - (A'v)' G^-1 (A'v)) / floor
//
// and all products of samples less the mean come from the samples' Gram matrix.
// Cost of a round: components x (s^3/3 + samples x s^2), s the samples that a
// component holds.
type span struct {
	floor float64
	gram  *mat.SymDense
}

func (g GMM) inSpan(x *mat.Dense) span {
	n, _ := x.Dims()
	gram := mat.NewSymDense(n, nil)
	gram.SymOuterK(1, x)
	return span{g.Floor, gram}
}

func (p span) round(ctx context.Context, x, resp *mat.Dense, report func(done, of int)) (*mixture, float64, error) {
	n, d := x.Dims()
	_, k := resp.Dims()
	fit := &mixture{mean: make([][]float64, k), weight: make([]float64, k)}
	logs := mat.NewDense(n, k, nil)
	for c := range k {
		if err := ctx.Err(); err != nil {
			return nil, 0, err
		}
		report(c, k)
		weights := mat.Col(nil, c, resp)
		total := floats.Sum(weights) + 1e-12 // keeps an empty component finite
		floats.Scale(1/total, weights)
		mean := make([]float64, d)
		for i, w := range weights {
			if w > 0 {
				floats.AddScaled(mean, w, x.RawRowView(i))
			}
		}
		fit.mean[c], fit.weight[c] = mean, total
		density, err := p.density(weights, d)
		if err != nil {
			return nil, 0, fmt.Errorf("gmm: component %d: %w", c, err)
		}
		floats.AddConst(math.Log(total), density)
		logs.SetCol(c, density)
	}
	share := math.Log(floats.Sum(fit.weight))
	logs.Apply(func(_, _ int, v float64) float64 { return v - share }, logs)
	likelihood := normalize(logs)
	resp.Copy(logs)
	return fit, likelihood, nil
}

// density is the logarithm of a component's density at each sample, of samples
// weighing so much in it.
func (p span) density(weights []float64, d int) ([]float64, error) {
	n := len(weights)
	against := make([]float64, n) // of each sample with the mean
	var product mat.VecDense
	product.MulVec(p.gram, mat.NewVecDense(n, weights))
	copy(against, product.RawVector().Data)
	norm := floats.Dot(weights, against)
	centered := func(i, j int) float64 { return p.gram.At(i, j) - against[i] - against[j] + norm }
	held := heldBy(weights)
	all := mat.NewDense(max(1, len(held)), n, nil)
	for a, i := range held {
		row := all.RawRowView(a)
		for j := range n {
			row[j] = centered(i, j)
		}
	}
	square := make([]float64, n)
	for i := range n {
		square[i] = centered(i, i)
	}
	return densityInSpan(weights, held, all, square, p.floor, d)
}

// heldBy lists the samples of a component.
func heldBy(weights []float64) (held []int) {
	for i, w := range weights {
		if w > 0 {
			held = append(held, i)
		}
	}
	return held
}

// densityOf is the same for a component of few among many samples, given less its mean:
// no product but those with its own samples is computed.
func densityOf(weights []float64, less *mat.Dense, floor float64) ([]float64, error) {
	n, d := less.Dims()
	held := heldBy(weights)
	all, own := mat.NewDense(max(1, len(held)), n, nil), mat.NewDense(max(1, len(held)), d, nil)
	for a, i := range held {
		own.SetRow(a, less.RawRowView(i))
	}
	all.Mul(own, less.T())
	square := make([]float64, n)
	for i := range n {
		row := less.RawRowView(i)
		square[i] = floats.Dot(row, row)
	}
	return densityInSpan(weights, held, all, square, floor, d)
}

// densityInSpan is the logarithm of a density from the products of a component's samples
// with all samples, which it overwrites, and of each sample with itself, all less the mean.
func densityInSpan(weights []float64, held []int, all *mat.Dense, square []float64, floor float64, d int) ([]float64,
	error) {
	n, s := len(weights), len(held)
	out := make([]float64, n)
	logDet := float64(d-s) * math.Log(floor)
	inside := make([]float64, n)
	if s > 0 {
		small := mat.NewSymDense(s, nil)
		for a, i := range held {
			root := math.Sqrt(weights[i])
			row := all.RawRowView(a)
			for j := range n {
				row[j] *= root
			}
			for b := a; b < s; b++ {
				small.SetSym(a, b, math.Sqrt(weights[held[b]])*row[held[b]])
			}
			small.SetSym(a, a, small.At(a, a)+floor)
		}
		var chol mat.Cholesky
		if !chol.Factorize(small) {
			return nil, fmt.Errorf("the covariance is not positive definite")
		}
		logDet += chol.LogDet()
		var lower mat.TriDense
		chol.LTo(&lower)
		var white mat.Dense
		if err := white.Solve(&lower, all); err != nil && white.IsEmpty() {
			return nil, err
		}
		for a := range s {
			for j, v := range white.RawRowView(a) {
				inside[j] += v * v
			}
		}
	}
	for i := range n {
		distance := max(0, square[i]-inside[i]) / floor
		out[i] = -0.5 * (distance + logDet + float64(d)*math.Log(2*math.Pi))
	}
	return out, nil
}
