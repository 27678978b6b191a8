package train

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
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
