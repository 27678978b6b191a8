package train

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
)

// A field goes through its points, is smooth between them and stays near what was
// drawn; it repeats.
func TestElasticFieldsGoThroughTheirPoints(t *testing.T) {
	e := newElastic(2, data.Shape{C: 1, H: 28, W: 31})
	e.draw(rand.New(rand.NewPCG(1, 2)))
	for i := range elasticPoints {
		for j := range elasticPoints {
			if got, want := e.field[0][9*i*31+10*j], e.moves[0][i][j]; math.Abs(float64(got-want)) > 1e-5 {
				t.Errorf("point %d, %d moves by %v, was drawn as %v", i, j, got, want)
			}
		}
	}
	for i, v := range e.field[0] {
		if math.Abs(float64(v)) > 1.6*2 { // cubic convolution overshoots by (5/4)^2 at most
			t.Errorf("place %d moves by %v", i, v)
		}
		if i%31 > 0 && math.Abs(float64(v-e.field[0][i-1])) > 1 {
			t.Errorf("place %d moves by %v, that before by %v", i, v, e.field[0][i-1])
		}
	}
	again := newElastic(2, data.Shape{C: 1, H: 28, W: 31})
	if again.draw(rand.New(rand.NewPCG(1, 2))); !slices.Equal(again.field[0],
		e.field[0]) || !slices.Equal(again.field[1], e.field[1]) {
		t.Error("the same stream drew another field")
	}
}

// A pixel takes the value of the place that it has moved to: of a ramp, its own
// plus the move, and at the border that of the border.
func TestElasticTakesTheValueOfThePlace(t *testing.T) {
	shape := data.Shape{C: 2, H: 6, W: 8}
	e := newElastic(1, shape)
	for i := range e.field[0] {
		e.field[0][i], e.field[1][i] = 0.25, -1.5
	}
	x := make([]float32, shape.Size())
	for i := range x {
		x[i] = float32(i%8) + 10*float32(i/8%6) + 1000*float32(i/48)
	}
	e.resample(x)
	for i, v := range x {
		col, row := max(float64(i%8)-1.5, 0), min(float64(i/8%6)+0.25, 5)
		if want := col + 10*row + 1000*float64(i/48); math.Abs(float64(v)-want) > 1e-3 {
			t.Errorf("value %d is %v, want %v", i, v, want)
		}
	}
}

func TestNoMoveLeavesImagesAsTheyAre(t *testing.T) {
	shape := data.Shape{C: 1, H: 5, W: 7}
	rng := rand.New(rand.NewPCG(3, 4))
	x := make([]float32, 3*shape.Size())
	for i := range x {
		x[i] = rng.Float32()
	}
	want := slices.Clone(x)
	newElastic(0, shape).apply(rng, x, 3)
	if !slices.Equal(x, want) {
		t.Error("images changed")
	}
}

// BenchmarkElastic bends a batch of fifty digits.
func BenchmarkElastic(b *testing.B) {
	shape := data.Shape{C: 1, H: 28, W: 28}
	e, rng := newElastic(2, shape), rand.New(rand.NewPCG(1, 2))
	x := make([]float32, 50*shape.Size())
	for i := range x {
		x[i] = rng.Float32()
	}
	b.ReportAllocs()
	for b.Loop() {
		e.apply(rng, x, 50)
	}
}
