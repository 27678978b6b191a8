package unroll

import (
	"errors"
	"math"
	"slices"
	"testing"
)

// On the toy dg_t/dx = -1, so dL/dx = n alpha u and dL/dalpha = -u sum g_t.
func TestConstantTakesEveryStepForItself(t *testing.T) {
	const n, alpha, u = 5, 0.1, 2.5
	w := newWalk(t, 1, toy(), 2*n)
	theta, sum := []float64{0}, 0.0
	for i := range n {
		g := theta[i] - 1
		theta, sum = append(theta, theta[i]-alpha*g), sum+g
	}
	if err := errors.Join(w.X.Set([]float32{1}), w.Reach([]float32{0}, 2*n, alpha)); err != nil {
		t.Fatal(err)
	}
	dAlpha, err := w.Constant([]float32{0}, []float32{u}, n)
	if err != nil {
		t.Fatal(err)
	}
	if grad := get(t, w.Grad)[0]; math.Abs(float64(grad)-n*alpha*u) > 1e-5 || math.Abs(dAlpha+u*sum) > 1e-5 {
		t.Errorf("dL/dx %v, dL/dalpha %v, want %v, %v", grad, dAlpha, n*alpha*u, -u*sum)
	}
}

func TestReachGoesWhereForwardGoesAndKeepsTwoVectors(t *testing.T) {
	const n = 6
	s := newSmall(t, n)
	w := s.walker(t, 1)
	if err := errors.Join(w.SetTarget(s.target), w.Reach(s.theta, n, smallAlpha)); err != nil {
		t.Fatal(err)
	}
	short := w.Bytes()
	last := theta(t, w, n)
	reached, err := w.Distances(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Forward(s.theta, n, smallAlpha); err != nil {
		t.Fatal(err)
	}
	forward, err := w.Distances(nil)
	if err != nil || !slices.Equal(forward, reached) || !slices.Equal(theta(t, w, n), last) {
		t.Errorf("distances %v, and by Forward %v (%v)", reached, forward, err)
	}
	if got, want := w.Bytes()-short, (n-1)*4*w.Size(); got != want {
		t.Errorf("Forward holds %d bytes more, want %d", got, want)
	}
}
