package localdata

import (
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/home"
	"github.com/distillmesh/distillmesh/node/nodetest"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/train/data"
)

func node(t *testing.T) *nodetest.Node {
	t.Helper()
	n, err := nodetest.New()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// table is a file of two classes and two features.
func table(t *testing.T, rows string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "flowers.csv")
	if err := os.WriteFile(path, []byte("length,width,label\n"+rows), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const tenRows = "1,2,a\n2,1,b\n1,3,a\n3,1,b\n1,4,a\n4,1,b\n1,5,a\n5,1,b\n1,6,a\n6,1,b\n"

// flowers makes a task of a table and returns its name.
func flowers(t *testing.T, c api.Conn, path string) string {
	t.Helper()
	info, err := NewTask(t.Context(), c, TaskOptions{Draft: data.Task{Name: "flowers"}, From: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return info.Name
}

func TestDataAreRegisteredWithWhatTheyHold(t *testing.T) {
	n := node(t)
	path := table(t, tenRows)
	task := flowers(t, n, path)
	h := home.Home{Path: t.TempDir()}
	var notes []string
	report := func(p api.Progress) { notes = append(notes, p.Note) }
	e, err := Add(t.Context(), n, path, Options{Task: task, Name: "mine", Holdout: 0.2, Home: h}, report)
	if err != nil {
		t.Fatal(err)
	}
	if e.Name != "mine" || e.Path != path || !slices.Equal(e.Counts, []int{4, 4}) || e.Test != 2 || e.Holdout != 0.2 ||
		!slices.Equal(e.Classes, []string{"a", "b"}) || len(notes) == 0 {
		t.Errorf("registered %+v, reported %q", e, notes)
	}
	ds, err := Open(t.Context(), n, "mine")
	if err != nil {
		t.Fatal(err)
	}
	train, err := ds.Samples()
	if err != nil || train.Len() != 8 {
		t.Errorf("training samples: %v, %v", train, err)
	}
	if test, err := ds.TestSamples(); err != nil || test.Len() != 2 {
		t.Errorf("test samples: %v, %v", test, err)
	}
	kept, sheet, err := Report(t.Context(), n, h, "mine")
	if err != nil || kept == nil || sheet != "" {
		t.Errorf("report %v, sheet %q of a table, %v", kept, sheet, err)
	}
}

func TestWhatCannotBeRegisteredSaysWhy(t *testing.T) {
	n := node(t)
	path := table(t, tenRows)
	task := flowers(t, n, path)
	calls := len(n.Calls)
	for name, c := range map[string]struct {
		path string
		opt  Options
		want string
	}{
		"an unknown task":         {path, Options{Task: "roses"}, "roses"},
		"no such file":            {path + "x", Options{Task: task}, "flowers.csvx"},
		"a name with a slash":     {path, Options{Task: task, Name: "a/b"}, "no name for data"},
		"a name of control bytes": {path, Options{Task: task, Name: "a\x1b"}, "no name for data"},
		"more than all held out":  {path, Options{Task: task, Holdout: 2}, "hold out 2"},
	} {
		_, err := Add(t.Context(), n, c.path, c.opt, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	if len(n.Calls) != calls {
		t.Errorf("registered all the same: %v", n.Calls[calls:])
	}
}

func TestPartsOfASplitAreRegistered(t *testing.T) {
	n := node(t)
	whole, err := Add(t.Context(), n, data.GlyphPath, Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ring := data.Split{Kind: data.Ring, Clients: 10, PerClient: 2}
	all, err := Split(t.Context(), n, whole.Name, ring, -1)
	if err != nil || len(all) != 10 {
		t.Fatalf("%d parts, %v", len(all), err)
	}
	listed, err := operations.ListData.Do(t.Context(), n, api.None{}, nil)
	if err != nil || len(listed) != 11 {
		t.Errorf("%d registered, %v", len(listed), err)
	}
	part, err := Open(t.Context(), n, all[3].Name)
	if err != nil || len(part.Train.Labels()) != all[3].Samples() {
		t.Errorf("part %s opens as %v, %v", all[3].Name, part, err)
	}
	for name, do := range map[string]func() error{
		"a part of a part":  func() error { _, err := Split(t.Context(), n, all[0].Name, ring, -1); return err },
		"a part beyond all": func() error { _, err := Split(t.Context(), n, whole.Name, ring, 10); return err },
		"what is unknown":   func() error { _, err := Split(t.Context(), n, "nothing", ring, 0); return err },
		"a split of no parts": func() error {
			_, err := Split(t.Context(), n, whole.Name, data.Split{},
				0)
			return err
		},
		"an unknown data set": func() error { _, err := Open(t.Context(), n, "nothing"); return err },
	} {
		if d := api.Describe(do()); d.Code != api.CodeUsage || d.Hint == "" {
			t.Errorf("%s: %+v", name, *d)
		}
	}
}

func TestTestDataAreFoundWhereTheyCanBeOpened(t *testing.T) {
	n := node(t)
	path := table(t, tenRows)
	task := flowers(t, n, path)
	first, err := Add(t.Context(), n, path, Options{Task: task, Name: "untested"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := TestDataFor(t.Context(), n, first.Task, nil); got != nil || err != nil {
		t.Errorf("without a test part: %v, %v", got, err)
	}
	gone := first
	gone.Name, gone.Path, gone.Test = "gone", filepath.Join(t.TempDir(), "gone.csv"), 3
	n.Register(gone)
	gone.Name = "gone too" // the same path is tried once
	n.Register(gone)
	if _, err := Add(t.Context(), n, path, Options{Task: task, Name: "tested", Holdout: 0.5}, nil); err != nil {
		t.Fatal(err)
	}
	var notes []string
	got, err := TestDataFor(t.Context(), n, first.Task, func(p api.Progress) { notes = append(notes, p.Note) })
	if err != nil || got == nil || got.Entry.Name != "tested" {
		t.Errorf("found %v, %v", got, err)
	}
	if len(notes) != 1 || !strings.Contains(notes[0], "gone cannot test the model") {
		t.Errorf("reported %q", notes)
	}
}

// pictures writes two classes of images.
func pictures(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for i := range 12 {
		m := image.NewGray(image.Rect(0, 0, 8, 8))
		for j := range m.Pix {
			m.Pix[j] = byte(40*(i%2) + 5*i + j)
		}
		m.SetGray(i%8, 0, color.Gray{200})
		path := filepath.Join(dir, []string{"cat", "dog"}[i%2], string(rune('a'+i))+".png")
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := png.Encode(f, m); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	return dir
}

func TestAReportAndASheetAreKeptOfImages(t *testing.T) {
	n := node(t)
	h := home.Home{Path: t.TempDir()}
	path := pictures(t)
	ds, err := Check(t.Context(), nil, path, Options{}) // needs no node
	if err != nil || len(ds.Train.Labels()) != 12 {
		t.Fatalf("checked %v, %v", ds, err)
	}
	if _, err := NewTask(t.Context(), n, TaskOptions{Draft: data.Task{Name: "pets"}, From: path}, nil); err != nil {
		t.Fatal(err)
	}
	if ds, err = Check(t.Context(), n, path, Options{Task: "pets"}); err != nil || ds.Task.Name != "pets" {
		t.Errorf("checked as data of a task: %v", err)
	}
	e, err := Add(t.Context(), n, path, Options{Task: "pets", Home: h}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Split(t.Context(), n, e.Name, data.Split{Kind: data.IID, Clients: 2}, -1); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{e.Name, data.Split{Kind: data.IID, Clients: 2}.PartName(e.Name, 1)} {
		r, sheet, err := Report(t.Context(), n, h, name)
		if err != nil || r == nil || sheet != h.SheetPath(e.Name) {
			t.Errorf("report of %s: %v, sheet %s, %v", name, r, sheet, err)
		}
	}
	file, err := os.Open(h.SheetPath(e.Name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := png.Decode(file); err != nil {
		t.Errorf("the sheet: %v", err)
	}
	for want, change := range map[api.Code]func() error{
		api.CodeFailed:   func() error { return os.WriteFile(h.ReportPath(e.Name), []byte("{"), 0o600) },
		api.CodeNotFound: func() error { h.RemoveReport(e.Name); return nil },
	} {
		before, err := os.ReadFile(h.ReportPath(e.Name))
		if err != nil || !json.Valid(before) {
			t.Fatalf("the report is %s, %v", before, err)
		}
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Report(t.Context(), n, h, e.Name); api.Describe(err).Code != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if err := os.WriteFile(h.ReportPath(e.Name), before, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestATaskNeedsDataOrAllOfItsParts(t *testing.T) {
	n := node(t)
	draft := data.Task{Name: "bare", Classes: []string{"a", "b"}, Shape: data.Shape{C: 1, H: 1, W: 2}}
	if _, err := NewTask(t.Context(), n, TaskOptions{Draft: draft}, nil); api.Describe(err).Code != api.CodeUsage {
		t.Errorf("without constants: %v", err)
	}
	draft.Mean, draft.Std = []float64{0}, []float64{1}
	info, err := NewTask(t.Context(), n, TaskOptions{Draft: draft}, nil)
	if err != nil || !slices.Equal(info.Mean, []float64{0, 0}) {
		t.Errorf("with one mean for all: %+v, %v", info, err)
	}
	var notes []string
	measured := TaskOptions{Draft: data.Task{Name: "measured"}, From: table(t, tenRows)}
	if _, err := NewTask(t.Context(), n, measured, func(p api.Progress) { notes = append(notes, p.Note) }); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(notes, func(s string) bool { return strings.Contains(s, "mean and std were measured") }) {
		t.Errorf("reported %q", notes)
	}
}
