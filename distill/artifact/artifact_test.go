package artifact

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/coreset"
	"github.com/distillmesh/distillmesh/distill/distilltest"
	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// request is a small set of the built-in task.
func request(pixels PixelType) Request {
	task := data.WellKnownTask("glyph-digits")
	local := distilltest.Samples(task.Shape, 10, []int{3, 4}, 40)
	return Request{Request: distill.Request{Samples: local, IPC: 1}, Task: task, Method: coreset.DefaultGMM(),
		Pixels: pixels}
}

func mustMake(t *testing.T, r Request) *Made {
	t.Helper()
	made, err := Make(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// given is a method whose result is there already.
type given struct {
	distill.Method
	result distill.Result
}

func (g given) Distill(context.Context, distill.Request) (*distill.Result, error) {
	return &g.result, nil
}

// of is what a method makes of a request.
func of(t *testing.T, r Request) given {
	t.Helper()
	result, err := r.Method.Distill(t.Context(), r.Request)
	if err != nil {
		t.Fatal(err)
	}
	return given{r.Method, *result}
}

func write(t *testing.T, pixels PixelType) (Files, *data.Task) {
	t.Helper()
	r := request(pixels)
	return mustMake(t, r).Files, r.Task
}

func TestSetsReadBackAsRounded(t *testing.T) {
	for pixels, most := range map[PixelType]float64{U4: 0.25, U8: 0.02, F16: 0.02, F32: 0} {
		r := request(pixels)
		var images *data.Samples
		r.Distilled = func(result *distill.Result) { images = result.Images }
		made := mustMake(t, r)
		set, err := ReadSet(made.Files, r.Task, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		want, _ := RoundTrip(images, pixels)
		if !slices.Equal(set.Samples.X, want.X) || !slices.Equal(set.Samples.Y, []int{3, 4}) {
			t.Errorf("%s: read back other images or labels %v", pixels, set.Samples.Y)
		}
		if !sameSet(t, set, &made.Set) {
			t.Errorf("%s: made %+v, read %+v", pixels, made.Manifest, set.Manifest)
		}
		for i, v := range set.Samples.X {
			if math.Abs(float64(v-images.X[i])) > most {
				t.Fatalf("%s: value %d is %v, was %v", pixels, i, v, images.X[i])
			}
		}
		if n, most := len(made.Files[PreviewFile]), PreviewBytes(len(made.Files[DataFile])); n > most {
			t.Errorf("preview of a small set takes %d bytes, at most %d", n, most)
		}
	}
}

// Of a recipe what differs from the default is written, and it is read again.
func TestARecipeTravelsAsWhatIsUnusual(t *testing.T) {
	unusual := recipe.Recipe{Optimizer: recipe.SGD, LR: 0.1, Schedule: recipe.Cosine, Momentum: 0.9, Batch: 7, Epochs: 3,
		Augment: "affine", Elastic: 1.5, CutMix: 0.5, Smooth: 0.1, Coarse: 2}
	usual := recipe.Default()
	for name, c := range map[string]struct {
		recipe *recipe.Recipe
		fields int // as written
	}{"none": {nil, -1}, "the default": {&usual, 1}, "all of it": {&unusual, 14}} {
		m := Manifest{Recipe: c.recipe, Files: map[string]FileInfo{}}
		doc, err := canonicalJSON(m)
		if err != nil {
			t.Fatal(err)
		}
		var back Manifest
		if err := decodeJSON(doc, &back); err != nil || !reflect.DeepEqual(back.Recipe, c.recipe) {
			t.Errorf("%s: %+v, %v", name, back.Recipe, err)
		}
		var tree struct{ Recipe map[string]any }
		if err := json.Unmarshal(doc, &tree); err != nil || len(tree.Recipe) != max(0,
			c.fields) || (tree.Recipe == nil) != (c.fields < 0) {
			t.Errorf("%s is written as %v, %v", name, tree.Recipe, err)
		}
		for what, spelling := range map[string]string{"null": "null", "empty": "{}",
			"with a default": `{"lr":0.001,"optimizer":"adam"}`, "in capitals": `{"LR":0.5}`, "with more": `{"lr":0.5,"x":1}`} {
			other := strings.Replace(string(doc), `"schema_version"`, `"recipe":`+spelling+`,"schema_version"`, 1)
			if c.recipe == nil && decodeJSON([]byte(other), &back) == nil {
				t.Errorf("a recipe %s was read", what)
			}
		}
	}
}

// A preview shows fewer images rather than take more bytes, and none rather than
// parts of some.
func TestAPreviewFits(t *testing.T) {
	task := data.WellKnownTask("cifar-10")
	rng := rand.New(rand.NewPCG(1, 2))
	s := &data.Samples{Shape: task.Shape, Classes: 10}
	for i := range 100 {
		for range s.Shape.Size() {
			s.X = append(s.X, 4*rng.Float32()-2)
		}
		s.Y = append(s.Y, i%10)
	}
	whole, err := EncodePNG(Sheet(task, s, PreviewPerClass, 1))
	if err != nil {
		t.Fatal(err)
	}
	last := len(whole)
	for _, most := range []int{100_000, 40_000, 15_000} {
		got, err := preview(task, s, most)
		if err != nil || len(got) > most || len(got) == 0 || len(got) >= last {
			t.Errorf("at most %d bytes: %d, %v", most, len(got), err)
		}
		last = len(got)
	}
	if got, err := preview(task, s, 1_000); got != nil || err != nil {
		t.Errorf("ten images of noise in a kilobyte: %d bytes, %v", len(got), err)
	}
}

// Two pixels share a byte, and rows of an odd width end with half of one.
func TestPixelsOfHalfAByte(t *testing.T) {
	for _, shape := range []data.Shape{{C: 2, H: 2, W: 5}, {C: 1, H: 3, W: 4}, {C: 1, H: 1, W: 2}, {C: 1, H: 1, W: 13}} {
		task := &data.Task{Name: "halves", Classes: []string{"a", "b"}, Shape: shape, Mean: make([]float64, shape.C),
			Std: []float64{1, 1}[:shape.C]}
		s := &data.Samples{Shape: shape, Classes: 2, Y: []int{0, 1, 1}}
		for i := range 3 * shape.Size() {
			s.X = append(s.X, float32(i%16)*2-7)
		}
		for i := range 3 { // each image has both ends of the range
			s.Row(i)[0], s.Row(i)[shape.Size()-1] = -7, 23
		}
		tensors, err := encodeSamples(s, U4)
		if err != nil {
			t.Fatal(err)
		}
		got, pixels, err := decodeSamples(tensors, task, data.NewFormation(1))
		if err != nil || pixels != U4 || !slices.Equal(got.X, s.X) || !slices.Equal(got.Y, s.Y) {
			t.Errorf("%v: %v pixels, values %v, want %v (%v)", shape, pixels, got, s.X, err)
		}
		packed := checkpoint.ByName(tensors)[imagesTensor]
		if want := 3 * shape.C * shape.H * ((shape.W + 1) / 2); len(packed.Data) != want {
			t.Errorf("%v: %d bytes, want %d", shape, len(packed.Data), want)
		}
		packed.Data[len(packed.Data)-1] |= 0xf0
		if _, _, err := decodeSamples(tensors, task, data.NewFormation(1)); (err != nil) != (shape.W%2 == 1) {
			t.Errorf("%v with something behind the last pixel: %v", shape, err)
		}
	}
	if _, err := encodeSamples(&data.Samples{Shape: data.Shape{C: 1, H: 3, W: 1}, Classes: 2, X: []float32{1, 2, 3},
		Y: []int{0}}, U4); !errors.Is(err, ErrPixels) {
		t.Errorf("rows of one value: %v", err)
	}
}

// Four real samples a stored image: the set says so, shows them as stored and
// trains on them enlarged.
func TestFormationsTravel(t *testing.T) {
	task := data.WellKnownTask("glyph-digits")
	local := distilltest.Samples(task.Shape, 10, []int{3, 4}, 20)
	r := Request{Request: distill.Request{Samples: local, IPC: 2, Formation: 2}, Task: task, Method: coreset.Random{},
		Pixels: F32}
	result := of(t, r).result
	set, err := ReadSet(mustMake(t, r).Files, task, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if m := set.Manifest; m.NearestReal != 0 || m.Recipe.Coarse != 2 {
		t.Fatalf("random real tiles have nearest_real %v, want 0; recipe %+v", m.NearestReal, m.Recipe)
	}
	training := set.TrainingSamples()
	if set.Manifest.Formation != data.NewFormation(2) || set.Samples.Len() != 4 || training.Len() != 16 ||
		training.Shape != task.Shape ||
		!slices.Equal(training.X, result.Formation.Decode(result.Images).X) {
		t.Errorf("formation %+v, %d stored, %d to train on", set.Manifest.Formation, set.Samples.Len(), training.Len())
	}
}

// docs/formats.md describes this form, for others to reproduce.
func TestJSONHasOneSpelling(t *testing.T) {
	for _, c := range []struct {
		v    any
		want string
	}{
		{map[string]any{"b": 1, "a": true, "\u00e9": nil, "B": []int{}}, `{"B":[],"a":true,"b":1,"é":null}`},
		{map[string]any{"\uffff": 1, "\U0001f600": 2}, "{\"\uffff\":1,\"\U0001f600\":2}"},
		{"\"\\\b\f\n\r\t\x01\x1f\x7f<&>/\u2028\u2029é", `"\"\\\b\f\n\r\t\u0001\u001f` + "\x7f" + `<&>/\u2028\u2029é"`},
		{[]uint64{0, 1<<53 + 1, math.MaxUint64}, "[0,9007199254740993,18446744073709551615]"},
		{[]float64{1, 0.1, 1e-6, 1e-7, 123456.7891, 1e20, 1e21, 1.5e21, -0.5},
			"[1,0.1,0.000001,1e-7,123456.7891,100000000000000000000,1e+21,1.5e+21,-0.5]"},
	} {
		if got, err := canonicalJSON(c.v); err != nil || string(got) != c.want+"\n" {
			t.Errorf("%q is written as %q, want %q (%v)", c.v, got, c.want, err)
		}
	}
}

func TestTheSameSetHasTheSameBytes(t *testing.T) {
	a, _ := write(t, U8)
	b, _ := write(t, U8)
	for name := range a {
		if !slices.Equal(a[name], b[name]) {
			t.Errorf("%s differs", name)
		}
	}
}
