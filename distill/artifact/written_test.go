package artifact

import (
	"context"
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
		result, err := m.Distill(context.Background(), distill.Request{Samples: local, IPC: 2, Seed: 1, Formation: 1})
		if err != nil {
			t.Fatalf("%s %v: %v", m.Name(), m.Settings(), err)
		}
		if result.Images.Soft != nil {
			soft++
		}
		for _, pixels := range []PixelType{U4, U8, F16, F32} {
			d, err := Draft(context.Background(), SetDraft{Task: task, Method: m, Settings: registry.Changed(m), IPC: 2,
				Seed: 1, Result: result, Pixels: pixels}, local)
			if err != nil {
				t.Fatalf("%s, %s: %v", m.Name(), pixels, err)
			}
			what := fmt.Sprintf("%s, labels %q, %s", m.Name(), m.Settings()["labels"], pixels)
			checkWritten(t, what, d)
			d.Bare = true
			for _, r := range ratios() {
				d.Disclosure = distill.Disclosure{Ratio: []float64{9e9, r}}
				checkWritten(t, fmt.Sprintf("%s, ratio %v", what, r), d)
			}
		}
	}
	if soft < 3 && !testing.Short() {
		t.Errorf("%d methods with learned labels, want 3 or more", soft)
	}
}

// checkWritten writes a draft, reads it, and compares what the two say.
func checkWritten(t *testing.T, what string, d SetDraft) {
	t.Helper()
	files, err := WriteSet(d)
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	set, err := ReadSet(files, d.Task, Limits{})
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	m := set.Manifest
	least := slices.Min(d.Disclosure.Ratio)
	if math.IsNaN(least) {
		least = 0
	}
	switch {
	case m.ContainsReal != (m.NearestReal < distill.RealThreshold) || m.ContainsReal != d.Disclosure.ContainsReal() ||
		m.NearestReal != d.Disclosure.NearestReal():
		t.Errorf("%s: written as %v, %t; decided %v, %t", what, m.NearestReal, m.ContainsReal, d.Disclosure.NearestReal(),
			d.Disclosure.ContainsReal())
	case math.Abs(m.NearestReal-min(least, distill.MaxRatio)) > 0.5e-4+1e-9:
		t.Errorf("%s: nearest_real %v of a ratio of %v", what, m.NearestReal, least)
	case m.SmallestGroup != d.Result.SmallestGroup:
		t.Errorf("%s: smallest_group %d, was %d", what, m.SmallestGroup, d.Result.SmallestGroup)
	case !reflect.DeepEqual(m.Recipe, d.Recipe):
		t.Errorf("%s: recipe %+v, was %+v", what, m.Recipe, d.Recipe)
	}
	again, err := RoundTrip(d.Result.Images, d.Pixels)
	if err != nil || !slices.Equal(again.X, set.Samples.X) {
		t.Errorf("%s: other images than a round trip gives: %v", what, err)
	}
}

// The class of a learned label is that of its largest value, as a reader decides,
// whatever class an image started from.
func TestCountsFollowTheLabelsAsWritten(t *testing.T) {
	d, task := draft(t, U8)
	images := *d.Result.Images
	images.Soft = make([]float32, 2*10)
	images.Soft[7], images.Soft[10+4] = 0.6, 0.6 // the first started from class 3
	r := *d.Result
	r.Images = &images
	d.Result = &r
	files, err := WriteSet(d)
	if err != nil {
		t.Fatal(err)
	}
	set, err := ReadSet(files, task, Limits{})
	if err != nil || set.Manifest.Counts[7] != 1 || set.Manifest.Counts[3] != 0 || !slices.Equal(set.Samples.Y,
		[]int{7, 4}) {
		t.Errorf("read %v, %v", set, err)
	}
}

// What a reader would refuse is not written.
func TestNothingIsWrittenThatCannotBeRead(t *testing.T) {
	bad := func(what string, change func(*SetDraft)) {
		t.Helper()
		d, _ := draft(t, F16)
		images := *d.Result.Images
		images.X = slices.Clone(images.X)
		r := *d.Result
		r.Images, d.Result = &images, &r
		change(&d)
		if _, err := WriteSet(d); err == nil {
			t.Errorf("%s was written", what)
		}
	}
	bad("a value beyond half precision", func(d *SetDraft) { d.Result.Images.X[3] = 1e6 })
	bad("a label that is no number", func(d *SetDraft) {
		d.Result.Images.Soft = make([]float32, 20)
		d.Result.Images.Soft[3] = float32(math.NaN())
	})
	bad("a negative group", func(d *SetDraft) { d.Result.SmallestGroup = -1 })
	bad("a recipe that trains nothing", func(d *SetDraft) {
		recipe := *Recommended(nil, data.NewFormation(1), false)
		recipe.LR = 0
		d.Recipe = &recipe
	})
}
