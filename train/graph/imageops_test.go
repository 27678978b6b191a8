package graph

import (
	"fmt"
	"math"
	"testing"

	"gorgonia.org/tensor"
)

// imageCases are the operations on images and maps, for the checks of the
// table in ops_test.go.
func imageCases() []opCase {
	s := func(d ...int) tensor.Shape { return d }
	one := func(shape tensor.Shape, positive bool, name string, f func(x *Node) *Node) opCase {
		return opCase{name, []tensor.Shape{shape}, positive, func(in []*Node) *Node { return f(in[0]) }}
	}
	norm := func(in []*Node) *Node { return InstanceNorm(in[0], in[1], in[2]) }
	return []opCase{
		one(s(2, 2, 6, 4), false, "mean-pool", func(x *Node) *Node { return MeanPool(x, 2) }),
		one(s(2, 1, 5, 7), false, "mean-pool with a rest", func(x *Node) *Node { return MeanPool(x, 2) }),
		one(s(1, 2, 7, 6), false, "mean-pool of three", func(x *Node) *Node { return MeanPool(x, 3) }),
		one(s(2, 3, 3, 2), false, "global mean", GlobalMean),
		one(s(5), true, "rsqrt", Rsqrt),
		one(s(5), true, "power", func(x *Node) *Node { return Power(x, -0.75) }),
		one(s(5), true, "power of no quarters", func(x *Node) *Node { return Power(x, 1.3) }),
		one(s(5), true, "power of one and a half", func(x *Node) *Node { return Power(x, 1.5) }),
		one(s(2, 2, 3, 4), false, "pad", func(x *Node) *Node { return Pad(x, 2, 1.5) }),
		one(s(2, 2, 5, 6), false, "crop", func(x *Node) *Node { return Crop(x, 1) }),
		one(s(1, 2, 6, 5), false, "padded max-pool", func(x *Node) *Node { return MaxPoolPadded(x, 3, 2, 1) }),
		one(s(2, 5, 2, 2), false, "response norm of four", func(x *Node) *Node { return LocalResponseNorm(x, 4, 0.3, 0.75, 1) }),
		one(s(1, 6, 1, 2), false, "response norm of three", func(x *Node) *Node { return LocalResponseNorm(x, 3, 0.5, 0.6, 2) }),
		{"instance norm", []tensor.Shape{s(2, 3, 3, 2), s(3), s(3)}, false, norm},
		{"instance norm, ReLU, mean-pool", []tensor.Shape{s(1, 2, 4, 4), s(2), s(2)}, true,
			func(in []*Node) *Node { return MeanPool(Relu(norm(in)), 2) }},
	}
}

func TestImageKernelsMatchTheirFloat64References(t *testing.T) {
	for _, c := range imageCases() {
		t.Run(c.name, func(t *testing.T) { c.make(1).checkKernels(t) })
	}
	for name, e := range warps(1) {
		t.Run(name, func(t *testing.T) { e.checkKernels(t) })
	}
}

func TestImageDerivativesMatchFiniteDifferences(t *testing.T) {
	check := func(t *testing.T, e expression) {
		e.checkGradient(t, e.out, "first")
		for i, g := range e.gradients(t, e.out) {
			e.checkGradient(t, g, fmt.Sprint("second, input ", i))
		}
	}
	for _, c := range imageCases() {
		t.Run(c.name, func(t *testing.T) { check(t, c.make(2)) })
	}
	for name, e := range warps(2) {
		t.Run(name, func(t *testing.T) { check(t, e) })
	}
}

// checkKernels compares the value and its derivatives to second order.
func (e expression) checkKernels(t *testing.T) {
	t.Helper()
	first := e.gradients(t, e.out)
	outputs := append(append([]*Node{e.out}, first...), e.gradients(t, first[0])...)
	want, got := e.evaluate(t, outputs...), e.run(t, 2, outputs...)
	for i := range want {
		for j, w := range want[i] {
			if d := math.Abs(float64(got[i][j]) - w); !(d <= 2e-4*(1+math.Abs(w))) {
				t.Fatalf("output %d, value %d: %v, want %v", i, j, got[i][j], w)
			}
		}
	}
}

