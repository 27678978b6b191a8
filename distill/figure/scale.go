package figure

import (
	"math"
	"strconv"
)

// Scale maps values to places along an axis.
type Scale struct {
	Low, High float64 // values at the ends
	Log       bool
	from, to  float64 // places of the ends
}

// At is the place of a value.
func (s Scale) At(v float64) float64 {
	lo, hi := s.Low, s.High
	if s.Log {
		lo, hi, v = math.Log(lo), math.Log(hi), math.Log(math.Max(v, math.SmallestNonzeroFloat64))
	}
	return s.from + (v-lo)/(hi-lo)*(s.to-s.from)
}

// LogScale covers all values, of at least 1, with a margin at the ends, and at
// least a factor of ten.
func LogScale(values []float64) Scale {
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		lo, hi = math.Min(lo, math.Max(v, 1)), math.Max(hi, math.Max(v, 1))
	}
	if len(values) == 0 {
		lo, hi = 1, 10
	}
	room := math.Max(0.09*math.Log(hi/lo), 0.5*(math.Log(10)-math.Log(hi/lo)))
	return Scale{Low: lo * math.Exp(-room), High: hi * math.Exp(room), Log: true}
}

// ShareScale is an axis of fractions, from and to round percentages.
func ShareScale(values []float64) Scale {
	lo, hi := 1.0, 0.0
	for _, v := range values {
		lo, hi = math.Min(lo, v), math.Max(hi, v)
	}
	if hi < lo {
		lo, hi = 0, 1
	}
	for _, step := range []float64{0.01, 0.02, 0.05, 0.1, 0.2} {
		a, b := math.Floor(lo/step-0.3)*step, math.Ceil(hi/step+0.3)*step
		if a, b = math.Max(a, 0), math.Min(b, 1); (b-a)/step <= 6 && b-a > 0.05 {
			return Scale{Low: a, High: b}
		}
	}
	return Scale{Low: 0, High: 1}
}

// Tick is a marked value.
type Tick struct {
	Value float64
	Label string
}

// LogTicks marks round values of at least 1, as many as fit under so many labels.
func LogTicks(s Scale, most int, label func(float64) string) []Tick {
	for _, digits := range [][]float64{{1, 2, 5}, {1, 3}, {1}} {
		if out := decades(s, digits, 1, label); len(out) <= most && len(out) > 1 {
			return out
		}
	}
	for every := 2; every < 10; every++ {
		if out := decades(s, []float64{1}, every, label); len(out) <= most {
			return out
		}
	}
	return nil
}

func decades(s Scale, digits []float64, every int, label func(float64) string) (out []Tick) {
	for e := max(int(math.Floor(math.Log10(s.Low))), 0); e <= int(math.Ceil(math.Log10(s.High))); e++ {
		if e%every != 0 {
			continue
		}
		for _, d := range digits {
			if v := d * math.Pow(10, float64(e)); v >= s.Low && v <= s.High {
				out = append(out, Tick{v, label(v)})
			}
		}
	}
	return out
}

// ShareTicks marks percentages.
func ShareTicks(s Scale) (out []Tick) {
	step := 0.2
	for _, try := range []float64{0.1, 0.05, 0.02, 0.01} {
		if (s.High-s.Low)/try <= 6.01 {
			step = try
		}
	}
	for i := math.Ceil(s.Low/step - 1e-9); i*step <= s.High+1e-9; i++ {
		out = append(out, Tick{i * step, strconv.Itoa(int(math.Round(100 * i * step)))})
	}
	return out
}

// LinearTicks marks at most so many round whole values.
func LinearTicks(s Scale, most int) (out []Tick) {
	step := RoundStep((s.High - s.Low) / float64(most))
	for v := math.Ceil(s.Low/step) * step; v <= s.High; v += step {
		out = append(out, Tick{v, CountTick(v)})
	}
	return out
}

// RoundStep is the smallest of 1, 2, 5, 10, 20, ... that is not below a number.
func RoundStep(least float64) float64 {
	for e := 1.0; ; e *= 10 {
		for _, d := range []float64{1, 2, 5} {
			if d*e >= least {
				return d * e
			}
		}
	}
}
