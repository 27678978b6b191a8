package spectrum

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
)

// codes are those that the properties are tested for: square and not, grey and in
// color, all coefficients and few.
var codes = []Code{
	{data.Shape{C: 1, H: 8, W: 8}, 64, 0.5, 0}, {data.Shape{C: 1, H: 28, W: 28}, 64, 2, 2},
	{data.Shape{C: 3, H: 32, W: 32}, 300, 1, 3}, {data.Shape{C: 1, H: 8, W: 21}, 168, 3, 4},
	{data.Shape{C: 3, H: 40, W: 13}, 1560, 0.25, 1}, {data.Shape{C: 3, H: 64, W: 64}, 2000, 4, 2},
}

func (c Code) name() string { return fmt.Sprintf("%v, %d coefficients", c.Shape, c.K) }

func opened(t testing.TB, c Code) *Quantizer {
	t.Helper()
	out, err := c.Open()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// noise are standard normal values.
func noise(n int, seed uint64) []float32 {
	rng, out := data.Stream(seed, "spectrum-test"), make([]float32, n)
	for i := range out {
		out[i] = float32(rng.NormFloat64())
	}
	return out
}

func power(x []float32) (sum float64) {
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return sum
}

func farthestApart(a, b []float32) (most float64) {
	for i := range a {
		most = math.Max(most, math.Abs(float64(a[i])-float64(b[i])))
	}
	return most
}

func TestAllCoefficientsKeepImagesAndTheirPower(t *testing.T) {
	for _, c := range codes {
		t.Run(c.name(), func(t *testing.T) {
			c.K = c.Shape.Size()
			tr, images := opened(t, c), noise(3*c.Shape.Size(), 1)
			coefficients, err := tr.Forward(images)
			if err != nil {
				t.Fatal(err)
			}
			back, err := tr.Inverse(coefficients)
			if err != nil {
				t.Fatal(err)
			}
			if far := farthestApart(images, back); far > 1e-5 {
				t.Errorf("an image comes back %g away", far)
			}
			if a, b := power(images), power(coefficients); math.Abs(a-b) > 1e-5*a {
				t.Errorf("the squares of values sum to %g, of coefficients to %g", a, b)
			}
		})
	}
}

func TestTheBasisIsOrthonormalAndDecodes(t *testing.T) {
	for _, c := range codes {
		t.Run(c.name(), func(t *testing.T) {
			c.K = min(c.K, 60)
			tr, size := opened(t, c), c.Shape.Size()
			basis := tr.Basis()
			for a := range c.K {
				for b := range a + 1 {
					sum := 0.0
					for i := range size {
						sum += float64(basis[a*size+i]) * float64(basis[b*size+i])
					}
					want := 0.0
					if a == b {
						want = 1
					}
					if math.Abs(sum-want) > 1e-5 {
						t.Fatalf("rows %d and %d have the product %g", a, b, sum)
					}
				}
			}
			z := noise(c.K, 2)
			images, err := tr.Inverse(z)
			if err != nil {
				t.Fatal(err)
			}
			want := make([]float32, size)
			for i := range want {
				sum := 0.0
				for k, v := range z {
					sum += float64(v) * float64(basis[k*size+i])
				}
				want[i] = float32(sum)
			}
			if far := farthestApart(images, want); far > 1e-5 {
				t.Errorf("the inverse and the product with the basis are %g apart", far)
			}
		})
	}
}

func TestLevelsAreWithinHalfAStep(t *testing.T) {
	for _, c := range codes {
		tr := opened(t, c)
		z := noise(2*c.K, 3)
		back := tr.Dequantize(tr.Quantize(z))
		for i := range z {
			if off, half := math.Abs(float64(z[i])-float64(back[i])), tr.steps[i%c.K]/2; off > half*(1+1e-6) {
				t.Fatalf("%s: coefficient %d moved by %g, half a step is %g", c.name(), i, off, half)
			}
		}
	}
	tr := opened(t, codes[0])
	for _, extreme := range []float32{1e30, float32(math.Inf(1))} {
		z := make([]float32, 64)
		z[0], z[1] = extreme, -extreme
		if q := tr.Quantize(z); q[0] != MaxLevel || q[1] != -MaxLevel {
			t.Errorf("%g gives the levels %d and %d", extreme, q[0], q[1])
		}
	}
}

func TestStepsFollowThePower(t *testing.T) {
	for power := range MaxPower + 1 {
		tr := opened(t, Code{data.Shape{C: 3, H: 16, W: 16}, 200, 3, power})
		for k, sigma := range tr.Sigma() {
			if want := 3 * math.Pow(sigma, float64(power)/4); math.Abs(tr.steps[k]-want) > 1e-9*want {
				t.Fatalf("power %d: step %d is %g, want %g", power, k, tr.steps[k], want)
			}
		}
	}
}

func TestCoefficientsComeInOrderOfTheirExpectation(t *testing.T) {
	tr := opened(t, Code{data.Shape{C: 3, H: 32, W: 32}, 3072, 1, 0})
	sum, last := 0.0, math.Inf(1)
	for _, sigma := range tr.Sigma() {
		if sigma > last {
			t.Fatalf("sigma rises from %g to %g", last, sigma)
		}
		last = sigma
		sum += sigma * sigma
	}
	if sum < 0.7*3072 || sum > 1.4*3072 {
		t.Errorf("standardized images would have the power %g, want about 3072", sum)
	}
	if first := tr.Places()[0]; first.C != 0 || first.U != 0 || first.V != 0 {
		t.Errorf("the first coefficient is %+v", first)
	}
	wide := opened(t, Code{data.Shape{C: 1, H: 16, W: 64}, 8, 1, 0})
	for _, p := range wide.Places() {
		if p.U > 1 || p.V > 6 {
			t.Errorf("of wide images %+v is among the first eight", p)
		}
	}
}

func TestCodesOutOfRangeAreRefused(t *testing.T) {
	good := codes[1]
	for name, change := range map[string]func(*Code){
		"a side of 7":            func(c *Code) { c.Shape.H = 7 },
		"a side above the limit": func(c *Code) { c.Shape.W = MaxSide + 1 },
		"two channels":           func(c *Code) { c.Shape.C = 2 },
		"no coefficient":         func(c *Code) { c.K = 0 },
		"more than all":          func(c *Code) { c.K = 785 },
		"a step of 0":            func(c *Code) { c.Step = 0 },
		"a step that is none":    func(c *Code) { c.Step = float32(math.NaN()) },
		"an endless step":        func(c *Code) { c.Step = float32(math.Inf(1)) },
		"a power below 0":        func(c *Code) { c.Power = -1 },
		"a power above the most": func(c *Code) { c.Power = MaxPower + 1 },
	} {
		c := good
		change(&c)
		if _, err := c.Open(); !errors.Is(err, ErrSpectrum) {
			t.Errorf("%s: %v", name, err)
		}
	}
	tr := opened(t, good)
	if _, err := tr.Forward(make([]float32, 783)); !errors.Is(err, ErrSpectrum) {
		t.Errorf("less than an image: %v", err)
	}
	if _, err := tr.Inverse(make([]float32, 63)); !errors.Is(err, ErrSpectrum) {
		t.Errorf("less than the coefficients of an image: %v", err)
	}
}
