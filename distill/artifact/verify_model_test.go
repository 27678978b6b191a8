package artifact

import (
	"bytes"
	"fmt"
	"io/fs"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/model"
	"github.com/distillmesh/distillmesh/train/view"
)

// tensorsOf stands for a trained model.
type tensorsOf []checkpoint.Tensor

func (t tensorsOf) Tensors() []checkpoint.Tensor { return t }

func floats(name string, value float32, shape ...int) checkpoint.Tensor {
	n := 1
	for _, d := range shape {
		n *= d
	}
	values := make([]float32, n)
	for i := range values {
		values[i] = value
	}
	return checkpoint.F32(name, shape, values)
}

func TestAModelVerifiedInPiecesIsOneThatCanBeRead(t *testing.T) {
	task := data.WellKnownTask("glyph-digits")
	c, h, w, k := task.Shape.C, task.Shape.H, task.Shape.W, len(task.Classes)
	support, coef := floats("support", 1, 3, c, h, w), floats("coefficients", 2, 3, k)
	weights := floats("weights", 1, k, c, h, w)
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	spec, err := model.Parse("mlp", task.Shape, k)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name    string
		model   string
		view    view.View
		tensors tensorsOf
		valid   bool
	}{
		{"an NTK predictor", "ntk:1", view.View{}, tensorsOf{support, coef}, true},
		{"one whose tensors differ in length", "ntk:1", view.View{}, tensorsOf{support, floats("coefficients", 1, 2, k)},
			false},
		{"one with a value that is no number", "ntk:1", view.View{},
			tensorsOf{support, floats("coefficients", nan, 3, k)}, false},
		{"one with a third tensor", "ntk:1", view.View{}, tensorsOf{support, coef, floats("more", 1, 1)}, false},
		{"a ridge classifier", "ridge", view.View{}, tensorsOf{weights}, true},
		{"one for other images", "ridge", view.View{}, tensorsOf{floats("weights", 1, k, c, h, w+1)}, false},
		{"one with an infinite value", "ridge", view.View{}, tensorsOf{floats("weights", inf, k, c, h, w)}, false},
		{"one whose view is too coarse", "ridge", view.View{Coarse: 99}, tensorsOf{weights}, false},
		{"a network without its parameters", "mlp", view.View{}, tensorsOf{weights}, false},
		{"a name of none", "transformer", view.View{}, tensorsOf{weights}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files, err := WriteModel(ModelDraft{Task: task, Model: tt.model, Trained: tt.tensors, View: tt.view, Samples: 1})
			if err != nil {
				t.Fatal(err)
			}
			_, read := ReadModel(files, task, Limits{}, model.Load)
			m, pieces := VerifyModel(files, task, Limits{}, model.Check)
			if (read == nil) != tt.valid || (pieces == nil) != tt.valid {
				t.Errorf("read whole: %v; in pieces: %v", read, pieces)
			}
			if tt.valid && m.Model != tt.model {
				t.Errorf("manifest %+v", m)
			}
			if files[WeightsFile][len(files[WeightsFile])-1] ^= 1; tt.valid {
				if _, err := VerifyModel(files, task, Limits{}, model.Check); err == nil {
					t.Error("changed weights were verified")
				}
			}
		})
	}
	if spec.NumParams() == 0 {
		t.Error("the network of these tests has no parameters")
	}
}

// sparse is the files of a model whose weights are counted as they are read.
type sparse struct {
	Files
	peak *int64
}

func (s sparse) Open(name string) (fs.File, error) {
	f, err := s.Files.Open(name)
	if name == WeightsFile && err == nil {
		f = measured{f, s.peak, new(int)}
	}
	return f, err
}

type measured struct {
	fs.File
	peak  *int64
	reads *int
}

func (m measured) Read(p []byte) (int, error) {
	if *m.reads++; *m.reads%256 == 0 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		*m.peak = max(*m.peak, int64(stats.HeapAlloc))
	}
	return m.File.Read(p)
}

func TestMemoryOfVerifyingDoesNotGrowWithTheModel(t *testing.T) {
	task := data.WellKnownTask("glyph-digits")
	c, h, w, k := task.Shape.C, task.Shape.H, task.Shape.W, len(task.Classes)
	n := 32 << 20 / 4 / task.Shape.Size()
	files, err := WriteModel(ModelDraft{Task: task, Model: "ntk:1", Samples: n, Trained: tensorsOf{
		floats("support", 1, n, c, h, w), floats("coefficients", 1, n, k)}})
	if err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	before, peak := int64(stats.HeapAlloc), int64(0)
	if _, err := VerifyModel(sparse{files, &peak}, task, Limits{}, model.Check); err != nil {
		t.Fatal(err)
	}
	if more := peak - before; peak == 0 || more > 8<<20 {
		t.Errorf("%d bytes are in use beside weights of %d", more, len(files[WeightsFile]))
	}
}

func TestAModelWithMetadataIsRefused(t *testing.T) {
	task := data.WellKnownTask("glyph-digits")
	weights := floats("weights", 1, len(task.Classes), task.Shape.C, task.Shape.H, task.Shape.W)
	files, err := WriteModel(ModelDraft{Task: task, Model: "ridge", Trained: tensorsOf{weights}, Samples: 1})
	if err != nil {
		t.Fatal(err)
	}
	file, err := checkpoint.Encode([]checkpoint.Tensor{weights}, map[string]string{"note": "hidden"})
	if err != nil {
		t.Fatal(err)
	}
	m, err := ReadModelManifest(files, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	files[WeightsFile] = file
	delete(files, ModelFile)
	m.Files = fileTable(files)
	if files[ModelFile], err = canonicalJSON(m); err != nil || bytes.Contains(files[ModelFile], []byte("hidden")) {
		t.Fatal(err)
	}
	_, err = VerifyModel(files, task, Limits{}, model.Check)
	if err == nil || !strings.Contains(fmt.Sprint(err), "metadata") {
		t.Errorf("verified: %v", err)
	}
}
