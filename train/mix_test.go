package train

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// Every image has a value of its own, so what was pasted shows whose it was.
func TestCutMixPastesOneRectangleAndMixesLabelsByItsArea(t *testing.T) {
	shape, n := data.Shape{C: 2, H: 6, W: 9}, 5
	areas := map[int]bool{}
	for seed := range uint64(200) {
		x, labels := make([]float32, n*shape.Size()), make([]float32, n*n)
		for i := range x {
			x[i] = float32(i / shape.Size())
		}
		for i := range n {
			labels[i*n+i] = 1
		}
		cutMix(rand.New(rand.NewPCG(seed, 1)), x, labels, shape, n)
		rectangle := map[int]bool{}
		for i := range n {
			from, area := i, 0
			for at := range shape.Size() {
				if v := int(x[i*shape.Size()+at]); v != i {
					from = v
					area++
					rectangle[at] = true
				}
			}
			if from == i {
				continue
			}
			for at := range shape.Size() {
				if want := map[bool]int{true: from, false: i}[rectangle[at]]; int(x[i*shape.Size()+at]) != want {
					t.Fatalf("seed %d: value %d of image %d is of image %v, want %d", seed, at, i, x[i*shape.Size()+at], want)
				}
			}
			share := float64(area) / float64(shape.Size())
			if math.Abs(float64(labels[i*n+from])-share) > 1e-6 || math.Abs(float64(labels[i*n+i])-1+share) > 1e-6 {
				t.Fatalf("seed %d: a share of %v is pasted, labels are %v", seed, share, labels[i*n:(i+1)*n])
			}
			areas[area] = true
		}
	}
	if len(areas) < 10 {
		t.Errorf("areas %v", areas)
	}
}

func TestSmoothKeepsTheSumOfLabels(t *testing.T) {
	labels := []float32{1, 0, 0, 0, 0.5, 0.5, 0, 0}
	smooth(labels, 4, 0.2)
	for i, want := range []float32{0.85, 0.05, 0.05, 0.05, 0.45, 0.45, 0.05, 0.05} {
		if math.Abs(float64(labels[i]-want)) > 1e-6 {
			t.Errorf("label %d is %v, want %v", i, labels[i], want)
		}
	}
}

// The values of an image are a power of two of its own, so that what was mixed shows whose
// it was. Labels are no argument: they stay.
func TestMixUpAddsOneOtherImageByOneShare(t *testing.T) {
	shape, n := data.Shape{C: 1, H: 4, W: 4}, 2
	shares := map[float32]bool{}
	for seed := range uint64(100) {
		x := mixed(recipe.MixUp, seed, shape, n)
		first, second := x[0], x[shape.Size()]
		for i, v := range x {
			if v != []float32{first, second}[i/shape.Size()] {
				t.Fatalf("seed %d: value %d is %v, not that of its image", seed, i, v)
			}
		}
		if first == 1 && second == 2 {
			continue // mixed with itself
		}
		if math.Abs(float64(first+second)-3) > 1e-6 || first < 1 || first > 2 {
			t.Fatalf("seed %d: mixed to %v and %v", seed, first, second)
		}
		shares[first] = true
	}
	if len(shares) < 20 {
		t.Errorf("%d different shares", len(shares))
	}
}

func TestCutMixOfImagesPastesOneRectangle(t *testing.T) {
	shape, n := data.Shape{C: 1, H: 8, W: 8}, 4
	areas := map[int]bool{}
	for seed := range uint64(100) {
		x, pasted := mixed(recipe.MixCut, seed, shape, n), map[int]bool{}
		for i, v := range x {
			if v != float32(int(1)<<(i/shape.Size())) {
				pasted[i%shape.Size()] = true
			}
		}
		for at := range pasted {
			for i := range n {
				if x[i*shape.Size()+at] != x[i*shape.Size()+slices.Min(slices.Collect(maps.Keys(pasted)))] {
					t.Fatalf("seed %d: image %d has more than one other in its rectangle", seed, i)
				}
			}
		}
		areas[len(pasted)] = true
	}
	if len(areas) < 10 {
		t.Errorf("areas %v", areas)
	}
}

// mixed is a batch of constant images, 1, 2, 4, ..., after mixing.
func mixed(kind string, seed uint64, shape data.Shape, n int) []float32 {
	x := make([]float32, n*shape.Size())
	for i := range x {
		x[i] = float32(int(1) << (i / shape.Size()))
	}
	mix(rand.New(rand.NewPCG(seed, 1)), recipe.Recipe{Mix: kind, MixBeta: 1}, x, shape, n)
	return x
}
