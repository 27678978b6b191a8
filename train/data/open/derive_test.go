package open

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files"
)

func TestTasksAreDerived(t *testing.T) {
	dir := folder(t, map[string][]byte{
		"t.csv":       []byte("a,b,c,kind\n1,5,1000000000,y\n3,5,1000001000,x\n1,5,1000000000,x\n3,5,1000001000,y\n"),
		"n.csv":       []byte("1,10\n2,9\n3,10\n4,9\n"),
		"n.npz":       npz("(4, 1, 2)", []byte{0, 255, 0, 255, 255, 0, 255, 0}, 2, 2, 5, 5),
		"s.csv":       []byte("3,1,red,green,blue\n1,1\n2,0\n3,0\n"),
		"p/b/1.png":   grayPNG(2, 255),
		"p/a/1.png":   grayPNG(2, 0),
		"p/a/2.png":   grayPNG(2, 0),
		"p/b/2.png":   grayPNG(2, 255),
		"bad/a/1.png": grayPNG(2, 255),
	})
	constant := data.Task{Mean: []float64{.5}, Std: []float64{.25}}
	for name, c := range map[string]struct {
		path     string
		draft    data.Task
		shape    data.Shape
		classes  string
		measured bool
		mean     []float64
	}{
		"a table":            {"t.csv", data.Task{}, data.Shape{C: 1, H: 1, W: 3}, "x y", true, nil},
		"classes as listed":  {"s.csv", data.Task{}, data.Shape{C: 1, H: 1, W: 1}, "red green blue", true, nil},
		"classes by size":    {"n.csv", constant, data.Shape{C: 1, H: 1, W: 1}, "9 10", false, []float64{.5}},
		"arrays":             {"n.npz", data.Task{}, data.Shape{C: 1, H: 1, W: 2}, "2 5", true, nil},
		"pictures":           {"p", constant, data.Shape{C: 1, H: 2, W: 2}, "a b", false, []float64{.5}},
		"one constant a row": {"t.csv", constant, data.Shape{C: 1, H: 1, W: 3}, "x y", false, []float64{.5, .5, .5}},
		"names asked for": {"n.npz", data.Task{Classes: strings.Fields("a b c d e f"), Mean: []float64{1}},
			data.Shape{C: 1, H: 1, W: 2},
			"a b c d e f", true, []float64{1, 1}},
	} {
		c.draft.Name = "d"
		r := Reading{}
		if c.draft.Classes != nil {
			r.FirstLabel = "0"
		}
		ds, measured, err := r.Derive(filepath.Join(dir, c.path), c.draft)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if ds.Task.Shape != c.shape || strings.Join(ds.Task.Classes,
			" ") != c.classes || measured != c.measured || c.mean != nil && !slices.Equal(ds.Task.Mean, c.mean) {
			t.Errorf("%s: %+v, measured %t", name, ds.Task, measured)
		}
	}
	ds, _, err := Reading{}.Derive(filepath.Join(dir, "t.csv"), data.Task{Name: "d"})
	if err != nil || !slices.Equal(ds.Task.Std, []float64{1, 1, 500}) && ds.Task.Std[1] != 1 {
		t.Errorf("deviations %v, %v", ds.Task.Std, err)
	}
	if m := ds.Task.Mean[2]; m < 1e9 || m > 1e9+1000 {
		t.Errorf("a mean of large values is %v", m)
	}
	for name, path := range map[string]string{"one class": "bad", "built-in": data.GlyphPath} {
		if path != data.GlyphPath {
			path = filepath.Join(dir, path)
		}
		if _, _, err := (Reading{}).Derive(path, data.Task{Name: "d"}); !errors.Is(err, data.ErrInvalidTask) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDataThatMakeNoTaskAreNamedWithAHint(t *testing.T) {
	dir := folder(t, map[string][]byte{
		"one.csv": []byte("1,2,a\n3,4,a\n"), "each.csv": []byte("1,2,7\n3,4,8\n"), "latin/caf\xe9/1.png": grayPNG(2,
			1), "latin/b/1.png": grayPNG(2, 1),
	})
	for path, c := range map[string]struct{ says, hint string }{
		"one.csv":  {`every sample is of one class, "a"`, "--classes"},
		"each.csv": {"no class has two", "--label"},
	} {
		path = filepath.Join(dir, path)
		_, _, err := Reading{}.Derive(path, data.Task{Name: "d"})
		var fe *files.Error
		if !errors.As(err, &fe) || fe.Path != path || !strings.Contains(err.Error(), c.says) || !strings.Contains(fe.Hint,
			c.hint) {
			t.Errorf("%s: %v (%+v)", path, err, fe)
		}
	}
	if _, _, err := (Reading{}).Derive(filepath.Join(dir, "latin"), data.Task{Name: "d"}); !errors.Is(err,
		files.ErrFormat) || !strings.Contains(err.Error(), "is not in UTF-8") {
		t.Errorf("a class in Latin-1: %v", err)
	}
}

func TestPicturesWithoutATaskAreResampledOnRequest(t *testing.T) {
	dir := folder(t, map[string][]byte{"a/1.png": grayPNG(9, 9), "a/2.png": grayPNG(4, 9), "b/1.png": grayPNG(4, 9),
		"b/2.png": grayPNG(4, 9)})
	if _, _, err := (Reading{}).Derive(dir, data.Task{Name: "d"}); !errors.Is(err, files.ErrFormat) {
		t.Errorf("two sizes: %v", err)
	}
	if ds, _, err := (Reading{Resize: true}).Derive(dir,
		data.Task{Name: "d"}); err != nil || ds.Task.Shape != (data.Shape{C: 1, H: 4, W: 4}) {
		t.Errorf("%+v, %v", ds, err)
	}
	if ds, _, err := (Reading{Resize: true}).Derive(dir,
		data.Task{Name: "d", Shape: data.Shape{C: 1, H: 2, W: 2}}); err != nil || ds.Task.Shape != (data.Shape{C: 1, H: 2,
		W: 2}) {
		t.Errorf("%+v, %v", ds, err)
	}
}

func TestConstantsAreRoundedToTheDeviation(t *testing.T) {
	src, err := data.NewFloats(data.Shape{C: 1, H: 1, W: 3}, []float32{0.1, 1234.5678, 7e5, 0.1, 1334.5678, 9e5},
		[]int{0, 0})
	if err != nil {
		t.Fatal(err)
	}
	mean, std := measure(&data.Task{Shape: src.Shape()}, src)
	if !slices.Equal(mean, []float64{.1, 1284.57, 8e5}) || !slices.Equal(std, []float64{1, 50, 1e5}) {
		t.Errorf("mean %v, std %v", mean, std)
	}
}
