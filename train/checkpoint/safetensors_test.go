package checkpoint

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func sample() []Tensor {
	return []Tensor{
		U8("bytes", []int{3}, []uint8{1, 2, 255}),
		F32("weights", []int{2, 2}, []float32{1, -2.5, float32(math.Inf(1)), 0}),
		F16("half", []int{1, 2}, []float32{0.5, 65504}),
		I64("steps", nil, []int64{-7}),
		F64("sums", []int{1}, []float64{math.Pi}),
		U16("labels", []int{2}, []uint16{0, 65535}),
		F32("empty", []int{0, 4}, nil),
		F32("empty too", []int{4, 0}, nil),
	}
}

func TestRoundTripKeepsEveryTensorAndIsCanonical(t *testing.T) {
	meta := map[string]string{"b": "2", "a": "1 < 2"}
	file, err := Encode(sample(), meta)
	if err != nil {
		t.Fatal(err)
	}
	tensors, gotMeta, err := Decode(file, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(gotMeta, meta) || len(tensors) != len(sample()) {
		t.Fatalf("%d tensors, metadata %v", len(tensors), gotMeta)
	}
	byName := make(map[string]Tensor)
	for _, x := range tensors {
		byName[x.Name] = x
	}
	for _, want := range sample() {
		got := byName[want.Name]
		if got.DType != want.DType || got.Len() != want.Len() || !bytes.Equal(got.Data, want.Data) {
			t.Errorf("%s came back as %+v", want.Name, got)
		}
	}
	again, err := Encode(tensors, gotMeta)
	if err != nil || !bytes.Equal(again, file) {
		t.Errorf("encoding what was decoded gives other bytes (%v)", err)
	}
	half, err := byName["half"].Float32s()
	if err != nil || half[0] != 0.5 || half[1] != 65504 {
		t.Errorf("half precision came back as %v (%v)", half, err)
	}
}

// The layout is that of the format's specification: length, JSON, spaces, data.
// What a state resumes from is what was written: no flipped bit passes.
func TestDamageIsNoticed(t *testing.T) {
	zeros := strings.Repeat("0", 64)
	file, err := Encode(sample(), map[string]string{"run": zeros, "step": "12"})
	if err != nil {
		t.Fatal(err)
	}
	if _, meta, err := Decode(file, Limits{}); err != nil || meta["run"] != zeros || len(meta) != 2 {
		t.Fatalf("whole: metadata %v (%v)", meta, err)
	}
	key := bytes.Index(file, []byte(digestKey))
	for i := range file {
		if i >= key && i < key+len(digestKey) {
			continue // without its name it is no digest, and all the rest is whole
		}
		file[i] ^= 1
		if _, _, err := Decode(file, Limits{}); err == nil {
			t.Fatalf("byte %d of %d damaged, and nothing noticed", i, len(file))
		}
		file[i] ^= 1
	}
	file[len(file)-1] ^= 0x80
	if _, _, err := Decode(file, Limits{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("damaged values: %v", err)
	}
}

func TestTheSizeOfAFileIsKnownWithoutItsValues(t *testing.T) {
	bare := sample()
	for i := range bare {
		bare[i].Data = nil
	}
	for _, meta := range []map[string]string{nil, {"b": "2", "a": "1 < 2"}} {
		file, err := Encode(sample(), meta)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := Size(bare, meta); err != nil || n != int64(len(file)) {
			t.Errorf("%d bytes (%v), the file has %d", n, err, len(file))
		}
	}
	for what, bad := range map[string][]Tensor{
		"a type of its own":  {{Name: "a", DType: "U3", Shape: []int{1}}},
		"a name taken twice": {{Name: "a", DType: DTypeU8}, {Name: "a", DType: DTypeU8}},
		"a shape below zero": {{Name: "a", DType: DTypeU8, Shape: []int{-1}}},
		"more than there is": {{Name: "a", DType: DTypeF64, Shape: []int{math.MaxInt, 2}}},
	} {
		if n, err := Size(bad, nil); err == nil {
			t.Errorf("%s: %d bytes", what, n)
		}
	}
}

func TestEncodeWritesTheSpecifiedBytes(t *testing.T) {
	file, err := Encode([]Tensor{U8("a", []int{2}, []uint8{7, 9})}, nil)
	if err != nil {
		t.Fatal(err)
	}
	header := `{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`
	header += strings.Repeat(" ", (8-len(header)%8)%8)
	want := hex.EncodeToString(binary.LittleEndian.AppendUint64(nil,
		uint64(len(header)))) + hex.EncodeToString([]byte(header)) + "0709"
	if got := hex.EncodeToString(file); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func withHeader(header string, data ...byte) []byte {
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), data...)
}

func TestDecodeRefuses(t *testing.T) {
	cases := []struct {
		name string
		file []byte
		want error
	}{
		{"an empty file", nil, ErrFormat},
		{"a header longer than the file", withHeader("{}")[:9], ErrFormat},
		{"a header beyond the limit", binary.LittleEndian.AppendUint64(nil, 1<<62), ErrTooLarge},
		{"a header that is no object", withHeader("[]"), ErrFormat},
		{"two objects", withHeader("{}{}"), ErrFormat},
		{"an unknown element type", withHeader(`{"a":{"dtype":"F8","shape":[1],"data_offsets":[0,1]}}`, 0), ErrFormat},
		{"a name twice",
			withHeader(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},`+
				`"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 0, 0), ErrFormat},
		{"a field twice", withHeader(`{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 0), ErrFormat},
		{"an unknown field", withHeader(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1}}`, 0), ErrFormat},
		{"no shape", withHeader(`{"a":{"dtype":"U8","data_offsets":[0,1]}}`, 0), ErrFormat},
		{"a negative dimension", withHeader(`{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}`, 0), ErrFormat},
		{"a product that overflows",
			withHeader(`{"a":{"dtype":"U8","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,0]}}`), ErrTooLarge},
		{"a size that is not the shape's", withHeader(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 0, 0, 0, 0),
			ErrFormat},
		{"a gap", withHeader(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 0, 0), ErrFormat},
		{"an overlap",
			withHeader(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},`+
				`"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 0, 0), ErrFormat},
		{"bytes of no tensor", withHeader(`{}`, 0), ErrFormat},
		{"missing data", withHeader(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, 0), ErrFormat},
		{"metadata that is no string", withHeader(`{"__metadata__":{"a":1}}`), ErrFormat},
		{"too many dimensions", withHeader(`{"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}}`, 0),
			ErrTooLarge},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if _, _, err := Decode(c.file, Limits{}); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func TestEncodeRefusesWhatNoReaderWouldAccept(t *testing.T) {
	one := U8("a", []int{1}, []uint8{1})
	for name, tensors := range map[string][]Tensor{
		"a duplicate":      {one, one},
		"a reserved name":  {U8("__metadata__", []int{1}, []uint8{1})},
		"a wrong size":     {U8("a", []int{2}, []uint8{1})},
		"an unknown dtype": {{Name: "a", DType: "X", Shape: []int{1}, Data: []byte{1}}},
	} {
		if _, err := Encode(tensors, nil); err == nil {
			t.Errorf("%s was encoded", name)
		}
	}
}

func TestFilesBeyondTheLimitsAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.safetensors")
	file, err := Encode([]Tensor{F32("weights", []int{1}, []float32{1})}, nil)
	if err == nil {
		err = os.WriteFile(path, file, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if tensors, _, err := ReadFile(path, Limits{}); err != nil || tensors[0].Name != "weights" {
		t.Fatalf("%v, %v", tensors, err)
	}
	if _, _, err := ReadFile(path, Limits{DataBytes: 2, HeaderBytes: 2}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a file beyond the limits gave %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	file, err := Encode(sample(), map[string]string{"k": "v"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Add(withHeader(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 0))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, file []byte) {
		tensors, meta, err := Decode(file, Limits{})
		if err != nil {
			return
		}
		again, err := Encode(tensors, meta)
		if err != nil {
			t.Fatalf("decoded but cannot be encoded: %v", err)
		}
		if _, _, err := Decode(again, Limits{}); err != nil {
			t.Fatalf("encoded but cannot be decoded: %v", err)
		}
	})
}
