package array

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/filestest"
)

// read reads an archive, or a folder of arrays.
func read(path string) (train, test *files.Part, err error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return Folder(files.Dir(path), ".", Options{}, nil)
	}
	return Archive(files.Dir(filepath.Dir(path)), filepath.Base(path), Options{}, nil)
}

func TestArraysAreReadWhateverTheirTypeAndOrder(t *testing.T) {
	labels := filestest.NumPy("<i8", false, "(2,)", []int64{7, 3})
	for name, c := range map[string]struct {
		samples []byte
		values  []float64
	}{
		"uint8":   {filestest.NumPy("|u1", false, "(2, 2)", []byte{1, 2, 3, 255}), []float64{1, 2, 3, 255}},
		"bool":    {filestest.NumPy("|b1", false, "(2, 2)", []byte{1, 0, 0, 1}), []float64{1, 0, 0, 1}},
		"int8":    {filestest.NumPy("|i1", false, "(2, 2)", []int8{-1, 2, 3, 4}), []float64{-1, 2, 3, 4}},
		"uint16":  {filestest.NumPy("<u2", false, "(2, 2)", []uint16{1, 2, 3, 65535}), []float64{1, 2, 3, 65535}},
		"int32":   {filestest.NumPy("<i4", false, "(2, 2)", []int32{1, -2, 3, 4}), []float64{1, -2, 3, 4}},
		"float32": {filestest.NumPy("<f4", false, "(2, 2)", []float32{1, 2, 3, .5}), []float64{1, 2, 3, .5}},
		"float64": {filestest.NumPy("<f8", false, "(2, 2)", []float64{1, 2, 3, .5}), []float64{1, 2, 3, .5}},
		"float16": {filestest.NumPy("<f2", false, "(2, 2)", []uint16{0x3c00, 0xc000, 0x3555, 0x7bff}),
			[]float64{1, -2, float64(float32(.33325195)), 65504}},
		"big-endian halves": {filestest.NumPy(">f2", false, "(2, 2)", []uint16{0x3c, 0xc0, 0, 0x100}),
			[]float64{1, -2, 0, 1. / (1 << 24)}},
		"big-endian": {filestest.NumPy(">i2", false, "(2, 2)", []int16{0x100, 0x200, 0x300, 0x400}),
			[]float64{1, 2, 3, 4}},
		"in Fortran order":  {filestest.NumPy("<f4", true, "(2, 2)", []float32{1, 2, 3, 4}), []float64{1, 3, 2, 4}},
		"Fortran, of bytes": {filestest.NumPy("|u1", true, "(2, 1, 2)", []byte{1, 2, 3, 4}), []float64{1, 3, 2, 4}},
	} {
		dir := filestest.Folder(t, map[string][]byte{"d.npz": filestest.NPZ(map[string][]byte{"X": c.samples, "y": labels,
			"notes": {1}})})
		p, test, err := read(filepath.Join(dir, "d.npz"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := filestest.Values(p)
		if !slices.Equal(got, c.values) || !slices.Equal(p.Names, []string{"7", "3"}) || !slices.Equal(p.Labels,
			[]int{0, 1}) || test != nil {
			t.Errorf("%s: values %v, names %q, labels %v", name, got, p.Names, p.Labels)
		}
	}
}

// arrayNames are samples, labels, and those of the test part.
var arrayNames = [][4]string{
	{"x_train", "y_train", "x_test", "y_test"}, {"train_images", "train_labels", "test_images",
		"test_labels"}, {"train_x", "train_y", "test_x", "test_y"},
	{"trainX", "trainY", "testX", "testY"}, {"Xtrain", "ytrain", "Xtest", "ytest"}, {"images_train", "labels_train",
		"images_test", "labels_test"},
	{"train_data", "train_labels", "test_data", "test_labels"}, {"images", "labels"}, {"x", "y"}, {"data",
		"target"}, {"data", "labels"},
	{"features", "labels"}, {"arr_0", "arr_1"}, {"image", "label"}, {"samples", "targets"},
}

func TestArraysAreFoundByTheirNames(t *testing.T) {
	x, y := filestest.NumPy("|u1", false, "(1, 4, 4, 3)", make([]byte, 48)), filestest.NumPy("|u1", false, "(1, 1)",
		[]byte{4})
	for _, names := range arrayNames {
		arrays := map[string][]byte{names[0]: x, names[1]: y}
		if names[2] != "" {
			arrays[names[2]], arrays[names[3]] = x, y
		}
		content := map[string][]byte{"d.npz": filestest.NPZ(arrays), "d.npz.gz": filestest.Gzip(filestest.NPZ(arrays))}
		for name, array := range arrays {
			content["pair/"+name+".npy"] = array
			content["pairgz/"+name+".npy.gz"] = filestest.Gzip(array)
		}
		dir := filestest.Folder(t, content)
		for _, path := range []string{"d.npz", "d.npz.gz", "pair", "pairgz"} {
			train, test, err := read(filepath.Join(dir, path))
			if err != nil || (test != nil) != (names[2] != "") || !slices.Equal(train.Dims,
				[]int{3, 4, 4}) || !slices.Equal(train.Names, []string{"4"}) {
				t.Errorf("%v in %s: %+v, test %v, %v", names, path, train, test != nil, err)
			}
		}
	}
}

func TestBadArraysNameArrayPlaceAndHint(t *testing.T) {
	x, y := filestest.NumPy("<f4", false, "(2, 2)", []float32{1, 2, 3, 4}), filestest.NumPy("|u1", false, "(2,)",
		[]byte{0, 1})
	head := []byte("\x93NUMPY\x01\x00\x04\x00{}\n ")
	for name, c := range map[string]struct {
		x, y []byte
		want error
		says string
		hint string
	}{
		"truncated values":     {x[:len(x)-1], y, files.ErrTruncated, "array x, byte 15", "damaged"},
		"truncated bytes":      {x, y[:len(y)-1], files.ErrTruncated, "array y, byte 1", "damaged"},
		"truncated header":     {x[:20], y, files.ErrTruncated, "array x", ""},
		"nothing":              {nil, y, files.ErrTruncated, "array x", ""},
		"trailing bytes":       {append(slices.Clone(x), 1), y, files.ErrTrailing, "array x", ""},
		"not an array":         {[]byte("hello, this is text"), y, files.ErrFormat, "array x", ""},
		"a header of nonsense": {head, y, files.ErrFormat, "array x", ""},
		"a huge header":        {[]byte("\x93NUMPY\x02\x00\xff\xff\xff\xff{}"), y, files.ErrTooLarge, "header", ""},
		"a lying header": {filestest.NumPy("<f8", false, "(2, 134217729)", []byte{}), y, files.ErrTooLarge,
			"an array of", "fewer"},
		"an overflowing header": {filestest.NumPy("<f8", false, "(2147483647, 2147483647, 2147483647)", []byte{}), y,
			files.ErrTooLarge, "an array of", "fewer"},
		"a negative dimension": {filestest.NumPy("<f8", false, "(-2, 2)", []byte{}), y, files.ErrFormat, "array x",
			"damaged"},
		"no samples": {filestest.NumPy("<f8", false, "(0, 2)", []byte{}), y, files.ErrFormat, "array x",
			"no dimension 0"},
		"objects": {filestest.NumPy("|O", false, "(2, 2)", []byte{1}), y, files.ErrFormat, "|O", "astype"},
		"complex numbers": {filestest.NumPy("<c8", false, "(2, 2)", make([]byte, 32)), y, files.ErrFormat, "<c8",
			"astype"},
		"not a number": {filestest.NumPy("<f4", false, "(2, 2)", []float32{1, 2, 3, float32(math.NaN())}), y,
			files.ErrValue, "array x, value 3", ""},
		"no features": {y, y, files.ErrFormat, "samples of [2]", ""},
		"too few labels": {x, filestest.NumPy("|u1", false, "(1,)", []byte{1}), files.ErrFormat,
			"samples of [2 2] for 1 labels", ""},
		"rows for labels": {x, x, files.ErrLabel, "array y, row 0: is no label: no one-hot row", "one-hot"},
		"fractions for labels": {x, filestest.NumPy("<f4", false, "(2,)", []float32{1, .5}), files.ErrLabel,
			"array y, value 1", ""},
		"words for samples": {filestest.NumPy("<U1", false, "(2, 2)", make([]byte, 16)), y, files.ErrFormat,
			"samples of text", ""},
		"records": {filestest.NumPyHeader(1,
			"{'descr': [('a', '<f4'), ('b', '<i8')], 'fortran_order': False, 'shape': (2,), }", make([]byte,
				24)), y, files.ErrFormat, "values of type", "table"},
		"five dimensions": {filestest.NumPy("|u1", false, "(2, 1, 1, 1, 1)", []byte{1, 2}), y, files.ErrFormat,
			"samples of [2 1 1 1 1]", "N,H,W,C"},
		"truncated halves": {filestest.NumPy("<f2", false, "(2, 2)", []uint16{1, 2, 3}), y, files.ErrTruncated,
			"array x, byte 6", "damaged"},
		"half infinite": {filestest.NumPy("<f2", false, "(2, 2)", []uint16{1, 2, 0x7c00, 3}), y, files.ErrValue,
			"array x, value 2", "replace"},
	} {
		path := filepath.Join(filestest.Folder(t, map[string][]byte{"d.npz": filestest.NPZ(map[string][]byte{"x": c.x,
			"y": c.y})}), "d.npz")
		_, _, err := read(path)
		var fe *files.Error
		if !errors.As(err, &fe) || fe.Hint == "" || fe.Path != path || !errors.Is(err,
			c.want) || !strings.Contains(err.Error(), c.says) || !strings.Contains(fe.Hint, c.hint) {
			t.Errorf("%s: got %v (%+v), want %v with %q, hint %q", name, err, fe, c.want, c.says, c.hint)
		}
	}
}

func TestHalfATestPartIsRefused(t *testing.T) {
	x, y := filestest.NumPy("|u1", false, "(1, 2)", []byte{1, 2}), filestest.NumPy("|u1", false, "(1,)", []byte{0})
	for there, lacks := range map[string]string{"x_test": "labels", "Y_test": "samples"} {
		path := filepath.Join(filestest.Folder(t, map[string][]byte{"d.npz": filestest.NPZ(map[string][]byte{"x_train": x,
			"y_train": y, there: x})}), "d.npz")
		_, _, err := read(path)
		var fe *files.Error
		if !errors.As(err, &fe) || fe.Path != path || !strings.Contains(err.Error(),
			"array "+there) || !strings.Contains(err.Error(), "no array of its "+lacks) {
			t.Errorf("%s alone: %v", there, err)
		}
	}
}

func TestBadArchivesAreRefused(t *testing.T) {
	good := filestest.NPZ(map[string][]byte{"x": filestest.NumPy("|u1", false, "(2, 200)", make([]byte, 400)),
		"y": filestest.NumPy("|u1", false, "(2,)", []byte{0, 1})})
	broken := slices.Clone(good)
	broken[60] ^= 1 // inside the first array
	for name, content := range map[string][]byte{
		"not an archive": []byte("hello"), "cut": good[:len(good)-30], "damaged": broken,
		"cut gzip":  filestest.Gzip(good)[:60],
		"no labels": filestest.NPZ(map[string][]byte{"x": filestest.NumPy("|u1", false, "(2, 2)", make([]byte, 4))}),
	} {
		path := filepath.Join(filestest.Folder(t, map[string][]byte{"d.npz": content}), "d.npz")
		_, _, err := read(path)
		var fe *files.Error
		if !errors.As(err, &fe) || fe.Hint == "" || fe.Path != path {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzNPZ(f *testing.F) {
	x, y := filestest.NumPy("<f4", false, "(2, 2)", []float32{1, 2, 3, 4}), filestest.NumPy("|u1", false, "(2,)",
		[]byte{0, 1})
	f.Add(filestest.NPZ(map[string][]byte{"x": x, "y": y}))
	f.Add(filestest.NPZ(map[string][]byte{"x_train": x, "y_train": y, "x_test": x, "y_test": y}))
	f.Add(filestest.Gzip(filestest.NPZ(map[string][]byte{"images": x, "labels": y})))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(filestest.Folder(t, map[string][]byte{"d.npz": b}), "d.npz")
		train, test, err := read(path)
		for _, p := range []*files.Part{train, test} {
			if err == nil && p != nil {
				filestest.CheckPart(t, p)
			}
		}
	})
}

func FuzzNumPy(f *testing.F) {
	f.Add(filestest.NumPy("<f4", false, "(2, 2)", []float32{1, 2, 3, 4}))
	f.Add(filestest.NumPy(">i8", true, "(1, 2, 1)", []int64{1, 2}))
	f.Add(filestest.NumPy("|u1", false, "(2,)", []byte{0, 1}))
	f.Add([]byte("\x93NUMPY\x02\x00\x04\x00\x00\x00{}\n "))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := decodeNumPy(bytes.NewReader(b))
		if err != nil {
			return
		}
		n := 1
		for _, d := range a.dims {
			n *= d
		}
		if a.len() != n {
			t.Errorf("%d values of %v", a.len(), a.dims)
		}
	})
}
