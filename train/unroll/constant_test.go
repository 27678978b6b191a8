package unroll

import (
	"math"
	"slices"
	"testing"
)

// On the toy dg_t/dx = -1, so dL/dx = n alpha u and dL/dalpha = -u sum g_t.
func TestConstantTakesEveryStepForItself(t *testing.T) {
	const n, alpha, u = 5, 0.1, 2.5
	w, grad := newWalk(t, 1, toy()), []float32{0}
	steps := slices.Repeat([]Step{{X: []float32{1}, Labels: []float32{0}, Grad: grad}}, 2*n)
	theta, sum := []float64{0}, 0.0
	for i := range n {
		g := theta[i] - 1
		theta, sum = append(theta, theta[i]-alpha*g), sum+g
	}
	if err := w.Reach([]float32{0}, steps, alpha, nil); err != nil {
		t.Fatal(err)
	}
	dAlpha, err := w.Constant([]float32{0}, []float32{u}, n)
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(float64(grad[0])-n*alpha*u) > 1e-5 || math.Abs(dAlpha+u*sum) > 1e-5 {
		t.Errorf("dL/dx %v, dL/dalpha %v, want %v, %v", grad[0], dAlpha, n*alpha*u, -u*sum)
	}
}

func TestReachGoesWhereForwardGoesAndKeepsTwoVectors(t *testing.T) {
	const n = 6
	s := newSmall(t, n)
	w := newWalk(t, 1, s.problem())
	thetas := func(forward func([]float32, []Step, float32, func(int, float32, []float32)) error) (out [][]float32) {
		err := forward(s.theta, s.steps, smallAlpha, func(_ int, _ float32, theta []float32) { out = append(out, slices.Clone(theta)) })
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	reached := thetas(w.Reach)
	short := w.Bytes()
	for i, theta := range thetas(w.Forward) {
		if !slices.Equal(theta, reached[i]) {
			t.Errorf("step %d leads elsewhere", i)
		}
	}
	if got, want := w.Bytes()-short, (n-1)*4*w.Size(); got != want {
		t.Errorf("Forward holds %d bytes more, want %d", got, want)
	}
}

// Steps that share memory, filled by Load and emptied by Store, give what steps
// with memory of their own give.
func TestSharedStepsAreLoadedForEachUse(t *testing.T) {
	const n = 3
	s := newSmall(t, n)
	w := newWalk(t, 1, s.problem())
	_, want, _ := s.walk(t, w)
	var grads [][]float32
	for _, step := range s.steps {
		grads = append(grads, slices.Clone(step.Grad))
	}
	own, x, grad := s.steps, make([]float32, len(s.steps[0].X)), make([]float32, len(s.steps[0].X))
	stored := make([][]float32, n)
	s.steps = nil
	for i := range n {
		s.steps = append(s.steps, Step{X: x, Labels: own[i].Labels, Draws: own[i].Draws, Grad: grad,
			Load: func() {
				copy(x, own[i].X)
				clear(grad)
			},
			Store: func() { stored[i] = slices.Clone(grad) }})
	}
	if _, got, _ := s.walk(t, w); got != want {
		t.Errorf("dL/dalpha %v, want %v", got, want)
	}
	for i := range n {
		if !slices.Equal(stored[i], grads[i]) {
			t.Errorf("step %d: another dL/dx", i)
		}
	}
}
