package tiling

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/distilltest"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/graph/cpu"
	"github.com/distillmesh/distillmesh/train/spectrum"
	"github.com/distillmesh/distillmesh/train/view"
)

// codes are those that forms are tested for: gray and in color, few coefficients and all, steps alike and not.
var codes = []spectrum.Code{
	{Shape: data.Shape{C: 1, H: 9, W: 12}, K: 30, Step: 0.5},
	{Shape: data.Shape{C: 3, H: 8, W: 10}, K: 100, Step: 0.25, Power: 2},
	{Shape: data.Shape{C: 1, H: 8, W: 8}, K: 64, Step: 1, Power: 4},
}

// coded is the form of coefficients of a code, and samples of its shape.
func coded(t *testing.T, c spectrum.Code, units int) (Form, *data.Samples) {
	t.Helper()
	s := distilltest.Samples(c.Shape, 3, []int{0, 2}, 4)
	f, err := NewForm(distill.Request{Samples: s, Code: &c}, data.NewFormation(1), units)
	if err != nil {
		t.Fatal(err)
	}
	return f, s
}

// evaluated runs an expression of values and of a form's constants.
func evaluated(t *testing.T, f Form, values []float32, make func(x *graph.Node,
	constants []*graph.Node) []*graph.Node) (out [][]float32) {
	t.Helper()
	g, one := graph.New(), f.Shape()
	n := len(values) / one.Size()
	x := graph.Input(g, "x", n, one.C, one.H, one.W)
	constants := f.Constants(g, n)
	outputs := make(x, constants)
	e := cpu.New(1)
	defer e.Close()
	p, err := e.Compile(graph.Spec{Inputs: append([]*graph.Node{x}, constants...), Outputs: outputs})
	if err != nil {
		t.Fatal(err)
	}
	err = p.Set(0, values)
	for i, v := range f.ConstantValues(n) {
		err = errors.Join(err, p.Set(1+i, v))
	}
	if err = errors.Join(err, p.Run()); err != nil {
		t.Fatal(err)
	}
	for i, node := range outputs {
		size := 1
		for _, d := range node.Shape() {
			size *= d
		}
		out = append(out, slices.Repeat([]float32{0}, size))
		if err := p.Get(i, out[i]); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// farthest is how far values are apart at most.
func farthest(a, b []float32) (most float64) {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	for i := range a {
		most = max(most, math.Abs(float64(a[i])-float64(b[i])))
	}
	return most
}

// What a network sees in an expression is what a reader of the written set will see.
func TestCoefficientsAreDecodedAsAReaderDecodesThem(t *testing.T) {
	for _, c := range codes {
		for _, units := range []int{Equal, Expected} {
			f, s := coded(t, c, units)
			z, err := f.values(s)
			if err != nil {
				t.Fatal(err)
			}
			got := evaluated(t, f, z, func(x *graph.Node, constants []*graph.Node) []*graph.Node {
				return []*graph.Node{f.Decode(x, constants)}
			})[0]
			images, err := f.Images(z, s.Y, nil, s.Classes)
			if err != nil {
				t.Fatal(err)
			}
			q, err := c.Open()
			if err != nil {
				t.Fatal(err)
			}
			coefficients, err := q.Forward(images.X)
			if err != nil {
				t.Fatal(err)
			}
			want, err := q.Inverse(q.Dequantize(q.Quantize(coefficients)))
			if far := farthest(got, want); err != nil || far > 1e-5*max(1, float64(c.Step)) {
				t.Errorf("%+v: values are %g apart: %v", c, far, err)
			}
			if far := farthest(got, images.X); far < 1e-3 {
				t.Errorf("%+v: nothing is rounded", c)
			}
		}
	}
}

// Values and images are one another's inverse, but for what the code does not keep.
func TestValuesAndImagesAreInverse(t *testing.T) {
	for _, c := range codes {
		for _, units := range []int{Equal, Expected} {
			f, s := coded(t, c, units)
			z, err := f.values(s)
			if err != nil {
				t.Fatal(err)
			}
			images, err := f.Images(z, s.Y, nil, s.Classes)
			if err != nil || images.Shape != c.Shape || !slices.Equal(images.Y, s.Y) {
				t.Fatal(images, err)
			}
			if far := farthest(images.X, view.View{Band: c.K}.Samples(s).X); far > 1e-4 {
				t.Errorf("%+v: images are %g from the first coefficients of the samples", c, far)
			}
			again, err := f.values(images)
			if far := farthest(z, again); err != nil || far > 1e-4 {
				t.Errorf("%+v: values come back %g away: %v", c, far, err)
			}
			size := power(z) / float64(len(z))
			if units == Equal && math.Abs(power(z)/power(images.X)-1) > 1e-4 {
				t.Errorf("%+v: %g is the power of values, %g of images", c, power(z), power(images.X))
			}
			if r, err := f.Range(s); err != nil || len(r.Low) != c.K || r.Low[0] > z[0] || r.High[0] < z[0] {
				t.Errorf("%+v: range %v, %v; values of mean square %g", c, r, err, size)
			}
		}
	}
}

func power(x []float32) (sum float64) {
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return sum
}

// The slope of bits points away from 0, is that of log2(1 + v²) / 2 up to one factor, and lies within -1 and 1.
func TestBitsGrowWithCoefficientsAsStated(t *testing.T) {
	c := codes[1]
	f, s := coded(t, c, Expected)
	z, err := f.values(s)
	if err != nil {
		t.Fatal(err)
	}
	perUnit := f.ConstantValues(s.Len())[0]
	g, one := graph.New(), f.Shape()
	x := graph.Input(g, "x", s.Len(), one.C, one.H, one.W)
	slope, levels := f.BitSlope(x)
	e := cpu.New(1)
	defer e.Close()
	p, err := e.Compile(graph.Spec{Inputs: []*graph.Node{x, levels}, Outputs: []*graph.Node{slope}})
	if err != nil {
		t.Fatal(err)
	}
	got := make([]float32, len(z))
	if err := errors.Join(p.Set(0, z), p.Set(1, perUnit), p.Run(), p.Get(0, got)); err != nil {
		t.Fatal(err)
	}
	bits := func(v float64) float64 { return math.Log(1 + v*v) }
	for i, b := range got {
		const h = 1e-5
		v := float64(z[i]) * float64(perUnit[i%c.K])
		if want := (bits(v+h) - bits(v-h)) / (2 * h); math.Abs(float64(b)-want) > 1e-4 || b < -1 || b > 1 {
			t.Fatalf("value %d: slope %g at the level %g, want %g", i, b, v, want)
		}
	}
	if slope, _ := form(t, s, 2).BitSlope(x); slope != nil {
		t.Error("tiles have bits")
	}
}

func TestFormsOfCodesThatDoNotSuitAreRefused(t *testing.T) {
	s := distilltest.Samples(data.Shape{C: 1, H: 8, W: 8}, 2, []int{0}, 2)
	if _, err := NewForm(distill.Request{Samples: s, Code: &spectrum.Code{Shape: s.Shape, K: 65, Step: 1}},
		data.NewFormation(1), Equal); !errors.Is(err, spectrum.ErrSpectrum) {
		t.Errorf("more coefficients than pixels: %v", err)
	}
}

// With a code networks see real images by its coefficients, unless they are to see whole ones, and sets are plain.
func TestTheOutlineOfACodeHasItsBand(t *testing.T) {
	c := codes[0]
	s := distilltest.Samples(c.Shape, 2, []int{0}, 2)
	for name, band := range map[string]int{Suitable: c.K, ViewTile: c.K, ViewWhole: 0} {
		o, err := Outline(distill.Request{Samples: s, Code: &c}, UsualFormation, Suitable, name, Neighbors)
		if err != nil || o.Formation != data.NewFormation(1) || o.Recipe.Band != band || o.Recipe.Coarse != 0 {
			t.Errorf("view %s: %+v, %v", name, o, err)
		}
	}
}
