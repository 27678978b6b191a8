package array

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/filestest"
)

// checkRead checks what a reader of arrays gives.
func checkRead(t *testing.T, train, test *files.Part, err error) {
	t.Helper()
	var fe *files.Error
	if err != nil && (!errors.As(err, &fe) || fe.Hint == "") {
		t.Fatalf("an error without a hint: %T: %v", err, err)
	}
	for _, p := range []*files.Part{train, test} {
		if err == nil && p != nil {
			filestest.CheckPart(t, p)
		}
	}
}

func tree(name string, content []byte) *files.Tree {
	return &files.Tree{FS: fstest.MapFS{name: {Data: content}}}
}

// FuzzPickled reads any pickle as arrays.
func FuzzPickled(f *testing.F) {
	x := filestest.Nd{DType: "f8", Dims: []int{2, 2}, Values: []float64{1, 2, 3, 4}}
	pair := filestest.Tuple{x, []any{1, 0}}
	for _, v := range []any{
		filestest.Dict{"x", x, "y", []any{1, 0}}, filestest.Tuple{pair, pair,
			pair}, filestest.Dict{filestest.Bytes("data"), []any{[]any{1, 2.5}, []any{true, 4}}, "target", []any{"a",
			"b"}},
		filestest.Dict{"images", filestest.Nd{DType: "u1", Dims: []int{1, 3, 2, 2}, Values: make([]float64, 12)},
			"labels", []any{[]any{0, 1}}}, []any{x, x},
	} {
		f.Add(filestest.Pickle(v), "")
		f.Add(filestest.Pickle(v), "NHWC")
	}
	f.Fuzz(func(t *testing.T, b []byte, layout string) {
		train, test, err := Pickled(tree("d.pkl", b), "d.pkl", Options{Layout: layout}, &files.Account{})
		checkRead(t, train, test, err)
	})
}

// FuzzMatlab reads any MATLAB file as arrays.
func FuzzMatlab(f *testing.F) {
	f.Add(filestest.Mat(filestest.Matrix{Name: "X", Dims: []int{2, 2}, Values: []float64{1, 2, 3, 4}},
		filestest.Matrix{Name: "y", Dims: []int{2, 1}, Values: []float64{1, 2}}), "")
	f.Add(filestest.Mat(filestest.Matrix{Name: "images", Dims: []int{2, 3, 1, 2}, Values: make([]float64, 12)},
		filestest.Matrix{Name: "labels", Dims: []int{1, 2}, Values: []float64{0, 1}}), "HWCN")
	f.Fuzz(func(t *testing.T, b []byte, layout string) {
		train, test, err := Matlab(tree("d.mat", b), "d.mat", Options{Layout: layout}, &files.Account{})
		checkRead(t, train, test, err)
	})
}

// FuzzHeader parses any header, and what it accepts again as NumPy writes it.
func FuzzHeader(f *testing.F) {
	for _, text := range []string{"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }",
		"{'shape': (3L,), 'fortran_order': True, 'descr': u'>i8'}",
		`{"descr": b"|u1", "fortran_order": False, "shape": (np.int64(3), numpy.uint8(4))}`,
		"{'descr': [('a', '<f4', (2, 3)), ('b', '<i8')], 'fortran_order': False, 'shape': (), }"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		h, err := parseHeader(text)
		if err != nil {
			if !errors.Is(err, files.ErrFormat) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		if h.dtype == "" || h.dtype[0] == '[' {
			return
		}
		order := map[bool]string{true: "True", false: "False"}[h.fortran]
		again, err := parseHeader(fmt.Sprintf("{'descr': \"%s\", 'fortran_order': %s, 'shape': %s, }", h.dtype, order,
			filestest.ShapeText(h.dims)))
		if len(h.dims) > 0 && slices.Max(h.dims) >= 0 && !slices.Contains([]byte(h.dtype), '"') &&
			(err != nil || again.dtype != h.dtype || again.fortran != h.fortran || !slices.Equal(again.dims, h.dims)) {
			t.Fatalf("%q is %+v, and again %+v, %v", text, h, again, err)
		}
	})
}

// FuzzIDXFiles reads any pair of IDX files under any name.
func FuzzIDXFiles(f *testing.F) {
	f.Add("train-images-idx3-ubyte", "train-labels-idx1-ubyte", images(2, 4, 4),
		idx([]uint32{idxLabels, 2}, []byte{0, 1}))
	f.Add("emnist-letters-train-images-idx3-ubyte.gz", "emnist-letters-train-labels-idx1-ubyte", images(2, 3, 4),
		idx([]uint32{idxLabels, 2}, []byte{0, 1}))
	f.Add("my.val.images.idx4", "my.val.labels.idx1", idx([]uint32{idxColors, 1, 3, 4, 4}, make([]byte, 48)),
		idx([]uint32{idxLabels, 1}, []byte{9}))
	f.Add("emnist-train-images-idx4", "emnist-train-labels-idx1",
		idx([]uint32{idxColors, 1, 4, 4, 3}, make([]byte, 48)), idx([]uint32{idxLabels, 1}, []byte{9}))
	f.Fuzz(func(t *testing.T, x, y string, pixels, labels []byte) {
		all := fstest.MapFS{x: {Data: pixels}, y: {Data: labels}}
		if !HasIDX([]string{x, y}) {
			return
		}
		train, test, err := IDX(&files.Tree{FS: all}, []string{x, y}, "", Options{}, &files.Account{})
		if err != nil {
			return // a name may be no path
		}
		checkRead(t, train, test, err)
	})
}
