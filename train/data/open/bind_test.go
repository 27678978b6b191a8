package open

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files"
)

// tableTask is a task of two features and three classes.
func tableTask(classes ...string) *data.Task {
	return &data.Task{Version: data.TaskVersion, Name: "t", Classes: classes, Shape: data.Shape{C: 1, H: 1, W: 2},
		Mean: []float64{0, 0},
		Std:  []float64{1, 1}}
}

// npz is an archive of uint8 arrays x and y.
func npz(dims string, x []byte, y ...byte) []byte {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	add := func(name, dims string, values []byte) {
		w, _ := z.Create(name + ".npy")
		head := fmt.Sprintf("{'descr': '|u1', 'fortran_order': False, 'shape': %s, }\n", dims)
		w.Write([]byte("\x93NUMPY\x01\x00"))
		binary.Write(w, binary.LittleEndian, uint16(len(head)))
		w.Write([]byte(head))
		w.Write(values)
	}
	add("x", dims, x)
	add("y", fmt.Sprintf("(%d,)", len(y)), y)
	z.Close()
	return out.Bytes()
}

func grayPNG(side int, v byte) []byte {
	m := image.NewGray(image.Rect(0, 0, side, side))
	for i := range m.Pix {
		m.Pix[i] = v
	}
	var b bytes.Buffer
	png.Encode(&b, m)
	return b.Bytes()
}

