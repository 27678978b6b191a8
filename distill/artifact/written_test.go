package artifact

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/distilltest"
	"github.com/distillmesh/distillmesh/distill/registry"
	"github.com/distillmesh/distillmesh/train/data"
)

// quickest are settings that make methods fast; those that a method lacks are left
// out.
var quickest = map[string]string{"iterations": "1", "steps": "1", "networks": "1", "width": "4", "experts": "1",
	"expert-batch": "8", "targets": "6", "outer": "1", "inner": "1", "span": "1", "max-start": "1"}

// everyMethod are all methods with quick settings, and those with learned labels.
func everyMethod(t *testing.T) []distill.Method {
	t.Helper()
	var out []distill.Method
	for _, usual := range registry.Methods() {
		settings := usual.Settings()
		chosen := map[string]string{}
		for name, value := range quickest {
			if _, known := settings[name]; known {
				chosen[name] = value
			}
		}
		m, err := usual.With(chosen)
		if err != nil {
			t.Fatalf("%s: %v", usual.Name(), err)
		}
		out = append(out, m)
		for _, labels := range []string{"learned", "solved"} {
			if soft, err := m.With(map[string]string{"labels": labels}); err == nil {
				out = append(out, soft)
			}
		}
	}
	return out
}

// ratios are measured values around the threshold, and those beyond all measure.
func ratios() []float64 {
	out := []float64{0, 0.49995, 0.499949, 0.49994999999, math.Nextafter(0.49995, 1), math.Nextafter(0.5, 0), 0.5,
		math.Nextafter(0.5, 1), 0.50005, 1e-9, 123456.78905, 1e7, math.Inf(1), math.NaN()}
	rng := data.Stream(5, "ratios")
	for range 60 {
		out = append(out, 0.4+0.2*rng.Float64())
	}
	return out
}

// Whatever a method makes, however its pixels are stored and whatever the ratio: a
// set that is written is accepted, and says what was decided.
func TestEverySetThatIsWrittenIsAccepted(t *testing.T) {
	shape := data.Shape{C: 1, H: 8, W: 9} // odd rows: the last half byte of U4 is empty
	task := &data.Task{Version: data.TaskVersion, Name: "blobs", Classes: []string{"a", "b", "c"}, Shape: shape,
		Mean: []float64{0.3}, Std: []float64{0.2}}
	local := distilltest.Samples(shape, 3, []int{0, 1, 2}, 12)
	methods := everyMethod(t)
	if testing.Short() {
		methods = []distill.Method{methods[0], methods[len(methods)-1]}
	}
	soft := 0
	for _, m := range methods {
		r := Request{Request: distill.Request{Samples: local, IPC: 2, Seed: 1, Formation: 1}, Task: task, Method: m,
			Settings: registry.Changed(m)}
		made := of(t, r)
		r.Method = made
		if made.result.Images.Soft != nil {
			soft++
		}
		for _, r.Pixels = range []PixelType{U4, U8, F16, F32} {
			what := fmt.Sprintf("%s, labels %q, %s", m.Name(), m.Settings()["labels"], r.Pixels)
			checkRead(t, what, r, made.result.Images, mustMake(t, r))
			checkRatios(t, what, r, made.result)
		}
	}
	if soft < 3 && !testing.Short() {
		t.Errorf("%d methods with learned labels, want 3 or more", soft)
	}
}

// checkRead reads what was made, and compares the two.
func checkRead(t *testing.T, what string, r Request, images *data.Samples, made *Made) {
	t.Helper()
	set, err := ReadSet(made.Files, r.Task, Limits{})
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	if !sameSet(t, set, &made.Set) {
		t.Errorf("%s: made %+v, read %+v", what, made.Manifest, set.Manifest)
	}
	if again, err := RoundTrip(images, r.Pixels); err != nil || !slices.Equal(again.X, set.Samples.X) {
		t.Errorf("%s: other images than a round trip gives: %v", what, err)
	}
}

