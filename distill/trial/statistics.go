package trial

import (
	"math"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Spread is the mean of n values and their sample standard deviation, which is 0 for n = 1.
type Spread struct {
	Mean float64 `json:"mean"`
	Std  float64 `json:"std"`
	N    int     `json:"n"`
}

// SpreadOf is the spread of values, zero for none. Their order affects rounding.
func SpreadOf(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	s := Spread{N: len(values), Mean: stat.Mean(values, nil)}
	if s.N > 1 {
		s.Std = stat.StdDev(values, nil)
	}
	return s
}

// Times is the spread of values that are all multiplied by a positive factor:
// 100 turns fractions into percent.
func (s Spread) Times(factor float64) Spread {
	return Spread{Mean: factor * s.Mean, Std: factor * s.Std, N: s.N}
}

// Scores are the accuracies of runs that differ in their seed.
type Scores struct {
	Last Spread // of the last iterates
	Best Spread // of the best points of the curves, chosen on the test set
}

// Repeat runs with the seeds 0 to n-1, one after the other.
func Repeat(n int, run func(seed uint64) (Result, error)) (Scores, error) {
	var last, best []float64
	for seed := range uint64(n) {
		r, err := run(seed)
		if err != nil {
			return Scores{}, err
		}
		last, best = append(last, r.Accuracy), append(best, r.BestAccuracy)
	}
	return Scores{Last: SpreadOf(last), Best: SpreadOf(best)}, nil
}

// Interval is a mean difference, paired by seed, with its 95 % confidence
// interval by Student's t, cut to the differences that accuracies can have, -1 to
// 1; without bounds for a single pair.
type Interval struct {
	Mean float64  `json:"mean"`
	Low  *float64 `json:"low"`
	High *float64 `json:"high"`
	N    int      `json:"n"`
}

// Paired is the interval of differences of accuracies; nil for none.
func Paired(differences []float64) *Interval {
	if len(differences) == 0 {
		return nil
	}
	s := SpreadOf(differences)
	out := &Interval{Mean: s.Mean, N: s.N}
	if s.N > 1 {
		t := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(s.N - 1)}.Quantile(0.975)
		half := t * s.Std / math.Sqrt(float64(s.N))
		low, high := max(-1, s.Mean-half), min(1, s.Mean+half)
		out.Low, out.High = &low, &high
	}
	return out
}
