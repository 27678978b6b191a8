package torch

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/pickle"
)

// zipped is an archive of entries that are compressed.
func zipped(t testing.TB, entries map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(entries[name]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// viewOf is the pickle of a tensor on a storage of so many float32, without protocol and STOP.
func viewOf(key string, stored, offset int64, dims, strides []int64) string {
	number := func(n int64) string { return "\x8a\x08" + string(binary.LittleEndian.AppendUint64(nil, uint64(n))) }
	tuple := func(all []int64) (out string) {
		for _, n := range all {
			out += number(n)
		}
		return "(" + out + "t"
	}
	text := func(s string) string { return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s }
	return "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "ctorch\nFloatStorage\n" + text(key) + text("cpu") +
		number(stored) + "tQ" + number(offset) + tuple(dims) + tuple(strides) + "\x89ccollections\nOrderedDict\n)RtR"
}

func viewFile(t testing.TB, stored, offset int64, dims, strides []int64, bytes int) []byte {
	return zipped(t, map[string]string{"a/data.pkl": "\x80\x02" + viewOf("0", stored, offset, dims, strides) + ".",
		"a/data/0": strings.Repeat("\x01\x02\x03", bytes)[:bytes]})
}

func TestViewsThatLeaveTheirStorageOrOverlapAreRefused(t *testing.T) {
	huge := int64(math.MaxInt64)
	for name, c := range map[string]struct {
		stored, offset int64
		dims, strides  []int64
		want           error
	}{
		"one value too many":                  {24, 0, []int64{25}, []int64{1}, errOutside},
		"an offset that leaves too little":    {24, 1, []int64{4, 6}, []int64{6, 1}, errOutside},
		"an offset behind the end":            {24, 25, []int64{1}, []int64{1}, errOutside},
		"an offset at the end":                {24, 24, nil, nil, errOutside},
		"strides beyond the end":              {24, 0, []int64{4, 6}, []int64{7, 1}, errOutside},
		"strides that overflow":               {24, 0, []int64{3, 3}, []int64{huge / 2, 1}, errOutside},
		"dimensions that overflow":            {24, 0, []int64{huge, huge, huge}, []int64{3, 2, 1}, errOutside},
		"a stride of 0":                       {24, 0, []int64{4, 6}, []int64{0, 1}, errOverlap},
		"rows that share values":              {24, 0, []int64{4, 6}, []int64{3, 1}, errOverlap},
		"the same axis twice":                 {24, 0, []int64{4, 4}, []int64{1, 1}, errOverlap},
		"a huge empty tensor":                 {24, 0, []int64{0, huge}, []int64{1, 1}, files.ErrTooLarge},
		"a storage larger than any limit":     {huge, 0, []int64{1}, []int64{1}, files.ErrTooLarge},
		"a negative offset":                   {24, -1, []int64{1}, []int64{1}, files.ErrFormat},
		"a negative dimension":                {24, 0, []int64{-1}, []int64{1}, files.ErrFormat},
		"a negative stride":                   {24, 23, []int64{24}, []int64{-1}, files.ErrFormat},
		"a negative storage":                  {-24, 0, []int64{1}, []int64{1}, files.ErrFormat},
		"more strides than dimensions":        {24, 0, []int64{4}, []int64{6, 1}, files.ErrFormat},
		"more dimensions than there could be": {24, 0, slices.Repeat([]int64{1}, 17), make([]int64, 17), files.ErrFormat},
		"fewer bytes than the storage has":    {25, 0, []int64{24}, []int64{1}, files.ErrFormat},
	} {
		if _, err := read(viewFile(t, c.stored, c.offset, c.dims, c.strides, 96), Limits{}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	legal := viewFile(t, 24, 1, []int64{1, 3, 2}, []int64{0, 2, 7}, 96)
	if got := mustRead(t, legal).(*Tensor); !slices.Equal(got.Dims, []int{1, 3, 2}) || len(got.Data) != 24 {
		t.Errorf("a legal view: %v", got)
	}
}

func TestBombsAreRefusedBeforeMemoryIsTaken(t *testing.T) {
	tensor := func(n int) string { return viewOf("0", int64(n), 0, []int64{int64(n)}, []int64{1}) }
	zeros := strings.Repeat("\x00", 1<<20)
	for name, c := range map[string]struct {
		entries map[string]string
		limit   Limits
	}{
		"a compressed storage of zeros": {map[string]string{"a/data.pkl": "\x80\x02" + tensor(1<<18) + ".",
			"a/data/0": zeros}, Limits{}},
		"a compressed pickle": {map[string]string{"a/data.pkl": "\x80\x02" + strings.Repeat("N0", 1<<19) + "N."}, Limits{}},
		"a pickle of many values": {map[string]string{"a/data.pkl": "\x80\x02(" + strings.Repeat("K\x01", 1<<10) + "t."},
			Limits{Pickle: 1 << 14}},
		"more tensors than the limit": {map[string]string{"a/data.pkl": "\x80\x02(" + strings.Repeat(tensor(2), 3) + "t.",
			"a/data/0": "12345678"}, Limits{Tensors: 2}},
		"one storage for more bytes than the limit": {map[string]string{"a/data.pkl": "\x80\x02(" + strings.Repeat(tensor(2),
			3) + "t.", "a/data/0": "12345678"}, Limits{Bytes: 20}},
		"additional files beyond the limit": {map[string]string{"a/data.pkl": "\x80\x02N.", "a/extra/x": "123456789012"},
			Limits{Bytes: 8}},
		"many entries": {func() map[string]string {
			out := map[string]string{"a/data.pkl": "\x80\x02N."}
			for i := range extraEntries + 3 {
				out[fmt.Sprint("a/", i)] = ""
			}
			return out
		}(), Limits{Tensors: 2}},
	} {
		if _, err := read(zipped(t, c.entries), c.limit); !errors.Is(err, files.ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMalformedArchivesAreRefused(t *testing.T) {
	one := "\x80\x02" + viewOf("0", 2, 0, []int64{2}, []int64{1}) + "."
	for name, entries := range map[string]map[string]string{
		"two pickles":             {"a/data.pkl": one, "b/data.pkl": one, "a/data/0": "12345678"},
		"no storage":              {"a/data.pkl": one},
		"a longer storage":        {"a/data.pkl": one, "a/data/0": "123456789"},
		"an unknown byte order":   {"a/data.pkl": one, "a/data/0": "12345678", "a/byteorder": "middle"},
		"bytes behind the pickle": {"a/data.pkl": one + "N", "a/data/0": "12345678"},
		"a key that leaves the place": {"a/data/0": "12345678",
			"a/data.pkl": strings.ReplaceAll(one, "\x01\x00\x00\x000", "\x02\x00\x00\x00..")},
	} {
		_, err := read(zipped(t, entries), Limits{})
		if !errors.Is(err, files.ErrFormat) && !errors.Is(err, files.ErrTrailing) && !errors.Is(err, files.ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, pickled := range map[string]string{
		"a storage alone": "\x80\x02(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000" +
			"X\x03\x00\x00\x00cpuK\x02tQ.",
		"a class of storages":    "\x80\x02ctorch\nFloatStorage\n.",
		"another persistent id":  "\x80\x02(X\x06\x00\x00\x00moduleK\x01tQ.",
		"a persistent id of one": "\x80\x02K\x01Q.",
		"a name of its own":      "\x80\x02ctorch.serialization\nload\n.",
	} {
		if _, err := read(zipped(t, map[string]string{"a/data.pkl": pickled}), Limits{}); !errors.Is(err, pickle.ErrObject) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBigEndianStoragesAreTurnedAround(t *testing.T) {
	content := zipped(t, map[string]string{"a/data.pkl": "\x80\x02" + viewOf("0", 2, 0, []int64{2}, []int64{1}) + ".",
		"a/data/0": "\x3f\x80\x00\x00\x40\x00\x00\x00", "a/byteorder": "big"})
	if got := numbers(t, mustRead(t, content)); !slices.Equal(got, []float64{1, 2}) {
		t.Errorf("%v, want 1 and 2", got)
	}
}
