package array

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/filestest"
)

func TestArraysOfAnArchiveAreReadByName(t *testing.T) {
	dir := filestest.Folder(t, map[string][]byte{"a.npz": filestest.NPZ(map[string][]byte{
		"images": filestest.Array("<f4", []int{2, 3}, []float64{1, 2, 3, 4, 5, 6}),
		"turned": filestest.NumPy("|u1", true, "(2, 3)", []byte{1, 4, 2, 5, 3, 6}),
		"words":  filestest.Words("a", "b")})})
	n, err := OpenNamed(files.Dir(dir), "a.npz")
	if err != nil {
		t.Fatal(err)
	}
	if names := slices.Sorted(slices.Values(n.Names())); !slices.Equal(names, []string{"images", "turned", "words"}) {
		t.Errorf("names %v", names)
	}
	for _, name := range []string{"images", "turned"} {
		x, err := n.Read(name)
		if err != nil {
			t.Fatal(err)
		}
		if x.Len() != 6 || x.Name != name || !slices.Equal(x.Dims, []int{2, 3}) {
			t.Errorf("%s: %d numbers of %v", x.Name, x.Len(), x.Dims)
		}
		for i := range 6 {
			if x.At(i) != float64(i+1) {
				t.Errorf("%s: number %d is %g", name, i, x.At(i))
			}
		}
	}
	if _, err := n.Read("words"); !errors.Is(err, files.ErrFormat) || !strings.Contains(err.Error(), "text") {
		t.Errorf("text: %v", err)
	}
	if err := n.Close(); err != nil {
		t.Error(err)
	}
	if _, err := OpenNamed(files.Dir(filepath.Dir(dir)), filepath.Base(dir)); err == nil {
		t.Error("a folder is an archive")
	}
}

func TestRawBytesAreCheckedAgainstTheirShape(t *testing.T) {
	x, err := NumbersOf("x", "<i2", []int{3}, false, []byte{1, 0, 255, 255, 0, 1})
	if err != nil || !slices.Equal(x.Doubles, []float64{1, -1, 256}) {
		t.Errorf("%v, %v", x, err)
	}
	for name, c := range map[string]struct {
		dtype string
		dims  []int
		bytes []byte
		want  error
	}{
		"too few bytes":    {"<i2", []int{3}, make([]byte, 5), files.ErrTruncated},
		"a type of text":   {"|S2", []int{1}, []byte("ab"), files.ErrFormat},
		"an unknown type":  {"|V8", []int{1}, make([]byte, 8), files.ErrFormat},
		"no dimension":     {"<f4", nil, make([]byte, 4), files.ErrFormat},
		"not a number":     {"<f4", []int{1}, []byte{0, 0, 192, 127}, files.ErrValue},
		"a dimension of 0": {"<f4", []int{0}, nil, files.ErrFormat},
	} {
		if _, err := NumbersOf("x", c.dtype, c.dims, false, c.bytes); !errors.Is(err, c.want) ||
			!strings.Contains(err.Error(), "array x") {
			t.Errorf("%s: %v, want %v about array x", name, err, c.want)
		}
	}
}

func TestImagesOfEveryLayoutBecomePlanes(t *testing.T) {
	x := &Numbers{Name: "x", DType: "|u1", Dims: []int{1, 2, 2, 3}, Bytes: []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}}
	opt, account := Options{Want: [3]int{3, 2, 2}}, &files.Account{}
	got, err := opt.Images(x, 1, account)
	if err != nil || !slices.Equal(got.Dims, []int{1, 3, 2, 2}) || !slices.Equal(got.Bytes,
		[]byte{1, 4, 7, 10, 2, 5, 8, 11, 3, 6, 9, 12}) {
		t.Errorf("%v, %v", got, err)
	}
	if len(account.Notes) != 1 || account.Notes[0].Flag != "--layout" {
		t.Errorf("noted %v", account.Notes)
	}
}

func TestNamesTellWhatAnArrayHolds(t *testing.T) {
	for name, want := range map[string][2]bool{"images": {true, false}, "x_train": {true, false}, "targets": {false, true},
		"y": {false, true}, "x_test": {false, false}, "weights": {false, false}} {
		if got := [2]bool{HoldsSamples(name), HoldsLabels(name)}; got != want {
			t.Errorf("%s holds samples and labels: %v, want %v", name, got, want)
		}
	}
}
