package exchange

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/filestest"
)

// fixture is a file that PyTorch wrote.
func fixture(name string) string {
	return filepath.Join("..", "..", "train", "data", "files", "torch", "testdata", name)
}

// four is a task for the images of those files.
var four = data.Task{Name: "four", Classes: []string{"a", "b", "c", "d"}, Shape: data.Shape{C: 1, H: 2, W: 3},
	Mean: []float64{0}, Std: []float64{1}}.Filled()

func TestFilesOfPyTorchAreReadInEveryForm(t *testing.T) {
	for name, c := range map[string]struct {
		opt   Options
		first float32
		y     []int
	}{
		"alone.pt":          {Options{}, 0, []int{0, 1, 2, 3}},
		"alone.legacy.pt":   {Options{}, 0, []int{0, 1, 2, 3}},
		"named.pt":          {Options{}, 0, []int{3, 1, 2, 0}},
		"ordered.legacy.pt": {Options{}, 0, []int{3, 1, 2, 0}},
		"runs.pt":           {Options{Item: 2}, 1. / 255, []int{0, 0, 1, 1}},
		"permuted.pt":       {Options{Layout: "NHWC"}, 0, []int{0, 1, 2, 3}},
	} {
		t.Run(name, func(t *testing.T) {
			task := four
			if c.opt.Layout != "" {
				turned := *four
				turned.Shape = data.Shape{C: 1, H: 3, W: 2}
				task = &turned
			}
			c.opt.Values = Byte
			got := read(t, fixture(name), task, c.opt)
			if !slices.Equal(got.Samples.Y, c.y) || got.Samples.X[0] != c.first || got.Samples.Len() != 4 {
				t.Errorf("labels %v, first value %g", got.Samples.Y, got.Samples.X[0])
			}
		})
	}
	_, err := Read(fixture("runs.pt"), four, Options{})
	checkRefused(t, err, ErrNames, "--item 1 to 2")
	_, err = Read(fixture("runs.pt"), four, Options{Item: 3})
	checkRefused(t, err, ErrNames, "it holds 2 sets")
	_, err = Read(fixture("alone.pt"), four, Options{Item: 2})
	checkRefused(t, err, ErrNames, "one set")
	pair := *small
	pair.Shape = four.Shape
	if got := read(t, fixture("pair.pt"), &pair, Options{Values: InTask}); got.Samples.Soft[0] != .25 {
		t.Errorf("soft labels %v", got.Samples.Soft)
	}
}

func TestMaliciousAndOtherFilesAreRefused(t *testing.T) {
	text := fileOf(t, "x.pt", []byte("images"))
	office := fileOf(t, "x.zip", filestest.Zip(map[string][]byte{"[Content_Types].xml": nil}))
	broken, err := os.ReadFile(fixture("named.pt"))
	if err != nil {
		t.Fatal(err)
	}
	cut := fileOf(t, "cut.pt", broken[:len(broken)-30])
	for name, c := range map[string]struct {
		path  string
		cause error
		part  string
	}{
		"code":                   {fixture("code.pt"), ErrObject, "__builtin__.eval"},
		"code, in the old form":  {fixture("code.legacy.pt"), ErrObject, "__builtin__.eval"},
		"a module":               {fixture("module.pt"), ErrObject, "Linear"},
		"a program":              {fixture("script.pt"), ErrObject, "TorchScript"},
		"a parameter":            {fixture("parameter.pt"), ErrObject, "_rebuild_parameter"},
		"values in one place":    {fixture("expanded.pt"), ErrFormat, "same place"},
		"text":                   {text, ErrFormat, "another kind"},
		"another archive":        {office, ErrFormat, "another kind"},
		"a cut archive":          {cut, ErrFormat, "another kind"},
		"tensors without a name": {fixture("types.pt"), ErrNames, "dict"},
		"a device":               {os.DevNull, ErrFormat, "neither a file nor a folder"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read(c.path, four, Options{})
			checkRefused(t, err, c.cause, c.part)
		})
	}
	if _, err := Read(filepath.Join(t.TempDir(), "missing"), four, Options{}); !os.IsNotExist(err) {
		t.Errorf("a path that is not there: %v", err)
	}
}

func TestImagesHaveTheShapeOfTheTask(t *testing.T) {
	path := fileOf(t, "images.pt", tensorOf(t, []int{2, 1, 3, 2}, ramp(0, 1)))
	_, err := Read(path, small, Options{})
	checkRefused(t, err, ErrShape, "--layout")
	_, err = Read(path, digits, Options{})
	checkRefused(t, err, ErrShape, "1x28x28")
	_, err = Read(path, small, Options{Layout: "HWN"})
	checkRefused(t, err, ErrShape, "axes")
}

