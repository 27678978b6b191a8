package torch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/pickle"
)

// fixture is a file that testdata/make.py wrote with PyTorch.
func fixture(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func read(content []byte, limit Limits) (*File, error) {
	return Read(bytes.NewReader(content), int64(len(content)), limit)
}

func mustRead(t *testing.T, content []byte) any {
	t.Helper()
	f, err := read(content, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return f.Value
}

// numbers are the values of a tensor of any type.
func numbers(t *testing.T, v any) []float64 {
	t.Helper()
	x, ok := v.(*Tensor)
	if !ok {
		t.Fatalf("%T is no tensor", v)
	}
	var out []float64
	for one := range slices.Chunk(x.Data, widthOf(x.DType)) {
		word := append(slices.Clone(one), make([]byte, 8-len(one))...)
		u := binary.LittleEndian.Uint64(word)
		switch x.DType {
		case "<f4":
			out = append(out, float64(math.Float32frombits(uint32(u))))
		case "<f8":
			out = append(out, math.Float64frombits(u))
		case "<f2":
			out = append(out, map[uint64]float64{0: 0, 0x3c00: 1}[u])
		default:
			out = append(out, float64(u))
		}
	}
	return out
}

func counting(from, step float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = from + float64(i)*step
	}
	return out
}

func TestATensorIsReadFromBothFormatsOfPyTorch(t *testing.T) {
	for _, name := range []string{"alone.pt", "alone.legacy.pt"} {
		v := mustRead(t, fixture(t, name))
		if got := v.(*Tensor); !slices.Equal(got.Dims, []int{4, 1, 2, 3}) || got.DType != "<f4" {
			t.Errorf("%s: %v of %s", name, got.Dims, got.DType)
		}
		if got := numbers(t, v); !slices.Equal(got, counting(0, 1, 24)) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestViewsAreCopiedInRowMajorOrder(t *testing.T) {
	v := mustRead(t, fixture(t, "permuted.pt")).(*Tensor)
	want := []float64{0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11, 12, 15, 13, 16, 14, 17, 18, 21, 19, 22, 20, 23}
	if got := numbers(t, v); !slices.Equal(got, want) || !slices.Equal(v.Dims, []int{4, 3, 2, 1}) {
		t.Errorf("permuted: %v of %v", got, v.Dims)
	}
	for _, name := range []string{"views.pt", "views.legacy.pt"} {
		all := mustRead(t, fixture(t, name)).([]any)
		for i, want := range [][]float64{{4, 6, 8, 10}, {7, 8, 9, 12, 13, 14}, {39}} {
			if got := numbers(t, all[i]); !slices.Equal(got, want) {
				t.Errorf("%s, view %d: %v, want %v", name, i, got, want)
			}
		}
	}
}

func TestEveryTypeOfValuesIsRead(t *testing.T) {
	all := mustRead(t, fixture(t, "types.pt")).([]any)
	for i, want := range strings.Fields("<f4 <f8 <f2 <f4 |u1 |i1 <i2 <i4 <i8 |b1") {
		if got := all[i].(*Tensor); got.DType != want || !slices.Equal(numbers(t, got), []float64{0, 1, 1, 0}) {
			t.Errorf("type %d: %v of %s, want %s", i, numbers(t, got), got.DType, want)
		}
	}
}

func TestContainersKeepTheirForm(t *testing.T) {
	for _, name := range []string{"named.pt", "ordered.legacy.pt"} {
		d := mustRead(t, fixture(t, name)).(*pickle.Dict)
		labels, _ := d.Get("labels")
		if got := numbers(t, labels); !slices.Equal(got, []float64{3, 1, 2, 0}) {
			t.Errorf("%s: labels %v", name, got)
		}
	}
	pair := mustRead(t, fixture(t, "pair.pt")).(pickle.Tuple)
	if got := numbers(t, pair[1]); !slices.Equal(got, []float64{.25, .75, 1, 0, .5, .5, 0, 1}) {
		t.Errorf("soft labels %v", got)
	}
	runs := mustRead(t, fixture(t, "runs.pt")).(*pickle.Dict)
	data, _ := runs.Get("data")
	if got := numbers(t, data.([]any)[1].([]any)[0]); !slices.Equal(got, counting(1, 1, 24)) {
		t.Errorf("second run %v", got)
	}
	if got := mustRead(t, fixture(t, "empty.pt")).(*Tensor); !slices.Equal(got.Dims, []int{0, 3}) || len(got.Data) != 0 {
		t.Errorf("empty tensor: %v", got)
	}
}

func TestWhatIsNoPlainTensorIsRefusedByName(t *testing.T) {
	for name, want := range map[string]string{
		"code.pt":        "__builtin__.eval",
		"code.legacy.pt": "__builtin__.eval",
		"parameter.pt":   "torch._utils._rebuild_parameter",
		"sparse.pt":      "torch._utils._rebuild_sparse_tensor",
		"module.pt":      "torch.nn.modules.linear.Linear",
		"script.pt":      "a TorchScript program",
	} {
		content := fixture(t, name)
		_, err := read(content, Limits{})
		var place *files.Error
		if !errors.Is(err, pickle.ErrObject) || !errors.As(err, &place) {
			t.Fatalf("%s: %v", name, err)
		}
		if !strings.Contains(err.Error(), want) || place.Hint != plainly {
			t.Errorf("%s: %v (%s), want %q named", name, err, place.Hint, want)
		}
		if !Is(bytes.NewReader(content), int64(len(content))) {
			t.Errorf("%s is not recognized as a file of PyTorch", name)
		}
	}
}

func TestOtherFilesAreNotRecognized(t *testing.T) {
	for name, content := range map[string][]byte{"empty": {}, "text": []byte("not a tensor"),
		"a pickle": []byte("\x80\x02K\x01."), "another archive": zipped(t, map[string]string{"x.npy": "1"})} {
		if Is(bytes.NewReader(content), int64(len(content))) {
			t.Errorf("%s is taken for a file of PyTorch", name)
		}
		if _, err := read(content, Limits{}); !errors.Is(err, files.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEveryCutOfAFileIsRefused(t *testing.T) {
	for _, name := range []string{"named.pt", "views.legacy.pt"} {
		whole := fixture(t, name)
		for n := range whole {
			if _, err := read(whole[:n], Limits{}); err == nil {
				t.Fatalf("%s cut to %d of %d bytes is read", name, n, len(whole))
			}
		}
	}
	if _, err := read(append(fixture(t, "alone.legacy.pt"), 0), Limits{}); !errors.Is(err, files.ErrTrailing) {
		t.Errorf("a byte behind the end: %v", err)
	}
}
