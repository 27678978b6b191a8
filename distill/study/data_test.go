package study

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
)

func TestTasksOfFilesAreNamedAfterThem(t *testing.T) {
	t.Chdir(t.TempDir())
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"x.csv": "x", "a/X.csv.gz": "x", "pets": "pets", "pets/": "pets", ".": filepath.Base(here),
		"a/..": filepath.Base(here), ".hidden": ".hidden",
		"caf\xe9.csv":                     "caf_",
		strings.Repeat("é", 100) + ".csv": strings.Repeat("é", 64),
		"a" + strings.Repeat("é", 100):    "a" + strings.Repeat("é", 63),
	} {
		got, err := taskName(path)
		if err != nil || got != want || len(got) > data.MaxNameLen {
			t.Errorf("%q: %q, %v, want %q", path, got, err, want)
		}
	}
}

// write makes a table of two features and two classes, n rows each.
func write(t *testing.T, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "Wine.csv")
	content := "length,width,kind\n"
	for i := range n {
		content += fmt.Sprintf("%d.5,%d,red\n%d.5,%d,white\n", i, 2*i, i+n, i)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestASourceIsItsTaskOrMakesOne(t *testing.T) {
	digits, err := Source{Path: data.GlyphPath}.Open()
	if err != nil || digits.Task.Name != "glyph-digits" {
		t.Errorf("built-in digits: %v, %v", digits, err)
	}
	same, err := Source{Path: data.GlyphPath, Task: "glyph-digits"}.Open()
	if err != nil || same.Task.Name != "glyph-digits" {
		t.Errorf("built-in digits as their task: %v, %v", same, err)
	}
	table, err := Source{Path: write(t, 20)}.Open()
	if err != nil || table.Task.Name != "wine" || len(table.Task.Classes) != 2 {
		t.Errorf("a table: %+v, %v", table, err)
	}
}

func TestSourcesThatContradictThemselvesAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		source Source
		want   error
	}{
		"a task that is none":              {Source{Path: data.GlyphPath, Task: "nope"}, ErrTask},
		"augmentation of data with a task": {Source{Path: data.GlyphPath, Augment: "mild"}, ErrAugment},
		"augmentation of a task that is set": {Source{Path: data.GlyphPath, Task: "glyph-digits", Augment: "mild"},
			ErrAugment},
		"nothing there": {Source{Path: filepath.Join(t.TempDir(), "nothing.csv")}, os.ErrNotExist},
	} {
		if ds, err := c.source.Open(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, %v, want %v", name, ds, err, c.want)
		}
	}
}

func TestAStudyHasATestPart(t *testing.T) {
	both := blobs(t)
	same, err := Parts(both, 0)
	if err != nil || len(same.Test.Labels()) != 60 || len(same.Train.Labels()) != 240 {
		t.Errorf("with a test part: %v", err)
	}
	valid, err := Parts(both, 0.25)
	if err != nil || len(valid.Test.Labels()) != 60 || len(valid.Train.Labels()) != 180 {
		t.Errorf("validation: %v", err)
	}
	alone := *both
	alone.Test = nil
	held, err := Parts(&alone, 0)
	if err != nil || len(held.Test.Labels())+len(held.Train.Labels()) != 240 || len(held.Test.Labels()) < 24 {
		t.Errorf("held out: %v", err)
	}
	if _, err := Parts(both, 7); !errors.Is(err, ErrValidation) {
		t.Errorf("seven parts in one: %v", err)
	}
	src, err := data.NewFloats(both.Task.Shape, make([]float32, 3*both.Task.Shape.Size()), []int{0, 1, 2})
	if err != nil {
		t.Fatal(err)
	}
	single := data.Dataset{Name: "single", Task: both.Task, Train: src}
	if _, err := Parts(&single, 0); !errors.Is(err, ErrHoldout) {
		t.Errorf("a sample per class: %v", err)
	}
}

func TestDefaultsFitTheTask(t *testing.T) {
	digits, err := Source{Path: data.GlyphPath}.Open()
	if err != nil {
		t.Fatal(err)
	}
	table, err := Source{Path: write(t, 20)}.Open()
	if err != nil {
		t.Fatal(err)
	}
	small := *blobs(t).Task
	small.Shape = data.Shape{C: 1, H: 4, W: 4} // too small for convolutions
	for name, c := range map[string]struct {
		task            *data.Task
		methods, models []string
	}{
		"images":       {digits.Task, DefaultMethods, DefaultImageModels},
		"small images": {&small, DefaultMethods, DefaultTableModels},
		"tables":       {table.Task, []string{"random", "gmm", "kip", "fedavg:epochs=5"}, DefaultTableModels},
	} {
		methods, models := MethodsFor(c.task), ModelsFor(c.task)
		if !slices.Equal(methods, c.methods) || !slices.Equal(models, c.models) {
			t.Errorf("%s: %v and %v", name, methods, models)
		}
	}
}

func TestClassesThatNoClientHoldsAreNamed(t *testing.T) {
	for _, c := range []struct {
		split data.Split
		want  []string
	}{
		{data.Split{Kind: data.Ring, Clients: 1, PerClient: 1}, []string{"b", "c"}},
		{data.Split{Kind: data.Ring, Clients: 2, PerClient: 1}, []string{"c"}},
		{data.Split{Kind: data.Ring, Clients: 2, PerClient: 2}, nil},
		{data.Split{Kind: data.Ring, Clients: 2, PerClient: 9}, nil}, // refused by the split itself
		{data.Split{Kind: data.IID, Clients: 1}, nil},
	} {
		p := Plan{Data: blobs(t), Split: c.split}
		if got := p.Missing(); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.split, got, c.want)
		}
	}
}

func TestAnUnavailableDeviceIsRefusedBeforeAnyWork(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "study")
	opt := Options{Dir: dir, Device: device.Choice{Name: "cuda:0"}}
	if _, err := Run(t.Context(), smallPlan(t), opt); !errors.Is(err, device.ErrUnavailable) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder was made: %v", err)
	}
}

// Results of another engine are not mistaken for those of the processor.
func TestADeviceThatComputesOtherwiseHasResultsOfItsOwn(t *testing.T) {
	p, dir := smallPlan(t), t.TempDir()
	p.Methods, p.Consumers, p.Seeds, p.NoBound, p.Steps = []string{"random"}, []string{"mlp"}, 1, true, 2
	engines := map[string]bool{}
	for _, name := range []string{device.CPU, device.Gorgonia} {
		doc := run(t, t.Context(), p, Options{Dir: dir, Device: device.Choice{Name: name, Workers: 1}})
		engines[doc.Engine] = true
	}
	runs, err := filepath.Glob(filepath.Join(dir, "runs", "*.json"))
	if err != nil || len(runs) != 2 || len(engines) != 2 {
		t.Errorf("runs %v of engines %v, %v", runs, engines, err)
	}
}
