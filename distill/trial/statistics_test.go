package trial

import (
	"errors"
	"math"
	"slices"
	"testing"
)

func TestSpreads(t *testing.T) {
	for name, c := range map[string]struct {
		values []float64
		want   Spread
	}{
		"of none":           {nil, Spread{}},
		"of one":            {[]float64{0.5}, Spread{Mean: 0.5, N: 1}},
		"of two":            {[]float64{0.9, 0.7}, Spread{Mean: 0.8, Std: 0.1414, N: 2}},
		"of three the same": {[]float64{0.25, 0.25, 0.25}, Spread{Mean: 0.25, N: 3}},
	} {
		got := SpreadOf(slices.Clone(c.values))
		if got.N != c.want.N || math.Abs(got.Mean-c.want.Mean) > 1e-9 || math.Abs(got.Std-c.want.Std) > 1e-4 {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	if got := SpreadOf([]float64{0.9, 0.7}).Times(100); math.Abs(got.Mean-80) > 1e-9 ||
		math.Abs(got.Std-14.142) > 1e-3 || got.N != 2 {
		t.Errorf("in percent %+v", got)
	}
}

func TestRepeatsHaveSeedsOfTheirOwn(t *testing.T) {
	var seeds []uint64
	got, err := Repeat(3, func(seed uint64) (Result, error) {
		seeds = append(seeds, seed)
		return Result{Accuracy: float64(seed) / 10, BestAccuracy: 0.5}, nil
	})
	if err != nil || !slices.Equal(seeds, []uint64{0, 1, 2}) {
		t.Errorf("seeds %v, %v", seeds, err)
	}
	if math.Abs(got.Last.Mean-0.1) > 1e-9 || math.Abs(got.Last.Std-0.1) > 1e-9 || got.Best != (Spread{Mean: 0.5, N: 3}) {
		t.Errorf("%+v", got)
	}
	broken := errors.New("diverged")
	if _, err := Repeat(3, func(uint64) (Result, error) { return Result{}, broken }); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

// Two pairs: half the interval is t(1) |a-b|/2, t(1) = 12.706; no accuracy differs
// by more than 1.
func TestIntervalsHoldWhatAccuraciesCanDifferBy(t *testing.T) {
	for _, c := range []struct{ a, b, low, high float64 }{{-0.2, 0.2, -1, 1}, {-0.05, -0.15, -0.7353, 0.5353},
		{0.9, 0.8, 0.2147, 1}} {
		got := Paired([]float64{c.a, c.b})
		if math.Abs(*got.Low-c.low) > 1e-4 || math.Abs(*got.High-c.high) > 1e-4 || math.Abs(got.Mean-(c.a+c.b)/2) > 1e-12 {
			t.Errorf("%v and %v: %v to %v, want %v to %v", c.a, c.b, *got.Low, *got.High, c.low, c.high)
		}
	}
	if one := Paired([]float64{0.1}); one.Low != nil || one.High != nil || one.Mean != 0.1 || one.N != 1 {
		t.Errorf("of one pair %+v", one)
	}
	if Paired(nil) != nil {
		t.Error("an interval of nothing")
	}
}
