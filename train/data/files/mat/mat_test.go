package mat

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime/metrics"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// golden reads a file that SciPy wrote (testdata/make.py).
func golden(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".mat"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWhatSciPyWritesIsRead(t *testing.T) {
	pixels := make([]byte, 48)
	for i := range pixels { // row-major index of the column-major place
		a, b, c, d := i%2, i/2%2, i/4%3, i/12
		pixels[i] = byte(((a*2+b)*3+c)*4 + d)
	}
	want := []Variable{
		{Name: "X", Dims: []int{2, 2, 3, 4}, Class: "uint8", DType: "|u1", Data: pixels},
		{Name: "y", Dims: []int{4, 1}, Class: "uint8", DType: "|u1", Data: []byte{1, 2, 3, 10}},
		{Name: "double", Dims: []int{1, 3}, Class: "double", DType: "<f8",
			Data: []byte("\x00\x00\x00\x00\x00\x00\xf8\x3f\x00\x00\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x08\x40")},
		{Name: "single", Dims: []int{1, 1}, Class: "single", DType: "<f4", Data: []byte("\x00\x00\x00\x3f")},
		{Name: "i16", Dims: []int{2, 1}, Class: "int16", DType: "<i2", Data: []byte("\xff\xff\x2c\x01")},
		{Name: "u64", Dims: []int{1, 1}, Class: "uint64", DType: "<u8", Data: []byte("\xff\xff\xff\xff\xff\xff\xff\xff")},
		{Name: "logical", Dims: []int{1, 2}, Class: "logical", DType: "|u1", Data: []byte{1, 0}},
		{Name: "word", Dims: []int{1, 3}, Class: "char", Text: []string{"hä€"}},
		{Name: "empty", Dims: []int{0, 3}, Class: "double", DType: "<f8", Data: []byte{}},
		{Name: "rows", Dims: []int{3, 3}, Class: "char", Text: []string{"ab", "c", "def"}},
		{Name: "cell", Dims: []int{1, 3}, Class: "cell", Text: []string{"x", "yy", ""}, Cells: []Variable{
			{Dims: []int{1, 1}, Class: "char", Text: []string{"x"}}, {Dims: []int{1, 2}, Class: "char",
				Text: []string{"yy"}}, {Dims: []int{0, 0}, Class: "char"}}},
		{Name: "mixed", Dims: []int{1, 2}, Class: "cell", Cells: []Variable{
			{Dims: []int{1, 1}, Class: "double", DType: "<f8",
				Data: []byte("\x00\x00\x00\x00\x00\x00\x08\x40")}, {Dims: []int{1, 1}, Class: "char", Text: []string{"z"}}}},
		{Name: "st.a", Dims: []int{1, 1}, Class: "double", DType: "<f8", Data: []byte("\x00\x00\x00\x00\x00\x00\xf8\x3f")},
		{Name: "st.b.c", Dims: []int{1, 4}, Class: "char", Text: []string{"deep"}},
		{Name: "complex", Dims: []int{1, 1}, Class: "double", Skipped: "complex numbers"},
		{Name: "sparse", Dims: []int{2, 2}, Class: "sparse", Skipped: "an array of class sparse"},
		{Name: "array", Dims: []int{1, 2}, Class: "struct", Skipped: "a struct array of [1 2]: save its fields as arrays"},
		{Name: "last", Dims: []int{1, 1}, Class: "int32", DType: "<i4", Data: []byte{7, 0, 0, 0}},
	}
	for _, name := range []string{"plain", "packed"} {
		got, err := Decode(bytes.NewReader(golden(t, name)), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) {
			t.Fatalf("%s: %d variables, want %d", name, len(got), len(want))
		}
		for i := range want {
			if !reflect.DeepEqual(got[i], want[i]) {
				t.Errorf("%s: got %+v, want %+v", name, got[i], want[i])
			}
		}
	}
}

func TestOtherVersionsAreRefusedWithAHint(t *testing.T) {
	hdf := make([]byte, 520)
	copy(hdf, "MATLAB 7.3 MAT-file, Platform: GLNXA64")
	for version, b := range map[string][]byte{"version 4": golden(t, "four"), "version 7.3": hdf,
		"7.3 (HDF5)": []byte("\x89HDF\r\n\x1a\n"), "version 9.0": header("IM", "\x00\x09")} {
		_, err := Decode(bytes.NewReader(b), Limits{})
		var e *files.Error
		if !errors.As(err, &e) || !errors.Is(err, files.ErrFormat) || !strings.Contains(err.Error(),
			version) || !strings.Contains(e.Hint, "-v7") {
			t.Errorf("%s: %v", version, err)
		}
	}
}

func TestEveryPieceOfAFileEndsTooEarly(t *testing.T) {
	for _, name := range []string{"plain", "packed"} {
		b := golden(t, name)
		whole := 0
		for n := range b {
			switch _, err := Decode(bytes.NewReader(b[:n]), Limits{}); {
			case err == nil: // the end of a variable
				whole++
			case !errors.Is(err, files.ErrTruncated):
				t.Fatalf("%d of %d bytes of %s: %v", n, len(b), name, err)
			}
		}
		if whole != 17 {
			t.Errorf("%d pieces of %s are whole, want as many as it has variables less the last", whole, name)
		}
	}
}

func TestBoundsHold(t *testing.T) {
	b := golden(t, "packed")
	for _, limit := range []Limits{{Bytes: 4000}, {Variables: 20}, {Depth: -1}} {
		if _, err := Decode(bytes.NewReader(b), limit); !errors.Is(err, files.ErrTooLarge) {
			t.Errorf("%+v: %v, want ErrTooLarge", limit, err)
		}
	}
	if _, err := Decode(bytes.NewReader(b), Limits{Bytes: 1 << 16, Variables: 30, Depth: 2}); err != nil {
		t.Error(err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, name := range []string{"plain", "packed", "four"} {
		b := golden(f, name)
		f.Add(b)
		for i := 0; i < len(b); i += 61 {
			changed := bytes.Clone(b)
			changed[i] ^= 1 << (i % 8)
			f.Add(changed)
		}
	}
	for seed := range uint64(40) {
		b, _ := randomFile(seed)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := allocated()
		vars, err := Decode(bytes.NewReader(b), Limits{Bytes: 1 << 22, Variables: 1 << 10})
		if took := allocated() - before; took > 1<<25 {
			t.Fatalf("%d bytes allocated", took)
		}
		if err != nil {
			var e *files.Error
			if !errors.As(err, &e) || e.Hint == "" {
				t.Fatalf("an error without a hint: %v", err)
			}
			return
		}
		for _, v := range vars {
			check(t, v)
		}
	})
}

// allocated is how many bytes this process has allocated so far.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// check looks whether the parts of a variable belong together.
func check(t *testing.T, v Variable) {
	if v.Skipped != "" {
		return
	}
	n := 1
	for _, d := range v.Dims {
		n *= d
	}
	if v.DType != "" && n*int(v.DType[2]-'0') != len(v.Data) {
		t.Fatalf("%d bytes of %v %s", len(v.Data), v.Dims, v.DType)
	}
	if v.Class == "cell" && n != len(v.Cells) {
		t.Fatalf("%d cells of %v", len(v.Cells), v.Dims)
	}
	for _, c := range v.Cells {
		check(t, c)
	}
}