// sameSet tells whether two sets have the same samples and, as they are written, the
// same manifest.
func sameSet(t *testing.T, a, b *Set) bool {
	t.Helper()
	one, err := canonicalJSON(a.Manifest)
	two, err2 := canonicalJSON(b.Manifest)
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	return bytes.Equal(one, two) && reflect.DeepEqual(a.Samples, b.Samples)
}

// checkRatios writes a result with every ratio.
func checkRatios(t *testing.T, what string, r Request, result distill.Result) {
	t.Helper()
	r.Bare = true
	tensors, stored, err := r.encode(&result)
	if err != nil {
		t.Fatal(err)
	}
	for _, ratio := range ratios() {
		what := fmt.Sprintf("%s, ratio %v", what, ratio)
		d := distill.Disclosure{Ratio: []float64{9e9, ratio}}
		made, err := r.write(&result, tensors, stored, d)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		checkRead(t, what, r, result.Images, made)
		least := slices.Min(d.Ratio)
		if math.IsNaN(least) {
			least = 0
		}
		switch m := made.Manifest; {
		case m.ContainsReal != (m.NearestReal < distill.RealThreshold) || m.ContainsReal != d.ContainsReal() ||
			m.NearestReal != d.NearestReal():
			t.Errorf("%s: written as %v, %t; decided %v, %t", what, m.NearestReal, m.ContainsReal, d.NearestReal(),
				d.ContainsReal())
		case math.Abs(m.NearestReal-min(least, distill.MaxRatio)) > 0.5e-4+1e-9:
			t.Errorf("%s: nearest_real %v of a ratio of %v", what, m.NearestReal, least)
		}
	}
}

// The class of a learned label is that of its largest value, as a reader decides,
// whatever class an image started from.
func TestCountsFollowTheLabelsAsWritten(t *testing.T) {
	r := request(U8)
	m := of(t, r)
	images := *m.result.Images
	images.Soft = make([]float32, 2*10)
	images.Soft[7], images.Soft[10+4] = 0.6, 0.6 // the first started from class 3
	m.result.Images = &images
	r.Method = m
	set, err := ReadSet(mustMake(t, r).Files, r.Task, Limits{})
	if err != nil || set.Manifest.Counts[7] != 1 || set.Manifest.Counts[3] != 0 || !slices.Equal(set.Samples.Y,
		[]int{7, 4}) {
		t.Errorf("read %v, %v", set, err)
	}
}

// What a reader would refuse is not written.
func TestNothingIsWrittenThatCannotBeRead(t *testing.T) {
	for what, change := range map[string]func(*distill.Result){
		"a value beyond half precision": func(r *distill.Result) { r.Images.X[3] = 1e6 },
		"a label that is no number": func(r *distill.Result) {
			r.Images.Soft = make([]float32, 20)
			r.Images.Soft[3] = float32(math.NaN())
		},
		"a negative group": func(r *distill.Result) { r.SmallestGroup = -1 },
		"a recipe that trains nothing": func(r *distill.Result) {
			r.Recipe = Recommended(nil, data.NewFormation(1), nil, "", false)
			r.Recipe.LR = 0
		},
	} {
		r := request(F16)
		m := of(t, r)
		change(&m.result)
		r.Method = m
		if _, err := Make(t.Context(), r); err == nil {
			t.Errorf("%s was written", what)
		}
	}
}

func TestMakeFailsAsTheMethodDoes(t *testing.T) {
	for what, c := range map[string]struct {
		change func(*Request)
		want   error
	}{
		"a pixel type of no name":         {func(r *Request) { r.Pixels = "U2" }, ErrPixels},
		"more images than samples":        {func(r *Request) { r.IPC = 41 }, distill.ErrTooFew},
		"a formation beyond the method":   {func(r *Request) { r.Formation = 2 }, data.ErrFormation},
		"a task that does not fit itself": {func(r *Request) { r.Task = &data.Task{} }, nil},
	} {
		r := request(U8)
		c.change(&r)
		if _, err := Make(t.Context(), r); err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := request(U8)
	r.Distilled = func(*distill.Result) { cancel() }
	if _, err := Make(ctx, r); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted while comparing: %v", err)
	}
}
