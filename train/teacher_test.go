package train

import (
	"errors"
	"math"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/recipe"
	"github.com/distillmesh/distillmesh/train/view"
)

// A teacher knows the classes; the samples' own labels are all wrong, and are not used.
func TestATeacherLabelsInPlaceOfTheSamples(t *testing.T) {
	s := blobs(40, data.Shape{C: 1, H: 8, W: 8}, 3, false)
	net := network(t, "mlp", s)
	r := recipe.Recipe{Optimizer: recipe.AdamW, LR: 5e-3, WeightDecay: 1e-2, Batch: 20, Epochs: 30, Augment: recipe.Mild,
		Mix: recipe.MixUp, MixBeta: 1}
	plain := r
	plain.Mix, plain.MixBeta, plain.Augment = "", 0, ""
	teacher, err := Fit(t.Context(), net, s, plain, Options{Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	wrong := s.Subset(seq(s.Len()))
	for i := range wrong.Y {
		wrong.Y[i] = (wrong.Y[i] + 1) % s.Classes
	}
	opt := Options{Seed: 2, Teacher: &Teacher{teacher, 4}}
	student, err := Fit(t.Context(), net, wrong, r, opt)
	if err != nil {
		t.Fatal(err)
	}
	a, err := Evaluate(t.Context(), student, s)
	if err != nil || a.Fraction() < 0.9 {
		t.Errorf("accuracy %v, %v", a, err)
	}
	again, err := Fit(t.Context(), net, s, r, opt)
	if err != nil {
		t.Fatal(err)
	}
	sameBits(t, student.Params, again.Params)
}

func TestARunWithATeacherResumesWithTheSameOneOnly(t *testing.T) {
	s := blobs(20, data.Shape{C: 1, H: 8, W: 8}, 3, false)
	net := network(t, "mlp", s)
	r := recipe.Recipe{Optimizer: recipe.SGD, LR: 1e-2, Batch: 10, Epochs: 10}
	teacher := &Teacher{&Model{Network: net, Params: net.Init(1)}, 2}
	whole, err := Fit(t.Context(), net, s, r, Options{Teacher: teacher})
	if err != nil {
		t.Fatal(err)
	}
	var state []byte
	stop := errors.New("stop")
	_, err = Fit(t.Context(), net, s, r, Options{Teacher: teacher, CheckpointEvery: 7,
		Checkpoint: func(file []byte) error { state = file; return stop }})
	if !errors.Is(err, stop) {
		t.Fatal(err)
	}
	rest, err := Fit(t.Context(), net, s, r, Options{Teacher: teacher, Resume: state})
	if err != nil {
		t.Fatal(err)
	}
	sameBits(t, whole.Params, rest.Params)
	for name, other := range map[string]*Teacher{"none": nil, "another temperature": {teacher.Model, 3},
		"other values": {&Model{Network: net, Params: net.Init(2)}, 2}} {
		if _, err := Fit(t.Context(), net, s, r, Options{Teacher: other, Resume: state}); err == nil {
			t.Errorf("resumed with a teacher that is %s", name)
		}
	}
}

func TestTeachersThatCannotLabelAreRefused(t *testing.T) {
	s := blobs(20, data.Shape{C: 1, H: 8, W: 8}, 3, false)
	net := network(t, "mlp", s)
	other := network(t, "mlp", blobs(20, data.Shape{C: 1, H: 6, W: 6}, 3, false))
	good := &Model{Network: net, Params: net.Init(1)}
	for name, teacher := range map[string]*Teacher{
		"another shape":       {&Model{Network: other, Params: other.Init(1)}, 1},
		"another resolution":  {&Model{Network: net, Params: net.Init(1), View: view.View{Coarse: 2}}, 1},
		"no temperature":      {good, 0},
		"temperature is NaN":  {good, math.NaN()},
		"too hot temperature": {good, 2 * MaxTemperature},
	} {
		if _, err := Fit(t.Context(), net, s, recipe.Default(), Options{Teacher: teacher}); !errors.Is(err, ErrSamples) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// seq is 0 to n-1.
func seq(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
