package train

import (
	"errors"
	"math"
	"slices"
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
	opt := Options{Seed: 2, Teacher: taught(teacher, 4)}
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
	teacher := taught(&Model{Network: net, Params: net.Init(1)}, 2)
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
	for name, other := range map[string]*Teacher{"none": nil, "another temperature": taught(teacher.Models[0], 3),
		"other values": taught(&Model{Network: net, Params: net.Init(2)}, 2)} {
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
		"another shape":          taught(&Model{Network: other, Params: other.Init(1)}, 1),
		"another resolution":     taught(&Model{Network: net, Params: net.Init(1), View: view.View{Coarse: 2}}, 1),
		"no temperature":         taught(good, 0),
		"temperature is NaN":     taught(good, math.NaN()),
		"too hot temperature":    taught(good, 2*MaxTemperature),
		"nobody":                 {Temperature: 1},
		"too many":               {Models: slices.Repeat([]*Model{good}, MaxTeachers+1), Temperature: 1},
		"the second's shape":     {Models: []*Model{good, {Network: other, Params: other.Init(1)}}, Temperature: 1},
		"squares and heat":       {Models: []*Model{good}, Temperature: 1, Squares: true},
		"a weight of NaN":        {Models: []*Model{good}, Squares: true, Truth: math.NaN()},
		"labels without squares": {Models: []*Model{good}, Temperature: 1, Truth: 1},
	} {
		if _, err := Fit(t.Context(), net, s, recipe.Default(), Options{Teacher: teacher}); !errors.Is(err, ErrSamples) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// taught is a teacher of one network at a temperature.
func taught(m *Model, temperature float64) *Teacher {
	return &Teacher{Models: []*Model{m}, Temperature: temperature}
}

// The first step of gradient descent from the same values goes against the gradient of the loss, which is
// differentiated here by differences of the loss in plain arithmetic.
func TestTheLossesOfTeachersAreThoseOfTheirFormulas(t *testing.T) {
	s := blobs(6, data.Shape{C: 1, H: 2, W: 2}, 3, false)
	net := network(t, "mlp", s)
	models := []*Model{{Network: net, Params: net.Init(1)}, {Network: net, Params: net.Init(2)}}
	for name, teacher := range map[string]*Teacher{
		"one network":           {Models: models[:1], Temperature: 3},
		"the mean of two":       {Models: models, Temperature: 3},
		"squares":               {Models: models, Squares: true},
		"squares and the truth": {Models: models, Squares: true, Truth: 0.25},
	} {
		const rate = 1e-2
		r := recipe.Recipe{Optimizer: recipe.SGD, LR: rate, Batch: s.Len(), MinSteps: 1, MaxSteps: 1}
		after, err := Fit(t.Context(), net, s, r, Options{Seed: 3, Teacher: teacher})
		if err != nil {
			t.Fatal(err)
		}
		before := &Model{Network: net, Params: net.Init(3)}
		last := len(before.Params) - 1 // the bias of the logits
		for j, v := range before.Params[last] {
			const h = 1e-2
			at := func(b float32) float64 {
				before.Params[last][j] = b
				defer func() { before.Params[last][j] = v }()
				return lossOf(t, teacher, before, s)
			}
			want := (at(v+h) - at(v-h)) / (2 * h)
			got := float64(v-after.Params[last][j]) / rate
			if math.Abs(got-want) > 1e-3*(1+math.Abs(want)) {
				t.Errorf("%s: derivative %d is %v, want %v", name, j, got, want)
			}
		}
	}
}

// lossOf is the loss of a model by a teacher, in float64.
func lossOf(t *testing.T, teacher *Teacher, m *Model, s *data.Samples) (loss float64) {
	t.Helper()
	u, err := teacher.Logits(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	v, err := m.Logits(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	// soft is log softmax of a row over a temperature.
	soft := func(row []float32, heat float64) []float64 {
		out, sum := make([]float64, len(row)), 0.0
		for _, x := range row {
			sum += math.Exp(float64(x) / heat)
		}
		for i, x := range row {
			out[i] = float64(x)/heat - math.Log(sum)
		}
		return out
	}
	n, c := float64(s.Len()), s.Classes
	for i, y := range s.Y {
		a, b := u[i*c:(i+1)*c], v[i*c:(i+1)*c]
		if teacher.Squares {
			for k := range a {
				off := float64(b[k]) - float64(a[k])
				loss += off * off / (n * float64(c))
			}
			loss -= teacher.Truth * soft(b, 1)[y] / n
			continue
		}
		heat := teacher.Temperature
		want, got := soft(a, heat), soft(b, heat)
		for k := range a {
			loss -= heat * heat * math.Exp(want[k]) * got[k] / n
		}
	}
	return loss
}

// seq is 0 to n-1.
func seq(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
