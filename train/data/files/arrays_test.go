package files

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sbinet/npyio/npy"
)

// numPy is one array as NumPy writes it, of values of any Go type.
func numPy(dtype string, fortran bool, shape string, values any) []byte {
	order := map[bool]string{false: "False", true: "True"}[fortran]
	head := fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", dtype, order, shape)
	head += strings.Repeat(" ", 63-(len(head)+10)%64) + "\n"
	b := bytes.NewBufferString("\x93NUMPY\x01\x00")
	binary.Write(b, binary.LittleEndian, uint16(len(head)))
	b.WriteString(head)
	binary.Write(b, binary.LittleEndian, values)
	return b.Bytes()
}

// archive is an .npz of arrays.
func archive(arrays map[string][]byte) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range arrays {
		w, _ := z.Create(name + ".npy")
		w.Write(content)
	}
	z.Close()
	return b.Bytes()
}

func TestArraysAreReadWhateverTheirTypeAndOrder(t *testing.T) {
	labels := numPy("<i8", false, "(2,)", []int64{7, 3})
	for name, c := range map[string]struct {
		samples []byte
		values  []float32 // read from bytes when the type is uint8
	}{
		"uint8":             {numPy("|u1", false, "(2, 2)", []byte{1, 2, 3, 255}), []float32{1, 2, 3, 255}},
		"bool":              {numPy("|b1", false, "(2, 2)", []byte{1, 0, 0, 1}), []float32{1, 0, 0, 1}},
		"int8":              {numPy("|i1", false, "(2, 2)", []int8{-1, 2, 3, 4}), []float32{-1, 2, 3, 4}},
		"uint16":            {numPy("<u2", false, "(2, 2)", []uint16{1, 2, 3, 65535}), []float32{1, 2, 3, 65535}},
		"int32":             {numPy("<i4", false, "(2, 2)", []int32{1, -2, 3, 4}), []float32{1, -2, 3, 4}},
		"float32":           {numPy("<f4", false, "(2, 2)", []float32{1, 2, 3, .5}), []float32{1, 2, 3, .5}},
		"float64":           {numPy("<f8", false, "(2, 2)", []float64{1, 2, 3, .5}), []float32{1, 2, 3, .5}},
		"float16":           {numPy("<f2", false, "(2, 2)", []uint16{0x3c00, 0xc000, 0x3555, 0x7bff}), []float32{1, -2, .33325195, 65504}},
		"big-endian halves": {numPy(">f2", false, "(2, 2)", []uint16{0x3c, 0xc0, 0, 0x100}), []float32{1, -2, 0, 1. / (1 << 24)}},
		"big-endian":        {numPy(">i2", false, "(2, 2)", []int16{0x100, 0x200, 0x300, 0x400}), []float32{1, 2, 3, 4}},
		"in Fortran order":  {numPy("<f4", true, "(2, 2)", []float32{1, 2, 3, 4}), []float32{1, 3, 2, 4}},
		"Fortran, of bytes": {numPy("|u1", true, "(2, 1, 2)", []byte{1, 2, 3, 4}), []float32{1, 3, 2, 4}},
	} {
		dir := folder(t, map[string][]byte{"d.npz": archive(map[string][]byte{"X": c.samples, "y": labels, "notes": {1}})})
		p, test, err := Arrays(filepath.Join(dir, "d.npz"))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := p.Values
		for _, b := range p.Bytes {
			got = append(got, float32(b))
		}
		if !slices.Equal(got, c.values) || !slices.Equal(p.Names, []string{"7", "3"}) || !slices.Equal(p.Labels, []int{0, 1}) || test != nil {
			t.Errorf("%s: values %v, names %q, labels %v", name, got, p.Names, p.Labels)
		}
	}
}

