package nn

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
)

// forwardCost counts the multiply-adds of convolutions and linear layers for
// one sample.
func forwardCost(t *testing.T, n *Network) (total int) {
	t.Helper()
	g := graph.New()
	n.Logits(g, graph.Input(g, "x", 1, n.Shape.C, n.Shape.H, n.Shape.W), n.Inputs(g))
	for _, node := range g.AllNodes() {
		if node.Op() == nil || !strings.HasPrefix(fmt.Sprint(node.Op()), "conv ") {
			continue
		}
		text := fmt.Sprint(node.Op())
		var k, c, r, s int
		if _, err := fmt.Sscanf(text[strings.LastIndex(text, "["):], "[%d %d %d %d]", &k, &c, &r, &s); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		total += node.Shape().TotalSize() * c * r * s
	}
	for _, p := range n.Params {
		if len(p.Shape) == 2 {
			total += p.Len()
		}
	}
	return total
}

// att.md 1.2, in millions.
func TestConvNetsCostWhatIsPublished(t *testing.T) {
	for _, c := range []struct {
		shape   data.Shape
		classes int
		want    float64
	}{
		{data.Shape{C: 3, H: 32, W: 32}, 10, 50.7},
		{data.Shape{C: 3, H: 32, W: 32}, 100, 50.9},
		{data.Shape{C: 1, H: 28, W: 28}, 10, 48.4},
	} {
		n, err := Parse("convnet3", c.shape, c.classes)
		if err != nil {
			t.Fatal(err)
		}
		if got := math.Round(float64(forwardCost(t, n))/1e5) / 10; got != c.want {
			t.Errorf("%v, %d classes: %v million multiply-adds, want %v", c.shape, c.classes, got, c.want)
		}
	}
}

func TestFeaturesAreWhatTheLastLayerReads(t *testing.T) {
	digit := data.Shape{C: 1, H: 28, W: 28}
	parse := func(name string) *Network {
		n, err := Parse(name, digit, 10)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	narrow, err := ConvNet3(digit, 10, 16, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		n    *Network
		want int
	}{{parse("convnet3"), 2048}, {narrow, 144}, {parse("lenet"), 84}, {parse("resnet18"), 512}} {
		g := graph.New()
		f := c.n.Features(graph.Input(g, "x", 2, 1, 28, 28), c.n.Inputs(g))
		if !slices.Equal(f.Shape(), []int{2, c.want}) {
			t.Errorf("%s has features %v, want %d", c.n.Name, f.Shape(), c.want)
		}
	}
	if _, err := ConvNet3(data.Shape{C: 1, H: 4, W: 4}, 2, 8, 1); !errors.Is(err, ErrShape) {
		t.Errorf("a network for 4 x 4 values: %v", err)
	}
}

func TestNormsStartAtOneAndZero(t *testing.T) {
	n, err := ConvNet3(data.Shape{C: 1, H: 8, W: 8}, 3, 4, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range n.Init(1) {
		switch n.Params[i].Start {
		case Ones:
			if slices.Min(v) != 1 || slices.Max(v) != 1 {
				t.Errorf("%s starts at %v", n.Params[i].Name, v)
			}
		case Zeros:
			if slices.Min(v) != 0 || slices.Max(v) != 0 {
				t.Errorf("%s starts at %v", n.Params[i].Name, v)
			}
		}
	}
}

// alexnet's layers have derivatives of their own checks in package graph; here
// the whole: the slope along a random direction.
func TestAlexNetHasTheRightSlope(t *testing.T) {
	n, err := Parse("alexnet", data.Shape{C: 1, H: 6, W: 6}, 3)
	if err != nil {
		t.Fatal(err)
	}
	g := graph.New()
	x, target, params := graph.Input(g, "x", 2, 1, 6, 6), graph.Input(g, "target", 2, 3), n.Inputs(g)
	loss := graph.CrossEntropy(n.Logits(g, x, params), target)
	grads, err := graph.Grad(loss, append(params, x)...)
	if err != nil {
		t.Fatal(err)
	}
	rng := data.Stream(3, "test")
	values := [][]float32{make([]float32, 2*36), {1, 0, 0, 0, 0, 1}}
	for i := range values[0] {
		values[0][i] = float32(rng.NormFloat64())
	}
	values = append(values, n.Init(5)...)
	spec := graph.Spec{Inputs: append([]*graph.Node{x, target}, params...), Outputs: append([]*graph.Node{loss}, grads...)}
	_, out := ran(t, 1, spec, values)
	last := out[len(params)+1]
	direction, slope := make([]float32, len(last)), 0.0
	for i, d := range last {
		direction[i] = float32(rng.NormFloat64())
		slope += float64(d) * float64(direction[i])
	}
	const h = 1e-2
	at := func(step float32) float64 {
		for i, d := range direction {
			values[0][i] += step * d
		}
		_, out := ran(t, 1, spec, values)
		return float64(out[0][0])
	}
	up := at(h)
	down := at(-2 * h)
	if want := (up - down) / (2 * h); math.Abs(slope-want) > 5e-2*math.Abs(want)+1e-5 {
		t.Errorf("slope %v, want %v", slope, want)
	}
}
