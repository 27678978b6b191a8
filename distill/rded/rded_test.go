package rded

import (
	"math"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/distilltest"
	"github.com/distillmesh/distillmesh/train/data"
)

func TestConformance(t *testing.T) {
	m, err := Default().With(map[string]string{"steps": "8", "width": "4", "pool": "6", "crops": "2"})
	if err != nil {
		t.Fatal(err)
	}
	distilltest.Run(t, m)
}

func TestACropIsAPartOfTheImageInItsSize(t *testing.T) {
	shape := data.Shape{C: 2, H: 9, W: 7}
	image := make([]float32, shape.Size())
	for i := range image { // a plane in each channel, which bilinear interpolation keeps
		y, x := i/shape.W%shape.H, i%shape.W
		image[i] = float32(10*y + x)
	}
	rng := data.Stream(1, "test")
	for _, least := range []float64{1, 0.5, 0.1} {
		m := Method{Least: least}
		for range 50 {
			got := m.cut(rng, image, shape)
			height := float64(got[(shape.H-1)*shape.W]-got[0]) / 10 / float64(shape.H-1)
			width := float64(got[shape.W-1]-got[0]) / float64(shape.W-1)
			if math.Abs(height-width) > 1e-4 || height*height < least-1e-4 || height > 1+1e-5 {
				t.Fatalf("at least %v: a crop of %v x %v", least, height, width)
			}
			if least == 1 && math.Abs(float64(got[0])) > 1e-4 {
				t.Fatalf("the whole image begins with %v", got[0])
			}
			if got[0] < -1e-4 || got[len(got)-1] > 10*8+6+1e-3 {
				t.Fatalf("beyond the image: %v to %v", got[0], got[len(got)-1])
			}
		}
	}
}

// Half of a class shows another class: what the network is surest of does not.
func TestTheSurestCropsAreOfTheClass(t *testing.T) {
	shape := data.Shape{C: 1, H: 8, W: 8}
	rng := data.Stream(3, "test")
	s := &data.Samples{Shape: shape, Classes: 2}
	add := func(class int, dark bool) {
		for range shape.Size() {
			v := 0.3 * rng.NormFloat64()
			if dark {
				v -= 2
			} else {
				v += 2
			}
			s.X = append(s.X, float32(v))
		}
		s.Y = append(s.Y, class)
	}
	for i := range 60 {
		add(0, false)
		add(1, i%4 != 0) // a quarter is mislabeled
	}
	m, err := Default().With(map[string]string{"steps": "60", "width": "4", "pool": "60", "crops": "2"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.Distill(t.Context(), distill.Request{Samples: s, IPC: 10})
	if err != nil {
		t.Fatal(err)
	}
	for i, y := range got.Images.Y {
		mean := 0.0
		for _, v := range got.Images.Row(i) {
			mean += float64(v) / float64(shape.Size())
		}
		if bright := mean > 0; bright != (y == 0) {
			t.Errorf("image %d of class %d has mean %v", i, y, mean)
		}
	}
	if want := []int{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}; !slices.Equal(got.Images.Y, want) {
		t.Errorf("classes %v", got.Images.Y)
	}
}
