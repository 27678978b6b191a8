package augment

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/graph/cpu"
	"github.com/distillmesh/distillmesh/train/recipe"
)

var shape = data.Shape{C: 2, H: 8, W: 8}

const images = 4

// lab is a strategy on four images.
type lab struct {
	strategy recipe.Strategy
	x        *graph.Node
	in       []*graph.Node
	out      *graph.Node
	pixels   []float64
	draws    [][]float32
}

func newLab(t *testing.T, name string) *lab {
	t.Helper()
	s, err := recipe.ParseStrategy(name)
	if err != nil {
		t.Fatal(err)
	}
	g := graph.New()
	l := &lab{strategy: s, x: graph.Input(g, "x", images, shape.C, shape.H, shape.W),
		in: Inputs(s, g, "draw ", images, shape)}
	l.out = Apply(s, l.x, l.in)
	for _, dims := range s.Shapes(images, shape.H, shape.W) {
		n := 1
		for _, d := range dims {
			n *= d
		}
		l.draws = append(l.draws, make([]float32, n))
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for range images * shape.Size() {
		l.pixels = append(l.pixels, rng.NormFloat64())
	}
	return l
}

func (l *lab) draw(seed uint64, shared bool) {
	l.strategy.Draw(data.Stream(seed, "test"), images, shape.H, shape.W, shared, l.draws)
}

func (l *lab) feeds() map[*graph.Node][]float64 {
	feeds := map[*graph.Node][]float64{l.x: l.pixels}
	for i, n := range l.in {
		for _, v := range l.draws[i] {
			feeds[n] = append(feeds[n], float64(v))
		}
	}
	return feeds
}

func (l *lab) reference(t *testing.T, outputs ...*graph.Node) [][]float64 {
	t.Helper()
	out, err := graph.Reference(l.feeds(), outputs...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// at is a pixel of the original, zero outside.
func (l *lab) at(image, c, row, col int) float64 {
	if row < 0 || row >= shape.H || col < 0 || col >= shape.W {
		return 0
	}
	return l.pixels[((image*shape.C+c)*shape.H+row)*shape.W+col]
}

// each compares the result with a function of the original's pixels.
func (l *lab) each(t *testing.T, want func(image, c, row, col int) float64) {
	t.Helper()
	got := l.reference(t, l.out)[0]
	for i, v := range got {
		image, c, row, col := i/shape.Size(), i/64%shape.C, i/8%8, i%8
		if w := want(image, c, row, col); math.Abs(v-w) > 1e-5 {
			t.Fatalf("image %d, channel %d, row %d, column %d: %v, want %v", image, c, row, col, v, w)
		}
	}
}

func TestCropShiftsByWholePixelsAndFillsWithZero(t *testing.T) {
	l := newLab(t, recipe.Crop)
	seen := map[int]bool{}
	for seed := range uint64(20) {
		l.draw(seed, false)
		l.each(t, func(image, c, row, col int) float64 {
			right := int(math.Round(float64(l.draws[0][6*image+2]) * 3.5))
			down := int(math.Round(float64(l.draws[0][6*image+5]) * 3.5))
			seen[right] = true
			return l.at(image, c, row+down, col+right)
		})
	}
	if len(seen) != 3 { // an eighth of 8
		t.Errorf("shifts %v, want -1, 0 and 1", seen)
	}
}

func TestFlipMirrorsEverySecondTime(t *testing.T) {
	l := newLab(t, recipe.Flip)
	flipped := 0
	for seed := range uint64(100) {
		l.draw(seed, false)
		for i := range images {
			if l.draws[0][6*i] < 0 {
				flipped++
			}
		}
		if seed < 5 {
			l.each(t, func(image, c, row, col int) float64 {
				if l.draws[0][6*image] < 0 {
					col = 7 - col
				}
				return l.at(image, c, row, col)
			})
		}
	}
	if flipped < 160 || flipped > 240 {
		t.Errorf("%d of 400 images flipped", flipped)
	}
}

func TestCutoutZeroesASquare(t *testing.T) {
	l := newLab(t, recipe.Cutout)
	largest := 0
	for seed := range uint64(50) {
		l.draw(seed, false)
		for i := range images {
			zeros := 0
			for _, v := range l.draws[0][i*64 : (i+1)*64] {
				if v == 0 {
					zeros++
				}
			}
			largest = max(largest, zeros)
			if zeros < 4 || zeros > 16 {
				t.Fatalf("%d pixels cut out, want 4 to 16", zeros)
			}
		}
	}
	if largest != 16 {
		t.Errorf("the largest cutout has %d pixels, want 16", largest)
	}
	l.each(t, func(image, c, row, col int) float64 {
		return l.at(image, c, row, col) * float64(l.draws[0][image*64+row*8+col])
	})
}

func TestColorIsBrightnessThenSaturationThenContrast(t *testing.T) {
	l := newLab(t, recipe.Color)
	l.draw(3, false)
	mean := func(image int, of func(c, row, col int) float64) (sum float64) {
		for c := range shape.C {
			for i := range 64 {
				sum += of(c, i/8, i%8) / float64(shape.Size())
			}
		}
		return sum
	}
	bright := func(image, c, row, col int) float64 { return l.at(image, c, row, col) + float64(l.draws[0][image]) }
	saturated := func(image, c, row, col int) float64 {
		gray := (bright(image, 0, row, col) + bright(image, 1, row, col)) / 2
		return (bright(image, c, row, col)-gray)*float64(l.draws[1][image]) + gray
	}
	l.each(t, func(image, c, row, col int) float64 {
		m := mean(image, func(c, row, col int) float64 { return saturated(image, c, row, col) })
		return (saturated(image, c, row, col)-m)*float64(l.draws[2][image]) + m
	})
}

func TestAFamilyLeavesTheOthersAlone(t *testing.T) {
	l := newLab(t, recipe.DSA)
	kinds := map[string]int{}
	for seed := range uint64(60) {
		l.draw(seed, false)
		moved := fmt.Sprint(l.draws[3][:6]) != "[1 0 0 0 1 0]" || fmt.Sprint(l.draws[3][6:12]) != "[1 0 0 0 1 0]"
		colored, cut := l.draws[1][0] != 1, slices.Min(l.draws[4]) == 0
		if moved && colored || moved && cut || colored && cut {
			t.Fatalf("seed %d: several families at once", seed)
		}
		switch {
		case moved:
			kinds["moved"]++
		case colored:
			kinds["colored"]++
		case cut:
			kinds["cut"]++
		}
	}
	if kinds["moved"] < 20 || kinds["colored"] < 3 || kinds["cut"] < 3 {
		t.Errorf("of 60 draws %v", kinds)
	}
}

func TestASharedDrawIsTheSameForEveryImage(t *testing.T) {
	for _, name := range []string{recipe.Affine, recipe.MildFlip, recipe.Color, recipe.Crop, recipe.Cutout, recipe.Flip,
		recipe.Scale, recipe.Rotate} {
		l := newLab(t, name)
		for _, shared := range []bool{true, false} {
			differ := false
			for seed := range uint64(10) {
				l.draw(seed, shared)
				for _, d := range l.draws {
					per := len(d) / images
					differ = differ || !slices.Equal(d[:per], d[per:2*per])
				}
			}
			if differ == shared {
				t.Errorf("%s, shared %t: draws of two images differ: %t", name, shared, differ)
			}
		}
	}
}

// With square pixels an affine keeps angles and lengths, whatever the sides.
func TestAffinesStayWithinTheirRanges(t *testing.T) {
	for name, want := range map[string]struct {
		scale, angle, shift float64
		flip                bool
	}{recipe.Affine: {.15, 15, 3, false}, recipe.AffineFlip: {.15, 15, 3, true}, recipe.Mild: {.1, 5, 2,
		false}, recipe.MildFlip: {.1, 5, 2, true}} {
		s, err := recipe.ParseStrategy(name)
		if err != nil {
			t.Fatal(err)
		}
		wide := data.Shape{C: 1, H: 8, W: 16}
		m := make([]float32, 6)
		flipped, most := 0, 0.0
		for seed := range uint64(400) {
			s.Draw(data.Stream(seed, "test"), 1, wide.H, wide.W, false, [][]float32{m})
			// In pixels: columns by W/2, rows by H/2.
			a, b, c, d := float64(m[0]), float64(m[1])*16/8, float64(m[3])*8/16, float64(m[4])
			if a < 0 {
				flipped++
				a, c = -a, -c
			}
			scale, angle := 1/math.Sqrt(a*d-b*c), math.Atan2(c, a)*180/math.Pi
			if math.Abs(a-d) > 1e-6 || math.Abs(b+c) > 1e-6 || math.Abs(scale-1) > want.scale+1e-3 ||
				math.Abs(angle) > want.angle+.01 ||
				math.Abs(float64(m[2])*8) > want.shift+.01 || math.Abs(float64(m[5])*4) > want.shift+.01 {
				t.Fatalf("%s: matrix %v: scale %v, angle %v", name, m, scale, angle)
			}
			most = max(most, math.Abs(angle))
		}
		if want.flip != (flipped > 0) || want.flip && (flipped < 150 || flipped > 250) {
			t.Errorf("%s: %d of 400 images flipped", name, flipped)
		}
		if most < 0.9*want.angle {
			t.Errorf("%s: the largest angle is %v", name, most)
		}
	}
}

func TestAugmentationsAreDifferentiable(t *testing.T) {
	for _, name := range []string{recipe.Affine, recipe.AffineFlip, recipe.Color, recipe.Crop, recipe.Cutout,
		recipe.Flip, recipe.Scale, recipe.Rotate, recipe.DSA} {
		l := newLab(t, name)
		l.draw(5, false)
		sum := graph.Sum(graph.Mul(l.out, l.out))
		grads, err := graph.Grad(sum, l.x)
		if err != nil {
			t.Fatal(err)
		}
		got := l.reference(t, grads[0])[0]
		const h = 1e-5
		for at := 0; at < len(l.pixels); at += 37 {
			l.pixels[at] += h
			up := l.reference(t, sum)[0][0]
			l.pixels[at] -= 2 * h
			down := l.reference(t, sum)[0][0]
			l.pixels[at] += h
			if want := (up - down) / (2 * h); math.Abs(got[at]-want) > 1e-5*(1+math.Abs(want)) {
				t.Fatalf("%s, pixel %d: %v, want %v", name, at, got[at], want)
			}
		}
	}
}

func TestDrawingAndRunningAllocateNothing(t *testing.T) {
	l := newLab(t, recipe.DSA)
	e := cpu.New(1)
	defer e.Close()
	p, err := e.Compile(graph.Spec{Inputs: append([]*graph.Node{l.x}, l.in...), Outputs: []*graph.Node{l.out}})
	if err != nil {
		t.Fatal(err)
	}
	var pcg rand.PCG
	rng, step := rand.New(&pcg), uint64(0)
	if n := testing.AllocsPerRun(20, func() {
		step++
		data.Restart(&pcg, 1, "augment", step)
		l.strategy.Draw(rng, images, shape.H, shape.W, false, l.draws)
		for i, d := range l.draws {
			if p.Set(1+i, d) != nil {
				t.Fatal("a draw does not fit")
			}
		}
		if p.Run() != nil {
			t.Fatal("a run failed")
		}
	}); n != 0 {
		t.Errorf("%v allocations per step", n)
	}
}

func TestTheZeroStrategyChangesNothing(t *testing.T) {
	var s recipe.Strategy
	shape := data.Shape{C: 1, H: 4, W: 4}
	s.Draw(rand.New(rand.NewPCG(1, 2)), 3, shape.H, shape.W, true, nil)
	x := graph.Input(graph.New(), "x", 3, 1, 4, 4)
	if n := len(s.Shapes(3, shape.H, shape.W)); n != 0 || Apply(s, x, nil) != x {
		t.Errorf("%d draws, another expression", n)
	}
}
