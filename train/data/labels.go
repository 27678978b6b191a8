package data

import "math"

// A soft label row is one of two kinds, which its values show.
//
// A distribution is non-negative and sums to 1: soft labels of a teacher, and
// every hard label, as one-hot. Any other row is a regression target learned for
// a kernel: it varies around centered one-hot, 1 - 1/C for the class and -1/C
// elsewhere, and is no distribution.
//
// Networks, trained by cross-entropy, use distributions unchanged and only the
// class of a learned row; kernel regression uses learned rows unchanged and
// centers distributions by subtracting 1/C. So sets of both kinds can be merged,
// and a hard label means the same beside either.

// distributionSlack is how far from 1 the sum of a distribution may be.
const distributionSlack = 1e-3

// IsDistribution reports whether a label row is non-negative and sums to 1.
func IsDistribution(row []float32) bool {
	sum := 0.
	for _, v := range row {
		if !(v >= 0) {
			return false
		}
		sum += float64(v)
	}
	return math.Abs(sum-1) <= distributionSlack
}

// softRow is the soft label of sample i, or nil when labels are hard.
func (s *Samples) softRow(i int) []float32 {
	if s.Soft == nil {
		return nil
	}
	return s.Soft[i*s.Classes : (i+1)*s.Classes]
}

// Probabilities fills dst, one value per class, with the label of sample i as a
// distribution: what a network learns.
func (s *Samples) Probabilities(i int, dst []float32) {
	if row := s.softRow(i); row != nil && IsDistribution(row) {
		copy(dst, row)
		return
	}
	clear(dst)
	dst[s.Y[i]] = 1
}

// RegressionTarget fills dst, one value per class, with the label of sample i as
// kernel regression learns it: centered, or as it was learned.
func (s *Samples) RegressionTarget(i int, dst []float32) {
	if row := s.softRow(i); row != nil && !IsDistribution(row) {
		copy(dst, row)
		return
	}
	s.Probabilities(i, dst)
	for c := range dst {
		dst[c] -= 1 / float32(s.Classes)
	}
}