func TestArraysAreFoundByTheirNames(t *testing.T) {
	images := filestest.NumPy("<f4", false, "(2, 2, 3)", ramp(0, 1))
	labels := filestest.NumPy("|u1", false, "(2,)", []byte{1, 0})
	for name, c := range map[string]struct {
		names [2]string
		opt   Options
		part  string // of a refusal
	}{
		"names of distilled data":  {[2]string{"image_syn", "label_syn"}, Options{}, ""},
		"names of Keras":           {[2]string{"x_train", "y_train"}, Options{}, ""},
		"no names":                 {[2]string{"arr_0", "arr_1"}, Options{}, ""},
		"names of their own":       {[2]string{"a", "b"}, Options{}, "--images NAME"},
		"names of their own, told": {[2]string{"a", "b"}, Options{Images: "a", LabelArray: "b"}, ""},
		"a name that is not there": {[2]string{"a", "b"}, Options{Images: "c"}, "no array"},
		"two arrays of images":     {[2]string{"images", "data"}, Options{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := fileOf(t, "a.npz", filestest.NPZ(map[string][]byte{c.names[0]: images, c.names[1]: labels, "other": labels}))
			got, err := Read(path, small, c.opt)
			if c.part != "" {
				checkRefused(t, err, ErrNames, c.part)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if labeled := slices.Equal(got.Samples.Y, []int{1, 0}); labeled == (c.names[1] == "data") || len(got.Skipped) != 1 {
				t.Errorf("labels %v, not read %v", got.Samples.Y, got.Skipped)
			}
		})
	}
	path := fileOf(t, "a.npz", filestest.NPZ(map[string][]byte{"x": images, "data": images}))
	_, err := Read(path, small, Options{})
	checkRefused(t, err, ErrNames, "could be any of")
}

func TestLabelsMayLieInAFileOfTheirOwn(t *testing.T) {
	images := tensorOf(t, []int{2, 2, 3}, ramp(0, 1))
	dir := filestest.Folder(t, map[string][]byte{"images_best.pt": images, "labels_best.pt": numbersOf(t, 1, 0),
		"others.pt": numbersOf(t, 1, 1)})
	got := read(t, filepath.Join(dir, "images_best.pt"), small, Options{})
	if !slices.Equal(got.Samples.Y, []int{1, 0}) || !slices.Contains(codes(got.Notes, files.Assumed), "labels-beside") {
		t.Errorf("beside: %v, %v", got.Samples.Y, got.Lines())
	}
	told := read(t, filepath.Join(dir, "images_best.pt"), small, Options{Labels: filepath.Join(dir, "others.pt")})
	if !slices.Equal(told.Samples.Y, []int{1, 1}) {
		t.Errorf("told: %v", told.Samples.Y)
	}
	if text := strings.Join(got.Lines(), "\n"); !strings.Contains(text, "(decided by --values)") ||
		!strings.Contains(text, "(decided by --labels)") || !strings.Contains(text, "2 images of 1x2x3 in 2 classes") {
		t.Errorf("the report: %s", text)
	}
}

func TestFoldersAreMatchedWithClasses(t *testing.T) {
	three := *small
	three.Classes = []string{"T-shirt/top", "dress", "10 coats"}
	for name, c := range map[string]struct {
		task    *data.Task
		folders string
		opt     Options
		want    []int  // class of each folder
		part    string // of a refusal
	}{
		"a name with another mark":          {&three, "dress 10_coats T-shirt_top", Options{}, nil, "no class"},
		"by name, without marks":            {&three, "dress T-shirt_top", Options{}, []int{1, 0}, ""},
		"by name, with numbers":             {&three, "0_T-shirt_top 1_dress", Options{}, []int{0, 1}, ""},
		"a number that is another's":        {&three, "1_T-shirt_top dress", Options{}, nil, "1_T-shirt_top"},
		"one of each class":                 {&three, "dress 1_dress", Options{}, nil, "both of class"},
		"in natural order":                  {&three, "n2 n10 n1", Options{}, []int{1, 2, 0}, ""},
		"in natural order, as asked":        {small, "dog cut", Options{Classes: Natural}, []int{1, 0}, ""},
		"too few in natural order":          {&three, "n1 n2", Options{}, nil, "3 classes"},
		"by name, as asked, and none match": {small, "a b", Options{Classes: ByName}, nil, "no class"},
	} {
		t.Run(name, func(t *testing.T) {
			content := map[string][]byte{}
			folders := strings.Fields(c.folders)
			for i, f := range folders {
				content[f+"/1.png"] = filestest.PNG(filestest.Gray(2, 3, byte(i), 50, 100, 150, 200, 250))
			}
			got, err := Read(filestest.Folder(t, content), c.task, c.opt)
			if c.part != "" {
				checkRefused(t, err, ErrLabels, c.part)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for i := range got.Samples.Len() {
				pixels, _ := pixelsOf(c.task, got.Samples.Row(i))
				if folder := pixels[0]; got.Samples.Y[i] != c.want[folder] {
					t.Errorf("folder %s is class %d, want %d", folders[folder], got.Samples.Y[i], c.want[folder])
				}
			}
			if got.Samples.Len() != len(folders) {
				t.Errorf("%d images", got.Samples.Len())
			}
			guessed := slices.Contains(codes(got.Notes, files.Assumed), "class-order")
			if natural := strings.HasPrefix(name, "in natural"); guessed != natural {
				t.Errorf("natural order noted: %t", guessed)
			}
		})
	}
	for _, pair := range [][2]string{{"n2", "n10"}, {"2", "10"}, {"a", "b"}, {"a1b2", "a1b10"}, {"a", "a1"},
		{"007", "8"}} {
		if naturally(pair[0], pair[1]) >= 0 || naturally(pair[1], pair[0]) <= 0 {
			t.Errorf("%q does not come before %q", pair[0], pair[1])
		}
	}
}
