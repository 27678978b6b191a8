// Package rank scores distilled sets by DD-Ranking (Li et al. 2025, arXiv 2505.13300), so that
// any receiver can compute the same scores again: how much of what all data give is
// recovered under plain labels, how much is gained over random real images of the same
// number under the same recipe, and how much of that augmentation accounts for. Learning
// rates are chosen on held-out training samples, seeds are fixed, and every accuracy that a
// score comes from stands beside it.
package rank

import (
	"errors"
	"fmt"
	"math"

	"github.com/distillmesh/distillmesh/distill/trial"
)

// ErrFraction means that an accuracy, or a difference of two, is no fraction.
var ErrFraction = errors.New("accuracies are fractions, and differences of them lie between -1 and 1")

// Weight is the usual weight of both scores (the paper's lambda and gamma).
const Weight = 0.5

// LRS is the label-robust score in [0, 1] of a set with
//
//	HLR = Acc(real, hard labels) - Acc(set, hard labels)
//	IOR = Acc(set, own labels) - Acc(random real images, labels of the same kind)
//	alpha = w IOR - (1 - w) HLR
//	LRS = (e^alpha - e^-1) / (e - e^-1)
//
// It fails with ErrFraction on percent, NaN and weights outside of [0, 1].
func LRS(hlr, ior, weight float64) (float64, error) {
	return score(ior, -hlr, weight)
}

// ARS is the augmentation-robust score, in which what a set gains over random real images
// with augmentation and without takes the place of IOR and -HLR, both with own labels.
func ARS(with, without, weight float64) (float64, error) { return score(with, without, weight) }

// score maps w a + (1 - w) b from [-1, 1] to [0, 1].
func score(a, b, weight float64) (float64, error) {
	for _, v := range []float64{a, b} {
		if !(math.Abs(v) <= 1) {
			return 0, fmt.Errorf("%w: %v", ErrFraction, v)
		}
	}
	if !(weight >= 0 && weight <= 1) {
		return 0, fmt.Errorf("%w: weight %v", ErrFraction, weight)
	}
	return (math.Exp(weight*a+(1-weight)*b) - math.Exp(-1)) / (math.E - math.Exp(-1)), nil
}

// runs are the accuracies of an arm by seed; one value stands for every seed.
type runs []float64

// at is the accuracy of a seed.
func (r runs) at(seed int) float64 {
	if len(r) == 1 {
		return r[0]
	}
	return r[seed]
}

// mean is that of all seeds.
func (r runs) mean() float64 { return trial.SpreadOf(r).Mean }

// pairs is how many seeds two arms have in common.
func pairs(a, b runs) int {
	switch {
	case len(a) == 0 || len(b) == 0:
		return 0
	case len(a) == 1:
		return len(b)
	case len(b) == 1:
		return len(a)
	}
	return min(len(a), len(b))
}

// minus are the differences a - b by seed.
func minus(a, b runs) (out runs) {
	for seed := range pairs(a, b) {
		out = append(out, a.at(seed)-b.at(seed))
	}
	return out
}

// scores applies a score to differences by seed.
func scores(a, b runs, weight float64, of func(a, b, weight float64) (float64, error)) (out runs, err error) {
	for seed := range pairs(a, b) {
		v, err := of(a.at(seed), b.at(seed), weight)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// Tau is Kendall's rank correlation (tau-b) of two scorings of the same things: 1 for the
// same order, -1 for the reverse, NaN where one of them ties everything.
func Tau(a, b []float64) float64 {
	var same, tiedA, tiedB, all float64
	for i := range a {
		for j := range i {
			x, y := sign(a[i]-a[j]), sign(b[i]-b[j])
			all++
			same += x * y
			tiedA += 1 - x*x
			tiedB += 1 - y*y
		}
	}
	return same / math.Sqrt((all-tiedA)*(all-tiedB))
}

func sign(v float64) float64 {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	}
	return 0
}
