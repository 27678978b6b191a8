package kernel

import "math"

// AdamStep holds the constants of one step of Adam (Kingma and Ba 2015), in
// PyTorch's form: weight decay is added to the gradient.
type AdamStep struct {
	Rate    float32 // learning rate / (1 - Beta1^t)
	Root    float32 // 1 / sqrt(1 - Beta2^t)
	Beta1   float32
	Beta2   float32
	Epsilon float32
	Decay   float32
}

// NewAdamStep computes the constants of step t, counted from 1, with the usual
// beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8.
func NewAdamStep(t int, rate, decay float64) AdamStep {
	const beta1, beta2, epsilon = 0.9, 0.999, 1e-8
	return AdamStep{
		Rate: float32(rate / (1 - math.Pow(beta1, float64(t)))), Root: float32(1 / math.Sqrt(1-math.Pow(beta2, float64(t)))),
		Beta1: beta1, Beta2: beta2, Epsilon: epsilon, Decay: float32(decay),
	}
}

// Apply updates the values w and the moments m and v from the gradient g, in
// place:
//
//	g += decay w; m = b1 m + (1-b1) g; v = b2 v + (1-b2) g^2
//	w -= rate m / (root sqrt(v) + epsilon)
func (a AdamStep) Apply(w, g, m, v []float32) {
	w, m, v = w[:len(g)], m[:len(g)], v[:len(g)]
	n, rest := wholeVectors(len(g))
	if n > 0 {
		active.vectors.adam(n, &w[0], &g[0], &m[0], &v[0], a.Rate, a.Root, a.Beta1, 1-a.Beta1, a.Beta2, 1-a.Beta2,
			a.Epsilon, a.Decay)
	}
	for i := rest; i < len(g); i++ {
		d := g[i]
		d += a.Decay * w[i]
		m[i] = a.Beta1*m[i] + (1-a.Beta1)*d
		v[i] = a.Beta2*v[i] + (1-a.Beta2)*d*d
		w[i] -= a.Rate * m[i] / (a.Root*float32(math.Sqrt(float64(v[i]))) + a.Epsilon)
	}
}

// Momentum updates the values w and the velocity u from the gradient g, in
// place, in PyTorch's form:
//
//	u = momentum u + (g + decay w); w -= rate u
func Momentum(w, g, u []float32, rate, momentum, decay float32) {
	w, u = w[:len(g)], u[:len(g)]
	n, rest := wholeVectors(len(g))
	if n > 0 {
		active.vectors.momentum(n, &w[0], &g[0], &u[0], rate, momentum, decay)
	}
	for i := rest; i < len(g); i++ {
		u[i] = momentum*u[i] + (g[i] + decay*w[i])
		w[i] -= rate * u[i]
	}
}

// wholeVectors is the number of vectors that n values fill, and where the rest
// begins.
func wholeVectors(n int) (vectors, rest int) {
	if active.vectors == nil {
		return 0, 0
	}
	return n / active.lanes, n &^ (active.lanes - 1)
}