// warps are resamplings by fixed matrices. The matrices have no derivative, so
// they are fed but not derived by.
func warps(seed uint64) map[string]expression {
	out := map[string]expression{}
	for name, s := range map[string]Sampling{
		"warp":                         {},
		"warp, border":                 {Border: true},
		"warp, corners":                {Corners: true},
		"warp, corners, border":        {Corners: true, Border: true},
		"warp to a larger grid":        {H: 8, W: 6, Border: true},
		"warp to a smaller grid":       {H: 2, W: 3},
		"warp to one line, on corners": {H: 1, W: 5, Corners: true},
	} {
		e := opCase{name: name, shapes: []tensor.Shape{{3, 2, 4, 5}}, build: func(in []*Node) *Node {
			return Warp(in[0], Input(in[0].Graph(), "taps", 3, 6), s)
		}}.make(seed)
		taps := e.graph.ByName("taps")[0]
		e.feeds[taps] = []float64{1, 0, 0, 0, 1, 0, 0.8, -0.3, 0.2, 0.25, 1.1, -0.4, -1, 0.1, 0, 0, 3, 2.5}
		out[name] = e
	}
	return out
}

// Worked by hand from PyTorch's definitions.
func TestResponseNormAndPaddedPoolingAreThoseOfPyTorch(t *testing.T) {
	g := New()
	x := Input(g, "x", 1, 3, 1, 1)
	feeds := map[*Node][]float64{x: {1, 2, 3}}
	got, err := Reference(feeds, LocalResponseNorm(x, 4, 0.4, 0.75, 1))
	if err != nil {
		t.Fatal(err)
	}
	// Channel c sees c-2 .. c+1.
	for c, sum := range []float64{5, 14, 14} {
		want := float64(c+1) / math.Pow(1+0.1*sum, 0.75)
		if math.Abs(got[0][c]-want) > 1e-12 {
			t.Errorf("channel %d: %v, want %v", c, got[0][c], want)
		}
	}
	m := Input(g, "m", 1, 1, 4, 4)
	feeds[m] = []float64{-1, -2, -3, -4, -5, -6, -7, -8, -9, -10, -11, -12, -13, -14, -15, -16}
	got, err = Reference(feeds, MaxPoolPadded(m, 3, 2, 1))
	if err != nil || fmt.Sprint(got[0]) != "[-1 -2 -5 -6]" {
		t.Errorf("padded max-pool gives %v (%v)", got, err)
	}
}

// Doubling a row by Warp is bilinear up-sampling with half-pixel centres.
func TestWarpUpSamplesWithHalfPixelCentres(t *testing.T) {
	g := New()
	x, taps := Input(g, "x", 1, 1, 1, 3), Input(g, "taps", 1, 6)
	feeds := map[*Node][]float64{x: {0, 4, 8}, taps: {1, 0, 0, 0, 1, 0}}
	got, err := Reference(feeds, Warp(x, taps, Sampling{H: 1, W: 6, Border: true}))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{0, 1, 3, 5, 7, 8} {
		if math.Abs(got[0][i]-want) > 1e-12 {
			t.Errorf("pixel %d: %v, want %v", i, got[0][i], want)
		}
	}
}

func TestShapeMistakesOfImageOperationsBecomeErrors(t *testing.T) {
	for name, f := range map[string]func(x, v *Node){
		"mean-pool":     func(x, v *Node) { MeanPool(x, 5) },
		"global mean":   func(x, v *Node) { GlobalMean(v) },
		"pad":           func(x, v *Node) { Pad(v, 1, 0) },
		"crop":          func(x, v *Node) { Crop(x, 2) },
		"pool margin":   func(x, v *Node) { MaxPoolPadded(x, 2, 2, 2) },
		"instance norm": func(x, v *Node) { InstanceNorm(x, v, v) },
		"response norm": func(x, v *Node) { LocalResponseNorm(v, 3, 1, 1, 1) },
		"warp":          func(x, v *Node) { Warp(x, v, Sampling{}) },
		"warp of rows":  func(x, v *Node) { Warp(v, v, Sampling{H: 2, W: 2}) },
	} {
		err := func() (err error) {
			defer Catch(&err)
			g := New()
			f(Input(g, "x", 2, 3, 4, 4), Input(g, "v", 4))
			return nil
		}()
		if err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
