package artifact

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
)

// edit changes the manifest and makes it canonical again.
func edit(t *testing.T, files Files, change func(m map[string]any)) {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(files[ManifestFile], &m); err != nil {
		t.Fatal(err)
	}
	change(m)
	doc, err := canonicalJSON(m)
	if err != nil {
		t.Fatal(err)
	}
	files[ManifestFile] = doc
}

// forge replaces the data file and lets the manifest agree with its hash.
func forge(t *testing.T, files Files, tensors []checkpoint.Tensor) {
	t.Helper()
	content, err := checkpoint.Encode(tensors, nil)
	if err != nil {
		t.Fatal(err)
	}
	files[DataFile] = content
	edit(t, files, func(m map[string]any) {
		m["files"].(map[string]any)[DataFile] = fileTable(files)[DataFile]
	})
}

func TestLiesAreRefused(t *testing.T) {
	nan := make([]float32, 2*784)
	nan[5] = float32(math.NaN())
	pixels := make([]uint8, 2*784)
	image := []int{2, 1, 28, 28}
	for name, c := range map[string]struct {
		tamper func(t *testing.T, f Files)
		want   string
	}{
		"count of images": {func(t *testing.T, f Files) {
			edit(t, f, func(m map[string]any) { m["images"].(map[string]any)["count"] = 3 })
		}, "says 3 images, the data hold 2"},
		"count a class": {func(t *testing.T, f Files) {
			edit(t, f, func(m map[string]any) { m["counts"] = []int{2, 0, 0, 0, 0, 0, 0, 0, 0, 0} })
		}, "images per class"},
		"another task": {func(t *testing.T, f Files) {
			c, _ := TaskCID(data.WellKnownTask("mnist"))
			edit(t, f, func(m map[string]any) { m["task"] = c.String() })
		}, "made for task"},
		"hides that it holds real samples": {func(t *testing.T, f Files) {
			edit(t, f, func(m map[string]any) { m["nearest_real"] = 0.1 })
		}, "contains_real is false beside nearest_real 0.1"},
		"unknown field": {func(t *testing.T, f Files) { edit(t, f, func(m map[string]any) { m["x"] = 1 }) },
			"unknown field"},
		"later schema": {func(t *testing.T, f Files) {
			edit(t, f,
				func(m map[string]any) { m["schema_version"] = 9 })
		}, "schema version 9"},
		"a formation beyond measure": {func(t *testing.T, f Files) {
			edit(t, f, func(m map[string]any) { m["formation"] = map[string]any{"factor": math.MaxInt} })
		}, "want 1 to 8"},
		"a formation that does not divide": {func(t *testing.T, f Files) {
			edit(t, f, func(m map[string]any) { m["formation"] = map[string]any{"factor": 3} })
		}, "3 x 3 tiles"},
		"a plain image as a tile": {func(t *testing.T, f Files) {
			edit(t, f, func(m map[string]any) { m["formation"] = map[string]any{"factor": 1, "single": true} })
		}, "no single tile"},
		"no formation": {func(t *testing.T, f Files) {
			edit(t, f, func(m map[string]any) { m["formation"] = map[string]any{"factor": 0} })
		}, "factor 0"},
		"changed data": {func(t *testing.T, f Files) { f[DataFile][900] ^= 1 },
			"do not match the size and hash"},
		"a file too many": {func(t *testing.T, f Files) { f["extra"] = []byte("x") },
			"5 files"},
		"NaN pixels": {func(t *testing.T, f Files) {
			forge(t, f, []checkpoint.Tensor{checkpoint.F32(imagesTensor, image, nan),
				checkpoint.U8(labelsTensor, []int{2}, []uint8{3, 4})})
		}, "value 5 is NaN"},
		"infinite range": {func(t *testing.T, f Files) {
			forge(t, f, []checkpoint.Tensor{checkpoint.U8(imagesTensor, image, pixels),
				checkpoint.U8(labelsTensor, []int{2}, []uint8{3, 4}),
				checkpoint.F32(rangeTensor, []int{2, 2}, []float32{0, 1, 0, float32(math.Inf(1))})})
		}, "range: value 3"},
		"labels out of range": {func(t *testing.T, f Files) {
			forge(t, f, []checkpoint.Tensor{checkpoint.U8(imagesTensor, image, pixels),
				checkpoint.U8(labelsTensor, []int{2}, []uint8{3, 10}),
				checkpoint.F32(rangeTensor, []int{2, 2}, []float32{0, 1, 0, 1})})
		}, "label 1 is 10"},
		"another shape": {func(t *testing.T, f Files) {
			forge(t, f, []checkpoint.Tensor{checkpoint.U8(imagesTensor, []int{2, 1, 14, 56}, pixels),
				checkpoint.U8(labelsTensor, []int{2}, []uint8{3, 4}),
				checkpoint.F32(rangeTensor, []int{2, 2}, []float32{0, 1, 0, 1})})
		}, "images are [2 1 14 56]"},
	} {
		t.Run(name, func(t *testing.T) {
			files, task := write(t, U8)
			c.tamper(t, files)
			_, err := ReadSet(files, task, Limits{})
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestLargeFilesAreRefusedBeforeReading(t *testing.T) {
	files, task := write(t, U8)
	if _, err := ReadSet(files, task, Limits{FileBytes: 100}); !errors.Is(err, ErrInvalid) {
		t.Errorf("got %v", err)
	}
}

func FuzzReadSet(f *testing.F) {
	files := Files{}
	f.Add([]byte(`{"schema_version":1}`), []byte("x"))
	f.Fuzz(func(t *testing.T, manifest, content []byte) {
		files = Files{ManifestFile: manifest, DataFile: content, PreviewFile: nil, CardFile: nil}
		if _, err := ReadSet(files, data.WellKnownTask("mnist"), Limits{}); err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("refusal does not wrap ErrInvalid: %v", err)
		}
	})
}
