package labelsolve

import (
	"context"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/coreset"
	"github.com/distillmesh/distillmesh/distill/distilltest"
	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/ntk"
)

func TestEveryVariantConforms(t *testing.T) {
	for name, settings := range map[string]map[string]string{
		"solved, random":    {"labels": "solved", "start": "random"},
		"solved, centroids": {"labels": "solved", "targets": "20", "depth": "3"},
		"fixed, herding":    {"labels": "fixed", "start": "herding"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := Default().With(settings)
			if err != nil {
				t.Fatal(err)
			}
			distilltest.Run(t, m)
		})
	}
}

// The images are the start's, tile for tile; only labels differ, and the set
// still says that it holds real samples.
func TestImagesAreTheStarts(t *testing.T) {
	local := distilltest.Samples(data.Shape{C: 1, H: 6, W: 6}, 3, []int{0, 1, 2}, 40)
	for _, factor := range []int{1, 2} {
		req := distill.Request{Samples: local, IPC: 2, Seed: 4, Formation: factor}
		want, err := coreset.Random{}.Distill(context.Background(), req)
		if err != nil {
			t.Fatal(err)
		}
		l := Default()
		l.Start = "random"
		got, err := l.Distill(context.Background(), req)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.Images.X,
			want.Images.X) || got.Formation != want.Formation || got.SmallestGroup != 1 || got.Consumer != "ntk:1" {
			t.Errorf("factor %d: other images than random's; %+v, group %d, for %s", factor, got.Formation, got.SmallestGroup,
				got.Consumer)
		}
		if len(got.Images.Soft) != got.Images.Len()*3 || want.Images.Soft != nil {
			t.Errorf("factor %d: %d label values for %d images", factor, len(got.Images.Soft), got.Images.Len())
		}
		if before, after := loss(t, want, local), loss(t, got, local); after >= before {
			t.Errorf("factor %d: squared error %.4f with solved labels, %.4f with classes", factor, after, before)
		}
	}
}

// loss is the squared error of the predictor trained on what a trainer decodes.
func loss(t *testing.T, r *distill.Result, local *data.Samples) float64 {
	t.Helper()
	p, err := ntk.Fit(context.Background(), 1, data.NewFormation(r.Formation.Factor).Decode(r.Images))
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Logits(context.Background(), local)
	if err != nil {
		t.Fatal(err)
	}
	sum, row := 0., make([]float32, local.Classes)
	for i := range local.Len() {
		local.RegressionTarget(i, row)
		for c, v := range row {
			d := float64(out[i*local.Classes+c] - v)
			sum += d * d
		}
	}
	return sum
}

func TestLabelsAreSolvedOnlyWithEveryClassAtHand(t *testing.T) {
	all := distilltest.Samples(data.Shape{C: 1, H: 3, W: 3}, 2, []int{0, 1}, 20)
	some := distilltest.Samples(data.Shape{C: 1, H: 3, W: 3}, 3, []int{0, 1}, 20)
	for _, c := range []struct {
		samples *data.Samples
		labels  string
		soft    bool
	}{{all, Auto, true}, {some, Auto, false}, {some, Solved, true}, {all, Fixed, false}} {
		l := Default()
		l.Labels = c.labels
		r, err := l.Distill(context.Background(), distill.Request{Samples: c.samples, IPC: 1})
		if err != nil {
			t.Fatal(err)
		}
		if (r.Images.Soft != nil) != c.soft {
			t.Errorf("labels=%s with %d of %d classes: soft labels %t", c.labels, len(c.samples.Held()), c.samples.Classes,
				r.Images.Soft != nil)
		}
	}
}

// Random real images predict held-out samples better with solved labels.
func TestSolvedLabelsPredictBetter(t *testing.T) {
	rng := data.Stream(1, "label-solve-test")
	draw := func(n int) *data.Samples { // two classes told apart by the sign of a product
		s := &data.Samples{Shape: data.Shape{C: 1, H: 1, W: 4}, Classes: 2}
		for range n {
			a, b := rng.NormFloat64(), rng.NormFloat64()
			s.X = append(s.X, float32(a), float32(b), float32(rng.NormFloat64()), float32(rng.NormFloat64()))
			s.Y = append(s.Y, map[bool]int{false: 0, true: 1}[a*b > 0])
		}
		return s
	}
	local, test := draw(2000), draw(1000)
	score := func(labels string) float64 {
		l := Default()
		l.Start, l.Labels = "random", labels
		r, err := l.Distill(context.Background(), distill.Request{Samples: local, IPC: 30})
		if err != nil {
			t.Fatal(err)
		}
		p, err := ntk.Fit(context.Background(), 1, r.Images)
		if err != nil {
			t.Fatal(err)
		}
		a, err := train.Evaluate(context.Background(), p, test)
		if err != nil {
			t.Fatal(err)
		}
		return a.Fraction()
	}
	fixed, solved := score(Fixed), score(Solved)
	t.Logf("fixed %.3f, solved %.3f", fixed, solved)
	if solved < fixed+.03 {
		t.Errorf("solved labels %.3f, classes %.3f: want at least 0.03 more", solved, fixed)
	}
}
