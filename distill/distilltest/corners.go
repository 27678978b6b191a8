package distilltest

import (
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
)

// Corners is a task of 12 x 12 images and three classes, each of which is a corner that is brighter by light than
// the noise, 240 to train and some to test. Mean is the constant of the task.
func Corners(t *testing.T, noise, light, mean float64, test int) *data.Dataset {
	t.Helper()
	shape := data.Shape{C: 1, H: 12, W: 12}
	part := func(n int, seed uint64) data.Source {
		rng := data.Stream(seed, "blobs")
		values, labels := make([]float32, n*shape.Size()), make([]int, n)
		for i := range n {
			labels[i] = i % 3
			for j := range shape.Size() {
				v := noise * rng.Float64()
				if y, x := j/12, j%12; y/6*2+x/6 == labels[i] {
					v += light
				}
				values[i*shape.Size()+j] = float32(v)
			}
		}
		src, err := data.NewFloats(shape, values, labels)
		if err != nil {
			t.Fatal(err)
		}
		return src
	}
	task := &data.Task{Version: data.TaskVersion, Name: "blobs", Classes: []string{"a", "b", "c"}, Shape: shape,
		Mean: []float64{mean}, Std: []float64{0.3}}
	return &data.Dataset{Name: "blobs", Task: task, Train: part(240, 1), Test: part(test, 2)}
}
