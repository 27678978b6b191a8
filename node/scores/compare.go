package scores

import "math"

// Floor is the difference that counts as none: processors round differently, and one sample
// more or less of a test part of a hundred is a hundredth.
const Floor = 0.01

// spreadMost is the largest factor by which a claimed deviation counts beyond that computed again:
// else a claim of any value could agree by claiming to scatter.
const spreadMost = 2

// Difference is one value of a claim beside the same value computed again. They agree when
//
//	|claimed - measured| <= 2 sqrt(s1^2/n1 + s2^2/n2) + Floor
//
// with s1 the claimed deviation, counted as at most twice the measured one, s2.
type Difference struct {
	Name     string  `json:"name"`
	Claimed  Value   `json:"claimed"`
	Measured Value   `json:"measured"`
	Allowed  float64 `json:"allowed"`
	Agrees   bool    `json:"agrees"`
}

// Off is how far apart the two are.
func (d Difference) Off() float64 { return math.Abs(d.Claimed.Mean - d.Measured.Mean) }

// Compare sets the values that both rows have side by side.
func Compare(claimed, measured Row) (out []Difference) {
	again := measured.values()
	for i, v := range claimed.values() {
		a, b := *v.value, *again[i].value
		if a == nil || b == nil {
			continue
		}
		d := Difference{Name: v.name, Claimed: *a, Measured: *b, Allowed: allowed(*a, *b)}
		d.Agrees = d.Off() <= d.Allowed
		out = append(out, d)
	}
	return out
}

func allowed(claimed, measured Value) float64 {
	s := min(claimed.Std, spreadMost*measured.Std)
	return 2*math.Sqrt(s*s/float64(claimed.N)+measured.Std*measured.Std/float64(measured.N)) + Floor
}

// Worst is the difference that exceeds what is allowed by most; ok is false when all agree.
func Worst(all []Difference) (worst Difference, ok bool) {
	for _, d := range all {
		if !d.Agrees && (!ok || d.Off()-d.Allowed > worst.Off()-worst.Allowed) {
			worst, ok = d, true
		}
	}
	return worst, ok
}