func TestLabelsMeetTheClassesOfTheTask(t *testing.T) {
	for name, c := range map[string]struct {
		table   string
		classes []string
		want    []int // nil when refused
	}{
		"by name, in the task's order":          {"1,2,b\n3,4,a\n", []string{"a", "b"}, []int{1, 0}},
		"a device that holds some classes":      {"1,2,c\n3,4,c\n", []string{"a", "b", "c"}, []int{2, 2}},
		"numbers that are names":                {"1,2,3\n3,4,1\n", []string{"1", "2", "3"}, []int{2, 0}},
		"numbers of classes that have names":    {"1,2,1\n3,4,0\n", []string{"a", "b"}, []int{1, 0}},
		"a number beyond the classes":           {"1,2,2\n3,4,0\n", []string{"a", "b"}, nil},
		"a number that is no name among others": {"1,2,0\n3,4,1\n", []string{"1", "2"}, nil},
		"a name that is none":                   {"1,2,a\n3,4,z\n", []string{"a", "b"}, nil},
	} {
		ds, err := Path(filepath.Join(folder(t, map[string][]byte{"d.csv": []byte(c.table)}), "d.csv"),
			tableTask(c.classes...))
		if c.want == nil {
			if !errors.Is(err, files.ErrLabel) || !strings.Contains(err.Error(), "line ") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || !slices.Equal(ds.Train.Labels(), c.want) || len(ReportOf(ds).Notes) == 0 {
			t.Errorf("%s: %+v, %v", name, ds, err)
		}
	}
}

func TestRowsAndArraysBecomeImagesOfTheTask(t *testing.T) {
	gray := &data.Task{Version: data.TaskVersion, Name: "g", Classes: []string{"0", "1"},
		Shape: data.Shape{C: 1, H: 2, W: 2},
		Mean:  []float64{0}, Std: []float64{1}}
	color := &data.Task{Version: data.TaskVersion, Name: "c", Classes: []string{"0", "1"},
		Shape: data.Shape{C: 3, H: 1, W: 2},
		Mean:  make([]float64, 3), Std: []float64{1, 1, 1}}
	for name, c := range map[string]struct {
		file    string
		content []byte
		task    *data.Task
		r       Reading
		want    []float32
	}{
		"a row of pixels":    {"d.csv", []byte("0,255,0,255,1\n"), gray, Reading{}, []float32{0, 1, 0, 1}},
		"a row of 16 shades": {"d.csv", []byte("0,4,8,16,1\n"), gray, Reading{White: 16}, []float32{0, .25, .5, 1}},
		"a row of fractions": {"d.csv", []byte("0,.25,.5,1,1\n"), gray, Reading{}, []float32{0, .25, .5, 1}},
		"a row of colored pixels": {"d.csv", []byte("0,51,102,153,204,255,1\n"), color, Reading{Layout: "NCHW"},
			[]float32{0, .2, .4, .6, .8, 1}},
		"an array of rows": {"d.npz", npz("(1, 4)", []byte{0, 51, 102, 255}, 1), gray, Reading{},
			[]float32{0, .2, .4, 1}},
		"an array of grey images": {"d.npz", npz("(1, 2, 2)", []byte{0, 51, 102, 255}, 1), gray, Reading{},
			[]float32{0, .2, .4, 1}},
		"one channel, last": {"d.npz", npz("(1, 2, 2, 1)", []byte{0, 51, 102, 255}, 1), gray, Reading{},
			[]float32{0, .2, .4, 1}},
		"one channel, first": {"d.npz", npz("(1, 1, 2, 2)", []byte{0, 51, 102, 255}, 1), gray, Reading{},
			[]float32{0, .2, .4, 1}},
		"channels last": {"d.npz", npz("(1, 1, 2, 3)", []byte{0, 51, 102, 153, 204, 255}, 1), color,
			Reading{}, []float32{0, .6, .2, .8, .4, 1}},
		"channels first": {"d.npz", npz("(1, 3, 1, 2)", []byte{0, 51, 102, 153, 204, 255}, 1), color,
			Reading{}, []float32{0, .2, .4, .6, .8, 1}},
		"an array of 16 shades": {"d.npz", npz("(1, 2, 2)", []byte{0, 4, 8, 16}, 1), gray, Reading{White: 16},
			[]float32{0, .25, .5, 1}},
		"features are left as found": {"d.npz", npz("(1, 2)", []byte{7, 255}, 1), tableTask("0", "1"), Reading{},
			[]float32{7, 255}},
	} {
		ds, err := c.r.Open(filepath.Join(folder(t, map[string][]byte{c.file: c.content}), c.file), c.task)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := make([]float32, c.task.Shape.Size())
		ds.Train.Read(0, got)
		if !slices.EqualFunc(got, c.want, func(a, b float32) bool {
			return a-b < 1e-6 &&
				b-a < 1e-6
		}) || ds.Train.Labels()[0] != 1 {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	for name, table := range map[string]string{"above white": "0,256,0,0,1\n", "below black": "0,-1,0,0,1\n"} {
		_, err := Path(filepath.Join(folder(t, map[string][]byte{"d.csv": []byte(table)}), "d.csv"), gray)
		if !errors.Is(err, files.ErrValue) || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhiteIsThatOfTheTrainingPart(t *testing.T) {
	task := &data.Task{Version: data.TaskVersion, Name: "g", Classes: []string{"0", "1"},
		Shape: data.Shape{C: 1, H: 2, W: 2},
		Mean:  []float64{0}, Std: []float64{1}}
	for name, c := range map[string]struct {
		files       map[string][]byte
		train, test float32 // the first pixels; test below 0 when it is refused
	}{
		"bytes of 0 and 1": {map[string][]byte{"d.npz": npz("(1, 2, 2)", []byte{1, 0, 0, 1}, 1)}, 1, 0},
		"rows of 0 and 1":  {map[string][]byte{"d.csv": []byte("1,0,0,1,1\n")}, 1, 0},
		"dark bytes to test with": {map[string][]byte{"train.csv": []byte("255,0,0,1,1\n"),
			"test.csv": []byte("1,0,0,1,1\n")}, 1, 1. / 255},
		"bright bytes to test with": {map[string][]byte{"train.csv": []byte("1,0,0,1,1\n"),
			"test.csv": []byte("255,0,0,1,1\n")}, 1, -1},
		"a dark picture": {map[string][]byte{"1/1.png": grayPNG(2, 1)}, 1. / 255, 0},
		"dark IDX": {map[string][]byte{"train-images-idx3-ubyte": idx([]uint32{2051, 1, 2, 2}, []byte{1, 0, 0, 0}),
			"train-labels-idx1-ubyte": idx([]uint32{2049, 1}, []byte{1})},
			1. / 255, 0},
	} {
		ds, err := Path(folder(t, c.files), task)
		if c.test < 0 {
			if !errors.Is(err, files.ErrValue) || !strings.Contains(err.Error(), "test.csv: line 1") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		row := make([]float32, 4)
		if ds.Train.Read(0, row); row[0] != c.train {
			t.Errorf("%s: trains on %v, want %v", name, row[0], c.train)
		}
		if ds.Test == nil {
			continue
		}
		if ds.Test.Read(0, row); row[0] != c.test {
			t.Errorf("%s: tests on %v, want %v", name, row[0], c.test)
		}
	}
	dir := folder(t, map[string][]byte{"d.csv": []byte("1,0,0,1,1\n")})
	for _, scale := range []float64{-1, math.Inf(1), math.NaN(), 1e-60, 1e60} {
		if _, err := (Reading{White: scale}).Open(dir, task); err == nil || !strings.Contains(err.Error(),
			"want a number above 0") {
			t.Errorf("white %g: %v", scale, err)
		}
	}
}

func TestAFileStandsForNoOther(t *testing.T) {
	table := []byte("1,2,a\n3,4,b\n")
	pair := map[string][]byte{"train-images-idx3-ubyte": idxImages(2, 1, 2),
		"train-labels-idx1-ubyte": idx([]uint32{2049, 2}, []byte{0, 1})}
	for name, c := range map[string]struct {
		files map[string][]byte
		path  string
		says  string // empty when it is read
	}{
		"of another kind": {map[string][]byte{"mine.parquet": table, "other.csv": table}, "mine.parquet",
			"no reader for .parquet (text)"},
		"of another kind, gzip": {map[string][]byte{"mine.json.gz": table, "other.csv": table}, "mine.json.gz",
			"no reader for .json"},
		"of no kind": {map[string][]byte{"mine": table, "other.csv": table}, "mine",
			"no reader for files without an ending"},
		"one of IDX": {pair, "train-labels-idx1-ubyte", ""},
		"one of IDX alone": {map[string][]byte{"train-images-idx3-ubyte": pair["train-images-idx3-ubyte"],
			"other.csv": table}, "train-images-idx3-ubyte", "not beside it"},
		"one of CIFAR alone": {map[string][]byte{"data_batch_1.bin": cifarFile([]byte{1}), "other.csv": table},
			"data_batch_1.bin", "not beside it"},
		"an array of no part": {map[string][]byte{"mine.npy": table, "x.npy": table, "y.npy": table}, "mine.npy",
			"x_train.npy"},
	} {
		task := tableTask("a", "b")
		_, err := Path(filepath.Join(folder(t, c.files), c.path), task)
		if c.says == "" && err != nil || c.says != "" && (!errors.Is(err, ErrNoData) ||
			!strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
	if _, err := Path(filepath.Join(folder(t, cifar10(nil)), "test_batch.bin.gz"),
		data.WellKnownTask("cifar-10")); err != nil {
		t.Errorf("one of CIFAR: %v", err)
	}
}

func TestTestTablesFollowTheTrainingTable(t *testing.T) {
	train := []byte("a,b,kind\n1,10,x\n2,11,y\n")
	ds, err := Path(folder(t, map[string][]byte{"train.csv": train, "test.csv": []byte("kind,b,a\ny,12,3\n")}),
		tableTask("x", "y"))
	if err != nil {
		t.Fatal(err)
	}
	row := make([]float32, 2)
	if ds.Test.Read(0, row); !slices.Equal(row, []float32{3, 12}) || ds.Test.Labels()[0] != 1 {
		t.Errorf("%v, labels %v", row, ds.Test.Labels())
	}
	_, err = Path(folder(t, map[string][]byte{"train.csv": train, "test.csv": []byte("a,b\n3,12\n")}), tableTask("x", "y"))
	if !errors.Is(err, files.ErrFormat) || !strings.Contains(err.Error(),
		"test.csv: line 1: ") || !strings.Contains(err.Error(), "the column of the labels is not there") {
		t.Errorf("without labels: %v", err)
	}
}

func TestDataAreFoundInFolders(t *testing.T) {
	table, pixels := []byte("1,2,a\n3,4,b\n"), data.Task{Version: data.TaskVersion, Name: "p", Classes: []string{"a", "b"},
		Shape: data.Shape{C: 1, H: 3, W: 3}, Mean: []float64{0}, Std: []float64{1}}
	for name, c := range map[string]struct {
		files map[string][]byte
		task  *data.Task
		test  bool
		err   error
	}{
		"the only table": {map[string][]byte{"some.csv.gz": gz(table), "notes.txt": []byte("x")}, tableTask("a", "b"),
			false, nil},
		"train and test": {map[string][]byte{"train.csv": table, "test.csv": table, "more.csv": table},
			tableTask("a", "b"), true, nil},
		"the only archive": {map[string][]byte{"some.npz": npz("(1, 2)", []byte{1, 2}, 0)}, tableTask("a", "b"), false, nil},
		"pictures": {map[string][]byte{"train/a/1.png": grayPNG(3, 9), "test/b/1.png": grayPNG(3, 9)}, &pixels,
			true, nil},
		"several tables":    {map[string][]byte{"a.csv": table, "b.csv": table}, tableTask("a", "b"), false, ErrNoData},
		"nothing":           {map[string][]byte{"a.doc": table}, tableTask("a", "b"), false, ErrNoData},
		"pictures, no task": {map[string][]byte{"a/1.png": grayPNG(3, 9)}, nil, false, ErrUnknownData},
		"another size":      {map[string][]byte{"a/1.png": grayPNG(4, 9)}, &pixels, false, files.ErrFormat},
		"another shape":     {map[string][]byte{"a.csv": []byte("1,a\n2,b\n")}, tableTask("a", "b"), false, files.ErrFormat},
	} {
		ds, err := Path(folder(t, c.files), c.task)
		if !errors.Is(err, c.err) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && (ds.Test != nil) != c.test {
			t.Errorf("%s: test part %v", name, ds.Test != nil)
		}
	}
	dir := folder(t, map[string][]byte{"a/1.png": grayPNG(4, 9)})
	if _, err := Path(filepath.Join(dir, "a", "1.png"), &pixels); !errors.Is(err, ErrNoData) {
		t.Errorf("a single picture: %v", err)
	}
	if ds, err := (Reading{Resize: true}).Open(dir, &pixels); err != nil || ds.Train.Shape() != pixels.Shape {
		t.Errorf("resampled: %v", err)
	}
}

func TestHoldoutOfADataSet(t *testing.T) {
	ds, err := Path(filepath.Join(folder(t, map[string][]byte{"d.csv": []byte("1,2,a\n3,4,b\n5,6,a\n7,8,b\n")}),
		"d.csv"), tableTask("a", "b"))
	if err != nil {
		t.Fatal(err)
	}
	half, err := ds.Holdout(.5, 0)
	if err != nil || len(half.Train.Labels()) != 2 || len(half.Test.Labels()) != 2 || ds.Test != nil ||
		len(half.Remarks) != 1 {
		t.Fatalf("%+v, %v", half, err)
	}
	s, err := data.LoadAll(half.Task, half.Test)
	if err != nil || s.X[1] != s.X[0]+1 {
		t.Errorf("%+v, %v", s, err)
	}
	if again, err := half.Holdout(.5, 0); again != half || err != nil {
		t.Error("a data set with a test part was split again")
	}
	whole := *ds
	whole.Test = ds.Train
	held, err := whole.Validation(.5)
	if err != nil || held.Name != ds.Name+"-validation" || len(held.Train.Labels()) != 2 ||
		len(held.Test.Labels()) != 2 || len(held.Remarks) != 1 {
		t.Errorf("%+v, %v", held, err)
	}
	for _, f := range []float64{-1, 1, 2} {
		if _, err := whole.Validation(f); err == nil {
			t.Errorf("validation share %g accepted", f)
		}
		if _, err := ds.Holdout(f, 0); err == nil {
			t.Errorf("fraction %g accepted", f)
		}
	}
}

func TestRealTablesMakeTasksAndSplits(t *testing.T) {
	dir := os.Getenv("DISTILLMESH_DATA")
	if dir == "" {
		t.Skip("needs real data: set DISTILLMESH_DATA")
	}
	for _, c := range []struct {
		path  string
		draft data.Task
		r     Reading
	}{
		{"tabular/iris.csv", data.Task{}, Reading{}}, {"tabular/wine_data.csv", data.Task{},
			Reading{}}, {"tabular/breast_cancer.csv",
			data.Task{}, Reading{}},
		{"digits", data.Task{Shape: data.Shape{C: 1, H: 8, W: 8}}, Reading{White: 16}}, {"digits", data.Task{}, Reading{}},
		{"mnist", data.Task{}, Reading{}},
	} {
		c.draft.Name = "d"
		ds, measured, err := c.r.Derive(filepath.Join(dir, filepath.FromSlash(c.path)), c.draft)
		if err != nil || !measured {
			t.Fatalf("%s: %v, measured %t", c.path, err, measured)
		}
		s, err := data.LoadAll(ds.Task, ds.Train)
		if err != nil {
			t.Fatal(err)
		}
		sum, squares := 0., 0.
		for _, v := range s.X {
			sum, squares = sum+float64(v), squares+float64(v*v)
		}
		n := float64(len(s.X))
		// pixels that are nearly always 0 stand out
		if mean, square := sum/n, squares/n; mean < -.05 || mean > .05 || square < .7 || square > 2 {
			t.Errorf("%s: mean %.3f and mean square %.3f in task space", c.path, mean, square)
		}
		for _, split := range []data.Split{{Kind: data.Ring, Clients: 4, PerClient: 2}, {Kind: data.IID, Clients: 4}} {
			parts, err := split.Parts(ds.Train.Labels(), len(ds.Task.Classes))
			if err != nil || slices.ContainsFunc(parts, func(p []int) bool { return len(p) == 0 }) {
				t.Errorf("%s, %s: an empty part, %v", c.path, split, err)
			}
		}
		if c.path == "mnist" && (ds.Task.Mean[0] != .1307 || ds.Task.Std[0] != .3081) {
			t.Errorf("MNIST has mean %v, std %v", ds.Task.Mean, ds.Task.Std)
		}
	}
}
