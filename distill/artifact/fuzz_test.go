package artifact

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/distilltest"
	"github.com/distillmesh/distillmesh/distill/registry"
	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/model"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// fuzzTask is a task of small images.
func fuzzTask() *data.Task {
	return &data.Task{Version: data.TaskVersion, Name: "blobs", Classes: []string{"a", "b", "c"},
		Shape: data.Shape{C: 1, H: 8, W: 9}, Mean: []float64{0.3}, Std: []float64{0.2}}
}

// matching gives a manifest the sizes and hashes of other files, and its canonical
// form, so that what lies behind both checks is reached; nil for no manifest.
func matching[M any](doc []byte, m *M, set func(map[string]FileInfo), files Files) []byte {
	if json.Unmarshal(doc, m) != nil {
		return nil
	}
	set(fileTable(files))
	out, err := canonicalJSON(m)
	if err != nil {
		return nil
	}
	return out
}

// FuzzReadModel reads models whose manifest, weights, or both are foreign.
func FuzzReadModel(f *testing.F) {
	task := fuzzTask()
	local := distilltest.Samples(task.Shape, 3, []int{0, 1, 2}, 4)
	for _, name := range []string{"mlp", "ntk:1", "ridge:1"} {
		spec, err := model.Parse(name, task.Shape, 3)
		if err != nil {
			f.Fatal(err)
		}
		r := recipe.Default()
		r.MinSteps, r.MaxSteps = 1, 1
		trained, err := spec.Fit(f.Context(), local, r, train.Options{})
		if err != nil {
			f.Fatal(err)
		}
		files, err := WriteModel(ModelDraft{Task: task, Model: name, Trained: trained, Recipe: &r, Samples: local.Len()})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(files[ModelFile], files[WeightsFile])
	}
	f.Fuzz(func(t *testing.T, manifest, weights []byte) {
		files := Files{ModelFile: manifest, WeightsFile: weights}
		var m ModelManifest
		again := matching(manifest, &m, func(table map[string]FileInfo) { m.Files = table }, Files{WeightsFile: weights})
		for _, doc := range [][]byte{manifest, again} {
			files[ModelFile] = doc
			got, err := ReadModel(files, task, Limits{}, model.Load)
			if err != nil && !errors.Is(err, ErrInvalid) {
				t.Fatalf("refusal does not wrap ErrInvalid: %v", err)
			}
			if err != nil {
				continue
			}
			if _, err := got.Trained.Logits(t.Context(), local); err != nil {
				t.Fatalf("a model that was read cannot be used: %v", err)
			}
		}
	})
}

// FuzzReadTensors reads sets whose tensors are foreign, their hard, soft and learned
// labels too, under a manifest that says so.
func FuzzReadTensors(f *testing.F) {
	task := fuzzTask()
	local := distilltest.Samples(task.Shape, 3, []int{0, 1, 2}, 12)
	for name, settings := range map[string]map[string]string{"random": nil, "gmm": nil, "kip": {"labels": "learned",
		"steps": "1"}, "label-solve": nil} {
		usual, err := registry.Method(name)
		if err != nil {
			f.Fatal(err)
		}
		method, err := usual.With(settings)
		if err != nil {
			f.Fatal(err)
		}
		for _, pixels := range []PixelType{U4, U8, F16, F32} {
			made, err := Make(f.Context(), Request{Request: distill.Request{Samples: local, IPC: 1, Seed: 1, Formation: 1},
				Task: task, Method: method, Pixels: pixels})
			if err != nil {
				f.Fatal(err)
			}
			f.Add(made.Files[ManifestFile], made.Files[DataFile])
		}
	}
	f.Fuzz(func(t *testing.T, manifest, tensors []byte) {
		files := Files{DataFile: tensors}
		var m Manifest
		files[ManifestFile] = matching(manifest, &m, func(table map[string]FileInfo) { m.Files = table },
			Files{DataFile: tensors})
		set, err := ReadSet(files, task, Limits{DecodedBytes: 1 << 24})
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("refusal does not wrap ErrInvalid: %v", err)
			}
			return
		}
		s := set.Samples
		if len(s.X) != s.Len()*s.Shape.Size() || s.Soft != nil && len(s.Soft) != s.Len()*s.Classes {
			t.Fatalf("%d images of %v have %d values and %d of labels", s.Len(), s.Shape, len(s.X), len(s.Soft))
		}
		for _, y := range s.Y {
			if y < 0 || y >= s.Classes {
				t.Fatalf("label %d of %d classes", y, s.Classes)
			}
		}
	})
}
