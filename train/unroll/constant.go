package unroll

import "fmt"

// Reach is Forward that keeps only two vectors of parameters for any number of
// steps: for Constant, which needs no others.
func (w *Walk) Reach(theta0 []float32, n int, alpha float32) error {
	return w.forwards(theta0, n, alpha, 2)
}

// Constant is the approximation of Backward that treats the parameters of every
// step as constants (TESLA; Cui et al. 2023): as theta_n = theta_0 - alpha sum
// g_t, it drops how g_t depends on earlier steps, so u stays as it is:
//
//	dL/dalpha -= <u, g_t>;  dL/dx -= alpha d<u, g_t>/dx
//
// It repeats the first n steps of the last Forward or Reach from theta0, and
// holds two vectors of parameters.
func (w *Walk) Constant(theta0, u []float32, n int) (dAlpha float64, err error) {
	if len(u) != w.total || len(theta0) != w.total || n > w.n {
		return 0, fmt.Errorf("unroll: %w: direction of %d and start of %d for %d parameters, %d steps of %d", ErrSize,
			len(u), len(theta0), w.total, n, w.n)
	}
	if w.rest.flat == nil {
		if w.rest, err = w.vector(); err != nil {
			return 0, fmt.Errorf("unroll: %w", err)
		}
	}
	if err := w.u.flat.Set(u); err != nil {
		return 0, fmt.Errorf("unroll: %w", err)
	}
	if err := w.thetas[0].flat.Set(theta0); err != nil {
		return 0, fmt.Errorf("unroll: %w", err)
	}
	for t := range n {
		before, after := w.thetas[t%2], w.thetas[(t+1)%2]
		if err := w.differentiate(t, before, w.rest); err != nil {
			return 0, fmt.Errorf("unroll: step %d: %w", t, err)
		}
		if err := w.advance(t, before, after); err != nil {
			return 0, fmt.Errorf("unroll: step %d: %w", t, err)
		}
	}
	if err := w.dots.Get(w.numbers[:w.most]); err != nil {
		return 0, fmt.Errorf("unroll: %w", err)
	}
	for t := range n {
		dAlpha -= float64(w.numbers[t])
	}
	return dAlpha, nil
}
