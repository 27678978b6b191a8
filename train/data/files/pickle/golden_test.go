package pickle

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// golden reads a pickle that Python wrote (testdata/make.py).
func golden(t testing.TB, name string, protocol int) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", fmt.Sprintf("%s.%d.pkl", name, protocol)))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func decode(t testing.TB, b []byte) any {
	t.Helper()
	v, err := Decode(bytes.NewReader(b), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// everyProtocol reads the pickles of all protocols, and again with the names of
// NumPy 2.
func everyProtocol(t *testing.T, name string, check func(*testing.T, *Dict)) {
	for protocol := range 6 {
		b := golden(t, name, protocol)
		renamed := bytes.ReplaceAll(b, []byte("cnumpy.core."), []byte("cnumpy._core."))
		renamed = bytes.ReplaceAll(renamed, []byte("\x8c\x15numpy.core."), []byte("\x8c\x16numpy._core."))
		renamed = bytes.ReplaceAll(renamed, []byte("\x8c\x12numpy.core."), []byte("\x8c\x13numpy._core."))
		for how, b := range map[string][]byte{"numpy 1": b, "numpy 2": renamed} {
			t.Run(fmt.Sprintf("protocol %d of %s", protocol, how), func(t *testing.T) { check(t, decode(t, b).(*Dict)) })
		}
	}
}

func want(t *testing.T, d *Dict, name string, want any) {
	t.Helper()
	if got, ok := d.Get(name); !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("%s is %#v, want %#v", name, got, want)
	}
}

func TestABatchOfCIFAR10IsReadInEveryProtocol(t *testing.T) {
	data := make([]byte, 192)
	for i := range data {
		data[i] = byte(i % 251)
	}
	everyProtocol(t, "cifar10", func(t *testing.T, d *Dict) {
		want(t, d, "batch_label", []byte("training batch 1 of 5"))
		want(t, d, "labels", []any{int64(6), int64(9)})
		want(t, d, "data", &Array{Dims: []int{2, 96}, DType: "|u1", Data: data})
		want(t, d, "filenames", []any{[]byte("leptodactylus_s_000004.png"), []byte("camion_s_000148.png")})
	})
}

func TestCIFAR100IsReadInEveryProtocol(t *testing.T) {
	everyProtocol(t, "cifar100", func(t *testing.T, d *Dict) {
		want(t, d, "batch_label", "testing batch 1 of 1")
		want(t, d, "fine_labels", []any{int64(49), int64(33)})
		want(t, d, "coarse_labels", []any{int64(10), int64(8)})
		want(t, d, "data", &Array{Dims: []int{2, 6}, DType: "|u1", Data: []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}})
	})
}

func TestPlainValuesAreReadInEveryProtocol(t *testing.T) {
	ints := []any{int64(0), int64(1), int64(255), int64(256), int64(65535), int64(65536), int64(-1), int64(-1 << 31),
		int64(1 << 31),
		int64(math.MaxInt64), int64(math.MinInt64)}
	shared := []any{"shared"}
	tuple := Tuple{int64(1), int64(2), int64(3), int64(4)}
	everyProtocol(t, "plain", func(t *testing.T, d *Dict) {
		want(t, d, "none", nil)
		want(t, d, "yes", true)
		want(t, d, "no", false)
		want(t, d, "ints", ints)
		want(t, d, "floats", []any{1.5, math.Copysign(0, -1), 1e300})
		want(t, d, "bytes", []byte("\x00a\xff\n"))
		want(t, d, "text", "hä € 😀\n\\u")
		want(t, d, "tuple", Tuple{})
		want(t, d, "tuples", []any{tuple[:1], tuple[:2], tuple[:3], tuple})
		want(t, d, "set", Set{int64(7)})
		want(t, d, "frozen", Set{int64(8)})
		want(t, d, "ordered", &Dict{Keys: []any{"one", "two"}, Values: []any{int64(1), []any{int64(2)}}})
		want(t, d, "twice", []any{shared, shared})
		want(t, d, "array", []byte("xy\xfe"))
		want(t, d, "empty", []byte{})
		want(t, d, "dict", &Dict{Keys: []any{}, Values: []any{}})
	})
}

func TestArraysAndScalarsAreReadInEveryProtocol(t *testing.T) {
	everyProtocol(t, "arrays", func(t *testing.T, d *Dict) {
		want(t, d, "i8", &Array{Dims: []int{2}, DType: "<i8",
			Data: []byte("\x01\x00\x00\x00\x00\x00\x00\x00\xfe\xff\xff\xff\xff\xff\xff\xff")})
		want(t, d, "be", &Array{Dims: []int{1, 2}, DType: ">f4", Data: []byte("\x3f\xc0\x00\x00\x40\x20\x00\x00")})
		want(t, d, "f", &Array{Dims: []int{2, 3}, DType: "<u2", Fortran: true,
			Data: []byte("\x00\x00\x03\x00\x01\x00\x04\x00\x02\x00\x05\x00")})
		want(t, d, "words", &Array{Dims: []int{2}, DType: "<U2",
			Data: []byte("a\x00\x00\x00b\x00\x00\x00c\x00\x00\x00\xac\x20\x00\x00")})
		want(t, d, "raw", &Array{Dims: []int{2}, DType: "|S2", Data: []byte("abc\x00")})
		want(t, d, "bool", &Array{Dims: []int{2}, DType: "|b1", Data: []byte{1, 0}})
		want(t, d, "objects", []any{"x", int64(3), nil})
		want(t, d, "none", &Array{Dims: []int{0, 4}, DType: "<f8", Data: []byte{}})
		want(t, d, "one", &Array{Dims: []int{}, DType: "<i4", Data: []byte{5, 0, 0, 0}})
		want(t, d, "strided", &Array{Dims: []int{3}, DType: "|u1", Data: []byte{0, 2, 4}})
		want(t, d, "scalars", []any{1.5, int64(-3), int64(200), 2.5, true, "wörd", []byte("by"), 0.5})
	})
}

func TestAPickleOfPython2IsRead(t *testing.T) {
	for _, quotes := range []string{"'", `"`} {
		b := []byte("(dp0\nS" + quotes + `da\ta\x00\n\'\"\101` + quotes +
			"\np1\nL12L\nsS'd'\n(lp2\nI01\naF-2.5\nasU\x01xV\\u20ac\\y\xe4\ns.")
		d := decode(t, b).(*Dict)
		want(t, d, "da\ta\x00\n'\"A", int64(12))
		want(t, d, "d", []any{true, -2.5})
		want(t, d, "x", "€\\yä")
	}
}

func TestWidthCountsBytes(t *testing.T) {
	for dtype, size := range map[string]int{"|u1": 1, "<i8": 8, ">f4": 4, "<U3": 12, "|S5": 5} {
		if got := (&Array{DType: dtype}).Width(); got != size {
			t.Errorf("%s has %d bytes, want %d", dtype, got, size)
		}
	}
}

func TestEveryPieceOfAPickleEndsTooEarly(t *testing.T) {
	for _, name := range []string{"cifar10", "plain", "arrays"} {
		for protocol := range 6 {
			b := golden(t, name, protocol)
			for n := range b {
				if v, err := Decode(bytes.NewReader(b[:n]), Limits{}); err == nil {
					t.Fatalf("%d of %d bytes of %s are read as %v", n, len(b), name, v)
				} else if !strings.Contains(err.Error(), "ends too early") {
					t.Fatalf("%d of %d bytes of %s: %v", n, len(b), name, err)
				}
			}
		}
	}
}
