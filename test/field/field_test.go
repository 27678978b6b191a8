package field

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/filestest"
	"github.com/distillmesh/distillmesh/train/data/open"
)

// fieldCase is one data set of a user, and what a model must get of it.
type fieldCase struct {
	name  string
	files map[string][]byte
	path  string // within the files; empty for all of them
	r     open.Reading
	task  *data.Task // nil for one made of the data
	draft data.Task
	// measured says that the task's constants are those of the data.
	measured bool

	refused string      // part of the refusal; nothing else is compared then
	shape   data.Shape  // zero when not compared
	classes []string    // in order; nil when not compared
	train   [][]float32 // raw values of the training samples in order; nil when not compared
	test    [][]float32 // nil when not compared
	y       []int       // labels of the training samples
	testY   []int       // of the test samples; nil when not compared, empty when there must be no test part
	notes   []string    // codes that must be noted
	says    string      // part of the lines of the report

	dir string // where the files lie
}

// walk opens every case of a kind, of which there are at least three.
func walk(t *testing.T, cases []fieldCase) {
	t.Helper()
	if len(cases) < 3 {
		t.Fatalf("%d cases", len(cases))
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.check(t) })
	}
	t.Logf("%d cases", len(cases))
}

// open reads the case as the command line does.
func (c *fieldCase) open(t *testing.T) (*data.Dataset, error) {
	c.dir = filestest.Folder(t, c.files)
	path := filepath.Join(c.dir, filepath.FromSlash(c.path))
	if c.task != nil {
		return c.r.Open(path, c.task)
	}
	draft := c.draft
	draft.Name = "field"
	if !c.measured {
		draft.Mean, draft.Std = []float64{0}, []float64{1}
	}
	ds, _, err := c.r.OpenOrDerive(path, draft)
	return ds, err
}

func (c *fieldCase) check(t *testing.T) {
	ds, err := c.open(t)
	if c.refused != "" {
		said := fmt.Sprint(err, "; ", hintOf(err))
		// the folder has the name of the test
		if err == nil || !strings.Contains(strings.ReplaceAll(said, c.dir, ""), c.refused) {
			t.Fatalf("want a refusal that says %q, got %v; %s", c.refused, err, hintOf(err))
		}
		return
	}
	if err != nil {
		t.Fatalf("%v (%s)", err, hintOf(err))
	}
	lines := strings.ReplaceAll(strings.Join(ds.Report.Lines(), "\n"), c.dir, "")
	for _, code := range c.notes {
		if !slices.ContainsFunc(open.ReportOf(ds).Notes, func(n files.Note) bool { return n.Code == code }) {
			t.Errorf("no note %s in\n%s", code, lines)
		}
	}
	if !strings.Contains(lines, c.says) {
		t.Errorf("%q is not said in\n%s", c.says, lines)
	}
	if c.classes != nil && !slices.Equal(ds.Task.Classes, c.classes) {
		t.Errorf("classes %q, want %q", ds.Task.Classes, c.classes)
	}
	if c.shape != (data.Shape{}) && ds.Task.Shape != c.shape {
		t.Errorf("shape %v, want %v", ds.Task.Shape, c.shape)
	}
	checkPart(t, "train", ds.Task, ds.Train, c.train, c.y)
	checkCounts(t, ds)
	switch {
	case ds.Test != nil && c.testY != nil && len(c.testY) == 0:
		t.Errorf("there is a test part of %v", ds.Test.Labels())
	case ds.Test == nil && (c.test != nil || len(c.testY) > 0):
		t.Errorf("no test part")
	case ds.Test != nil:
		checkPart(t, "test", ds.Task, ds.Test, c.test, c.testY)
	}
	if t.Failed() {
		t.Log(lines)
	}
}

// checkPart compares raw values and labels, and what a model gets: (x - mean)/std.
func checkPart(t *testing.T, part string, task *data.Task, src data.Source, want [][]float32, y []int) {
	t.Helper()
	if y != nil && !slices.Equal(src.Labels(), y) {
		t.Errorf("%s: labels %v, want %v", part, src.Labels(), y)
	}
	if want == nil {
		return
	}
	if len(want) != len(src.Labels()) {
		t.Fatalf("%s: %d samples, want %d", part, len(src.Labels()), len(want))
	}
	loaded, err := data.LoadAll(task, src)
	if err != nil {
		t.Fatal(err)
	}
	row := make([]float32, task.Shape.Size())
	per := len(row) / len(task.Mean)
	for i := range want {
		src.Read(i, row)
		if !slices.EqualFunc(row, want[i], near) {
			t.Fatalf("%s: sample %d is %v, want %v", part, i, row, want[i])
		}
		for j, v := range loaded.Row(i) {
			model := (float64(row[j]) - task.Mean[j/per]) / task.Std[j/per]
			if !task.IsTable() && math.Abs(model-float64(v)) > 1e-4*max(1, math.Abs(model)) {
				t.Fatalf("%s: sample %d reaches the model as %v at %d, want %v", part, i, v, j, model)
			}
		}
	}
}

// near allows for rounding to single precision and no more.
func near(a, b float32) bool {
	return math.Abs(float64(a)-float64(b)) <= 2e-6*max(1, math.Abs(float64(b)))
}

// checkCounts compares the counts of the report with the labels.
func checkCounts(t *testing.T, ds *data.Dataset) {
	t.Helper()
	for i, c := range open.ReportOf(ds).Classes {
		want := [2]int{}
		for k, src := range []data.Source{ds.Train, ds.Test} {
			if src == nil {
				continue
			}
			for _, y := range src.Labels() {
				if y == i {
					want[k]++
				}
			}
		}
		if c.Train != want[0] || c.Test != want[1] || c.Name != ds.Task.Classes[i] {
			t.Errorf("the report counts %+v, there are %v of %s", c, want, ds.Task.Classes[i])
		}
	}
}

func hintOf(err error) string {
	var e *files.Error
	if errors.As(err, &e) {
		return e.Hint
	}
	return ""
}

// tableTask is a task of named features.
func tableTask(classes []string, features ...string) *data.Task {
	task := data.Task{Name: "t", Classes: classes, Shape: data.Shape{C: 1, H: 1, W: len(features)}, Mean: []float64{0},
		Std: []float64{1}}
	for _, f := range features {
		task.Features = append(task.Features, files.Feature{Name: f})
	}
	return task.Filled()
}

// imageTask is a task of images whose values stay as they are.
func imageTask(shape data.Shape, classes ...string) *data.Task {
	return data.Task{Name: "i", Classes: classes, Shape: shape, Mean: []float64{0}, Std: []float64{1}}.Filled()
}

// csv is one table.
func csv(text string) map[string][]byte { return map[string][]byte{"d.csv": []byte(text)} }

func rows(values ...[]float32) [][]float32 { return values }
