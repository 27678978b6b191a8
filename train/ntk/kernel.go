// Package ntk is the closed-form neural tangent kernel of infinitely wide
// fully connected ReLU networks, and the kernel-regression predictor on it: a
// consumer of distilled sets that needs no training loop.
package ntk

import (
	"math"

	"github.com/distillmesh/distillmesh/train/kernel"
	"github.com/distillmesh/distillmesh/train/parallel"
)

// Variances of weights and biases: W_std = sqrt 2, b_std = 0.1 (FedD3, 1.2).
const (
	weightVariance = 2
	biasVariance   = 0.01
)

// Pair is the NTK of two inputs at the given depth (hidden layers), from their
// scaled products xx = <x,x>/d, yy = <y,y>/d and xy = <x,y>/d:
//
//	n = 2 xy + 0.01, t = n; for each hidden layer
//	th = arccos(n / sqrt(nxx nyy))
//	k1 = sqrt(nxx nyy) (sin th + (pi - th) cos th) / 2 pi, k0 = (pi - th) / 2 pi
//	n <- 2 k1 + 0.01, t <- 2 t k0 + n, nxx and nyy grow by 0.01
//
// (Lee et al. 2019; FedD3 uses depth 4, the KIP notebook depth 1.)
func Pair(depth int, xx, yy, xy float64) float64 {
	nxx := weightVariance*xx + biasVariance
	nyy := weightVariance*yy + biasVariance
	n := weightVariance*xy + biasVariance
	t := n
	for range depth {
		q := math.Sqrt(nxx * nyy)
		cos := math.Min(math.Max(n/q, -1), 1)
		th := math.Acos(cos)
		k0 := (math.Pi - th) / (2 * math.Pi)
		k1 := q * (math.Sqrt(1-cos*cos) + (math.Pi-th)*cos) / (2 * math.Pi)
		n = weightVariance*k1 + biasVariance
		t = weightVariance*t*k0 + n
		nxx += biasVariance
		nyy += biasVariance
	}
	return t
}

// Rows is m inputs of d values, row-major.
type Rows struct {
	X    []float32
	M, D int
}

// Matrix is the m x n kernel between the rows of x and y, row-major. The inner
// products are taken in float32, the recursion in float64.
func Matrix(depth int, x, y Rows) []float32 {
	out := make([]float32, x.M*y.M)
	if len(out) > 0 {
		kernel.Gemm(false, true, x.M, y.M, x.D, 1, x.X, x.D, y.X, y.D, 0, out, y.M)
		xx, yy := squares(x), squares(y)
		parallel.Each(0, x.M, func(i int) { pairRow(depth, x.D, out[i*y.M:(i+1)*y.M], xx[i], yy) })
	}
	return out
}

// pairRow turns the products of one input with others into kernels.
func pairRow(depth, values int, row []float32, xx float64, yy []float64) {
	inv := 1 / float64(values)
	for j, v := range row {
		row[j] = float32(Pair(depth, xx, yy[j], float64(v)*inv))
	}
}

// Gram is the symmetric kernel of x with itself. Its diagonal is computed from
// the norms, since rounding would otherwise move cos th off 1.
func Gram(depth int, x Rows) []float32 {
	out := Matrix(depth, x, x)
	for i, xx := range squares(x) {
		out[i*x.M+i] = float32(Pair(depth, xx, xx, xx))
	}
	return out
}

// squares is <x,x>/d of every row.
func squares(x Rows) []float64 {
	out := make([]float64, x.M)
	for i := range out {
		for _, v := range x.X[i*x.D : (i+1)*x.D] {
			out[i] += float64(v) * float64(v)
		}
		out[i] /= float64(x.D)
	}
	return out
}
