package model

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/recipe"
	"github.com/distillmesh/distillmesh/train/view"
)

// few are samples of two classes that differ in their level.
func few(shape data.Shape) *data.Samples {
	s := &data.Samples{Shape: shape, Classes: 2}
	for i := range 6 {
		for j := range shape.Size() {
			s.X = append(s.X, float32(i%2)+float32((i*j)%5)/10)
		}
		s.Y = append(s.Y, i%2)
	}
	return s
}

// onDisk is a model's tensors as a file keeps them.
func onDisk(t *testing.T, m Trained) []checkpoint.Tensor {
	t.Helper()
	file, err := checkpoint.Encode(m.Tensors(), nil)
	if err != nil {
		t.Fatal(err)
	}
	tensors, _, err := checkpoint.Decode(file, checkpoint.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return tensors
}

func TestEveryModelIsFittedWrittenAndRead(t *testing.T) {
	image, table := data.Shape{C: 1, H: 16, W: 16}, data.Shape{C: 1, H: 1, W: 5}
	once := recipe.Default()
	once.Epochs, once.MinSteps, once.MaxSteps, once.Batch = 1, 1, 1, 6
	for _, c := range []struct {
		name      string
		shape     data.Shape
		iterative bool
	}{
		{"mlp", image, true}, {"mlp", table, true}, {"lenet", image, true}, {"alexnet", image, true},
		{"convnet3:4", image, true}, {"resnet18", image, true}, {"ntk:1", image, false}, {"ntk:2", table, false},
		{"ridge", image, false}, {"ridge:0.5", table, false},
	} {
		s := few(c.shape)
		spec, err := Parse(c.name, c.shape, 2)
		if err != nil || spec.Iterative() != c.iterative {
			t.Fatalf("%s of %v: %+v, %v", c.name, c.shape, spec, err)
		}
		m, err := spec.Fit(t.Context(), s, once, train.Options{Device: device.Choice{Workers: 1}})
		if err != nil {
			t.Fatalf("%s of %v: %v", c.name, c.shape, err)
		}
		want, err := m.Logits(t.Context(), s)
		if err != nil || len(want) != s.Len()*2 || slices.ContainsFunc(want, func(v float32) bool {
			return math.IsNaN(float64(v)) || math.IsInf(float64(v), 0)
		}) {
			t.Fatalf("%s of %v: scores %v, %v", c.name, c.shape, want, err)
		}
		tensors := onDisk(t, m)
		back, err := spec.Load(tensors, view.View{})
		if err != nil {
			t.Fatalf("%s of %v: %v", c.name, c.shape, err)
		}
		if got, err := back.Logits(t.Context(), s); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s of %v read back scores %v, want %v (%v)", c.name, c.shape, got, want, err)
		}
		refuse(t, spec, tensors)
	}
}

// refuse reads what is no model of the spec.
func refuse(t *testing.T, spec *Spec, tensors []checkpoint.Tensor) {
	t.Helper()
	renamed := slices.Clone(tensors)
	renamed[0].Name = "other"
	infinite := slices.Clone(tensors)
	last := len(infinite) - 1
	values := make([]float32, infinite[last].Len())
	values[0] = float32(math.Inf(1))
	infinite[last] = checkpoint.F32(infinite[last].Name, infinite[last].Shape, values)
	flat := slices.Clone(tensors)
	flat[0].Shape = []int{flat[0].Len()}
	for what, bad := range map[string][]checkpoint.Tensor{"nothing": nil, "less": tensors[1:], "another name": renamed,
		"an infinite value": infinite, "another shape": flat} {
		if what == "another shape" && len(tensors[0].Shape) == 1 {
			continue
		}
		if _, err := spec.Load(bad, view.View{}); err == nil {
			t.Errorf("%s of %v read %s", spec.Name, spec.Shape, what)
		}
	}
	if _, err := spec.Load(tensors, view.View{Coarse: 3}); !errors.Is(err, view.ErrView) {
		t.Errorf("%s of %v at a third of the resolution: %v", spec.Name, spec.Shape, err)
	}
}

func TestNamesThatMakeNoModelAreRefused(t *testing.T) {
	image, table := data.Shape{C: 1, H: 16, W: 16}, data.Shape{C: 1, H: 1, W: 5}
	for name, shape := range map[string]data.Shape{"": image, "transformer": image, "lenet": table, "convnet3": table,
		"convnet3:0": image, "convnet3:x": image, "resnet18": table, "alexnet:9": image, "ntk:9999": image} {
		if _, err := Parse(name, shape, 2); !errors.Is(err, ErrUnknown) {
			t.Errorf("%q of %v: %v", name, shape, err)
		}
	}
	for _, list := range []string{Names, TableNames} {
		for word := range strings.FieldsFuncSeq(strings.ReplaceAll(list, " or ", ", "), func(r rune) bool {
			return r == ',' || r == ' '
		}) {
			name := strings.NewReplacer("WIDTH", "8", "DEPTH", "1", "LAMBDA", "0.1").Replace(word)
			shape := image
			if list == TableNames {
				shape = table
			}
			if _, err := Parse(name, shape, 2); err != nil {
				t.Errorf("help names %s: %v", word, err)
			}
		}
	}
}
