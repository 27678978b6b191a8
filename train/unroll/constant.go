package unroll

import "fmt"

// Reach is Forward that keeps two vectors of parameters however many steps
// there are: for Constant, which needs none of them. visit's theta is valid
// until the call after the next.
func (w *Walk) Reach(theta0 []float32, steps []Step, alpha float32, visit func(step int, loss float32, theta []float32)) error {
	return w.forwards(theta0, steps, alpha, 2, visit)
}

// Constant is the approximation of Backward that takes the parameters of every
// step for constants (TESLA; Cui et al. 2023): as theta_n = theta_0 - alpha sum
// g_t, it drops how g_t depends on earlier steps, so u stays as it is:
//
//	dL/dalpha -= <u, g_t>;  dL/dx_t -= alpha d<u, g_t>/dx
//
// It trains anew from theta0 through the first n steps of the last Forward or
// Reach, and holds two vectors of parameters.
func (w *Walk) Constant(theta0, u []float32, n int) (dAlpha float64, err error) {
	if len(u) != len(w.u) || len(theta0) != len(w.u) || n > len(w.steps) {
		return 0, fmt.Errorf("unroll: %w: direction of %d and start of %d for %d parameters, %d steps of %d", ErrSize, len(u), len(theta0), len(w.u), n, len(w.steps))
	}
	copy(w.u, u)
	copy(w.thetas[0], theta0)
	for t := range n {
		before, after := w.thetas[t%2], w.thetas[(t+1)%2]
		dot, err := w.differentiate(before, t)
		if err != nil {
			return 0, err
		}
		dAlpha -= dot
		if _, err := w.advance(t, before, after); err != nil {
			return 0, fmt.Errorf("unroll: step %d: %w", t, err)
		}
	}
	return dAlpha, nil
}
