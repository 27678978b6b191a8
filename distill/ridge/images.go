package ridge

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/distillmesh/distillmesh/distill"
)

// leastSquare is the share of the largest eigenvalue of D D' below which an eigenvalue counts as zero.
const leastSquare = 1e-13

// Images gives the images, h perClass x d, on which a student that trains with
// lambda_s learns the weights W, h x d, of h classes. Its labels Y_s are one-hot,
// perClass of each class in turn, and
//
//	D = Y_s^+ W + (I - Y_s^+ Y_s) Z = U diag(s) V'
//	images = U diag(t) V',  t = (1 + sqrt(1 - 4 lambda_s s^2)) / (2 s),
//
// 0 where s is; so images = (D^+)' for lambda_s = 0. Z is noise of the size of
// Y_s^+ W: it makes the images of a class differ and does not change W. It fails
// with ErrOption where lambda_s > 1/(4 s^2) for the largest s. Cost: (h
// perClass)^2 d multiply-adds and an eigenvalue decomposition of that size.
func Images(w []float64, d, perClass int, lambdaS float64, rng *rand.Rand) ([]float64, error) {
	n := len(w) / d * perClass
	target := targets(w, d, perClass, rng)
	square := mat.NewSymDense(n, nil)
	for i := range n {
		for j := range i + 1 {
			square.SetSym(i, j, floats.Dot(target[i*d:(i+1)*d], target[j*d:(j+1)*d]))
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(square, true) {
		return nil, errors.New("no eigenvalues found")
	}
	values := eigen.Values(nil) // s^2, ascending
	largest := values[n-1]
	if 4*lambdaS*largest > 1 {
		return nil, fmt.Errorf("%w: student is %g, with these weights want at most %.3g", distill.ErrOption, lambdaS,
			1/(4*largest))
	}
	var u mat.Dense
	eigen.VectorsTo(&u)
	scaled := mat.NewDense(n, n, nil) // U diag(t/s)
	for k, v := range values {
		if !(v > leastSquare*largest) {
			continue
		}
		factor := (1 + math.Sqrt(1-4*lambdaS*v)) / (2 * v)
		for i := range n {
			scaled.Set(i, k, u.At(i, k)*factor)
		}
	}
	var across mat.Dense
	across.Mul(scaled, u.T())
	out := make([]float64, n*d)
	for i := range n {
		for j := range n {
			floats.AddScaled(out[i*d:(i+1)*d], across.At(i, j), target[j*d:(j+1)*d])
		}
	}
	return out, nil
}

// targets is D, n x d: for each class its weights shared by perClass rows, and
// noise that sums to zero.
func targets(w []float64, d, perClass int, rng *rand.Rand) []float64 {
	out := make([]float64, len(w)*perClass)
	for c := range len(w) / d {
		row := w[c*d : (c+1)*d]
		size := math.Sqrt(floats.Dot(row, row) / float64(d))
		rows := out[c*perClass*d : (c+1)*perClass*d]
		for j, v := range row {
			mean := 0.
			for k := range perClass {
				if perClass > 1 {
					rows[k*d+j] = size * rng.NormFloat64()
				}
				mean += rows[k*d+j] / float64(perClass)
			}
			for k := range perClass {
				rows[k*d+j] = (rows[k*d+j] - mean + v) / float64(perClass)
			}
		}
	}
	return out
}