func TestArraysAreFoundByTheirNames(t *testing.T) {
	x, y := numPy("|u1", false, "(1, 2, 2, 3)", make([]byte, 12)), numPy("|u1", false, "(1, 1)", []byte{4})
	for _, names := range arrayNames {
		arrays := map[string][]byte{strings.ToUpper(names[0]): x, names[1]: y}
		if names[2] != "" {
			arrays[names[2]], arrays[names[3]] = x, y
		}
		files := map[string][]byte{"d.npz": archive(arrays), "d.npz.gz": gz(archive(arrays))}
		for name, content := range arrays {
			files["pair/"+name+".npy"] = content
			files["pairgz/"+name+".npy.gz"] = gz(content)
		}
		dir := folder(t, files)
		for _, path := range []string{"d.npz", "d.npz.gz", "pair", "pairgz"} {
			train, test, err := Arrays(filepath.Join(dir, path))
			if err != nil || (test != nil) != (names[2] != "") || !slices.Equal(train.Dims, []int{2, 2, 3}) || !slices.Equal(train.Names, []string{"4"}) {
				t.Errorf("%v in %s: %+v, test %v, %v", names, path, train, test != nil, err)
			}
		}
	}
}

func TestArraysWrittenByTheLibraryAreRead(t *testing.T) {
	var x, y bytes.Buffer
	if err := errors.Join(npy.Write(&x, [][2]float64{{1, 2}, {3, 4}}), npy.Write(&y, []int32{0, 1})); err != nil {
		t.Skip("the library does not write nested arrays: ", err)
	}
	p, _, err := Arrays(filepath.Join(folder(t, map[string][]byte{"d.npz": archive(map[string][]byte{"data": x.Bytes(), "target": y.Bytes()})}), "d.npz"))
	if err != nil || len(p.Labels) != 2 {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestBadArraysNameArrayPlaceAndHint(t *testing.T) {
	x, y := numPy("<f4", false, "(2, 2)", []float32{1, 2, 3, 4}), numPy("|u1", false, "(2,)", []byte{0, 1})
	head := []byte("\x93NUMPY\x01\x00\x04\x00{}\n ")
	for name, c := range map[string]struct {
		x, y []byte
		want error
		says string
		hint string
	}{
		"truncated values":      {x[:len(x)-1], y, ErrTruncated, "array x, values from 0 on", ""},
		"truncated bytes":       {x, y[:len(y)-1], ErrTruncated, "array y, byte 1", "damaged"},
		"truncated header":      {x[:20], y, ErrTruncated, "array x", ""},
		"nothing":               {nil, y, ErrTruncated, "array x", ""},
		"trailing bytes":        {append(slices.Clone(x), 1), y, ErrTrailing, "array x", ""},
		"not an array":          {[]byte("hello, this is text"), y, ErrFormat, "array x", ""},
		"a header of nonsense":  {head, y, ErrFormat, "array x", ""},
		"a huge header":         {[]byte("\x93NUMPY\x02\x00\xff\xff\xff\xff{}"), y, ErrTooLarge, "header", ""},
		"a lying header":        {numPy("<f8", false, "(2, 134217729)", []byte{}), y, ErrTooLarge, "an array of", "fewer"},
		"an overflowing header": {numPy("<f8", false, "(2147483647, 2147483647, 2147483647)", []byte{}), y, ErrTooLarge, "an array of", "fewer"},
		"a negative dimension":  {numPy("<f8", false, "(-2, 2)", []byte{}), y, ErrFormat, "array x", "no dimension 0"},
		"no samples":            {numPy("<f8", false, "(0, 2)", []byte{}), y, ErrFormat, "array x", "no dimension 0"},
		"objects":               {numPy("|O", false, "(2, 2)", []byte{1}), y, ErrFormat, "|O", "np.unique"},
		"complex numbers":       {numPy("<c8", false, "(2, 2)", make([]byte, 32)), y, ErrFormat, "<c8", "astype"},
		"not a number":          {numPy("<f4", false, "(2, 2)", []float32{1, 2, 3, float32(math.NaN())}), y, ErrValue, "array x, value 3", ""},
		"beyond float32":        {numPy("<f8", false, "(2, 2)", []float64{1, 1e99, 3, 4}), y, ErrValue, "array x, value 1: is no value to learn from: 1e+99 is too large", "replace"},
		"no features":           {y, y, ErrFormat, "samples of [2]", ""},
		"too few labels":        {x, numPy("|u1", false, "(1,)", []byte{1}), ErrFormat, "labels of [1] for 2 samples", ""},
		"one-hot labels":        {x, x, ErrFormat, "labels of [2 2]", "arg-max"},
		"fractions for labels":  {x, numPy("<f4", false, "(2,)", []float32{1, .5}), ErrLabel, "array y, value 1", ""},
		"words":                 {x, numPy("<U3", false, "(2,)", make([]byte, 24)), ErrFormat, "<U3", "np.unique"},
		"five dimensions":       {numPy("|u1", false, "(2, 1, 1, 1, 1)", []byte{1, 2}), y, ErrFormat, "5 dimensions", "N,H,W,C"},
		"truncated halves":      {numPy("<f2", false, "(2, 2)", []uint16{1, 2, 3}), y, ErrTruncated, "array x, byte 6", "damaged"},
		"half infinite":         {numPy("<f2", false, "(2, 2)", []uint16{1, 2, 0x7c00, 3}), y, ErrValue, "array x, value 2", "replace"},
	} {
		path := filepath.Join(folder(t, map[string][]byte{"d.npz": archive(map[string][]byte{"x": c.x, "y": c.y})}), "d.npz")
		_, _, err := Arrays(path)
		var fe *Error
		if !errors.As(err, &fe) || fe.Hint == "" || fe.Path != path || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) || !strings.Contains(fe.Hint, c.hint) {
			t.Errorf("%s: got %v (%+v), want %v with %q, hint %q", name, err, fe, c.want, c.says, c.hint)
		}
	}
}

func TestHalfATestPartIsRefused(t *testing.T) {
	x, y := numPy("|u1", false, "(1, 2)", []byte{1, 2}), numPy("|u1", false, "(1,)", []byte{0})
	for there, lacks := range map[string]string{"x_test": "y_test", "Y_test": "x_test"} {
		path := filepath.Join(folder(t, map[string][]byte{"d.npz": archive(map[string][]byte{"x_train": x, "y_train": y, there: x})}), "d.npz")
		_, _, err := Arrays(path)
		var fe *Error
		if !errors.As(err, &fe) || fe.Path != path || !strings.Contains(err.Error(), "array "+there) || !strings.Contains(err.Error(), "no array "+lacks) {
			t.Errorf("%s alone: %v", there, err)
		}
	}
}

func TestBadArchivesAreRefused(t *testing.T) {
	good := archive(map[string][]byte{"x": numPy("|u1", false, "(2, 200)", make([]byte, 400)), "y": numPy("|u1", false, "(2,)", []byte{0, 1})})
	broken := slices.Clone(good)
	broken[60] ^= 1 // inside the first array
	for name, content := range map[string][]byte{
		"not an archive": []byte("hello"), "cut": good[:len(good)-30], "damaged": broken, "cut gzip": gz(good)[:60],
		"no labels": archive(map[string][]byte{"x": numPy("|u1", false, "(2, 2)", make([]byte, 4))}),
	} {
		path := filepath.Join(folder(t, map[string][]byte{"d.npz": content}), "d.npz")
		_, _, err := Arrays(path)
		var fe *Error
		if !errors.As(err, &fe) || fe.Hint == "" || fe.Path != path {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzNPZ(f *testing.F) {
	x, y := numPy("<f4", false, "(2, 2)", []float32{1, 2, 3, 4}), numPy("|u1", false, "(2,)", []byte{0, 1})
	f.Add(archive(map[string][]byte{"x": x, "y": y}))
	f.Add(archive(map[string][]byte{"x_train": x, "y_train": y, "x_test": x, "y_test": y}))
	f.Add(gz(archive(map[string][]byte{"images": x, "labels": y})))
	f.Fuzz(func(t *testing.T, b []byte) {
		store, err := openArchive(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		for i := 1; i < len(store.names); i++ {
			if p, err := store.part(store.names[i-1], store.names[i]); err == nil {
				checkPart(t, p)
			}
		}
	})
}

func FuzzNumPy(f *testing.F) {
	f.Add(numPy("<f4", false, "(2, 2)", []float32{1, 2, 3, 4}))
	f.Add(numPy(">i8", true, "(1, 2, 1)", []int64{1, 2}))
	f.Add(numPy("|u1", false, "(2,)", []byte{0, 1}))
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
		if len(a.bytes)+len(a.values) != n {
			t.Errorf("%d bytes and %d values of %v", len(a.bytes), len(a.values), a.dims)
		}
	})
}
