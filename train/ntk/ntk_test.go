package ntk

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
)

func TestPairMatchesPublishedVectors(t *testing.T) {
	for _, c := range []struct {
		depth      int
		xx, yy, xy float64
		want       float64
	}{
		{1, 1, 1, 1, 4.03}, {1, 1, 1, .5, 1.9116787149}, {1, 1, 1, 0, 0.6598266258}, {1, 1, 1, -1, -0.0788336030}, {1, 1, 4,
			1, 3.7967936212},
		{2, 1, 1, 1, 6.06}, {2, 1, 1, .5, 2.7536713576}, {2, 1, 1, 0, 1.4137299583}, {2, 1, 1, -1, 0.6187458597}, {2, 1, 4,
			1, 5.4577887932},
		{4, 1, 1, 1, 10.15}, {4, 1, 1, .5, 4.3310233974}, {4, 1, 1, 0, 2.9594624897}, {4, 1, 1, -1, 2.1813320028}, {4, 1, 4,
			1, 8.5475159771},
	} {
		if got := Pair(c.depth, c.xx, c.yy, c.xy); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("depth %d (%g, %g, %g): got %.10f, want %.10f", c.depth, c.xx, c.yy, c.xy, got, c.want)
		}
	}
}

// A finite network of width w in NTK parameterization, one hidden layer:
// its empirical tangent kernel tends to Pair at depth 1.
func TestPairAgreesWithAWideNetwork(t *testing.T) {
	const d, width = 16, 200_000
	rng := rand.New(rand.NewPCG(1, 2))
	x, y := make([]float64, d), make([]float64, d)
	for i := range d {
		x[i], y[i] = rng.NormFloat64(), rng.NormFloat64()
	}
	dot := func(a, b []float64) (s float64) {
		for i := range a {
			s += a[i] * b[i]
		}
		return s / d
	}
	var features, tangent float64
	for range width {
		bias := 0.1 * rng.NormFloat64()
		hx, hy := bias, bias
		for i := range d {
			w := rng.NormFloat64() * math.Sqrt2 / math.Sqrt(d)
			hx += w * x[i]
			hy += w * y[i]
		}
		features += math.Max(hx, 0) * math.Max(hy, 0)
		if v := rng.NormFloat64(); hx > 0 && hy > 0 {
			tangent += v * v
		}
	}
	got := 2*features/width + 0.01 + 2*tangent/width*(2*dot(x, y)+0.01)
	if want := Pair(1, dot(x, x), dot(y, y), dot(x, y)); math.Abs(got-want) > 0.03*math.Abs(want)+0.02 {
		t.Errorf("finite network %.4f, closed form %.4f", got, want)
	}
}

func random(n int, shape data.Shape, classes int) *data.Samples {
	rng := rand.New(rand.NewPCG(3, uint64(n)))
	s := &data.Samples{Shape: shape, Classes: classes, X: make([]float32, n*shape.Size()), Y: make([]int, n)}
	for i := range s.X {
		s.X[i] = float32(rng.NormFloat64())
	}
	for i := range s.Y {
		s.Y[i] = i % classes
	}
	return s
}

func TestPredictorInterpolatesItsSupport(t *testing.T) {
	s := random(40, data.Shape{C: 1, H: 4, W: 5}, 10)
	for _, depth := range []int{1, 4} {
		p, err := Fit(context.Background(), depth, s)
		if err != nil {
			t.Fatal(err)
		}
		out, err := p.Logits(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		for i, y := range s.Y {
			for c := range 10 {
				want := -0.1
				if c == y {
					want = 0.9
				}
				if math.Abs(float64(out[i*10+c])-want) > 1e-3 {
					t.Fatalf("depth %d, sample %d, class %d: %.4f, want %.1f", depth, i, c, out[i*10+c], want)
				}
			}
		}
	}
}

func TestDuplicatesInTheSupportAreSolved(t *testing.T) {
	s := random(20, data.Shape{C: 1, H: 4, W: 5}, 2)
	twice, err := data.Merge(s, s, s)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Fit(context.Background(), 1, twice)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range p.Coef {
		if math.IsNaN(float64(c)) {
			t.Fatal("NaN coefficient")
		}
	}
}

func TestBadInputIsRefused(t *testing.T) {
	s := random(4, data.Shape{C: 1, H: 2, W: 2}, 2)
	if _, err := Fit(context.Background(), 0, s); err == nil {
		t.Error("depth 0 accepted")
	}
	if _, err := Fit(context.Background(), 1, s.Subset(nil)); err == nil {
		t.Error("empty support accepted")
	}
	s.X[0] = float32(math.NaN())
	if _, err := Fit(context.Background(), 1, s); err == nil {
		t.Error("NaN accepted")
	}
	p, err := Fit(context.Background(), 1, random(4, data.Shape{C: 1, H: 2, W: 2}, 2))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Logits(context.Background(), random(4, data.Shape{C: 1, H: 2, W: 3}, 2)); err == nil {
		t.Error("samples of another shape accepted")
	}
}
