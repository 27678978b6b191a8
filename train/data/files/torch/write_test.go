package torch

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"
	"testing"
)

func wrote(t *testing.T, name string, x Tensor, extra map[string][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := Write(&out, name, x, extra); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestWhatIsWrittenHasTheEntriesOfPyTorch(t *testing.T) {
	theirs := fixture(t, "alone.pt")
	x := mustRead(t, theirs).(*Tensor)
	ours := wrote(t, "alone", *x, nil)
	a, err := open(bytes.NewReader(ours), int64(len(ours)), Limits{}.orDefault())
	if err != nil {
		t.Fatal(err)
	}
	b, err := open(bytes.NewReader(theirs), int64(len(theirs)), Limits{}.orDefault())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(b.entries)) {
		want, err := b.entry(name[len(b.prefix):], 1<<10)
		if err != nil {
			t.Fatal(err)
		}
		got, err := a.entry(name[len(b.prefix):], 1<<10)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %q, want %q (%v)", name, got, want, err)
		}
		at, err := a.entries[name].DataOffset()
		if err != nil || at%alignment != 0 {
			t.Errorf("the content of %s begins at byte %d, want a multiple of %d (%v)", name, at, alignment, err)
		}
	}
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	extra := map[string][]byte{"note": []byte("kept"), "more/x": {1, 2, 3}}
	for _, x := range []Tensor{
		{Dims: []int{2, 3}, DType: "|u1", Data: []byte{1, 2, 3, 4, 5, 6}},
		{Dims: []int{300}, DType: "<i8", Data: binary.LittleEndian.AppendUint64(make([]byte, 299*8), 7)},
		{Dims: []int{1 << 17, 1, 1, 1}, DType: "<f4", Data: make([]byte, 4<<17)},
		{Dims: []int{0, 3}, DType: "<f4", Data: []byte{}},
		{Dims: []int{}, DType: "<f4", Data: []byte{0, 0, 128, 63}},
	} {
		content := wrote(t, "x", x, extra)
		f, err := read(content, Limits{})
		if err != nil {
			t.Fatalf("%v: %v", x.Dims, err)
		}
		got := f.Value.(*Tensor)
		if !slices.Equal(got.Dims, x.Dims) || got.DType != x.DType || !bytes.Equal(got.Data, x.Data) {
			t.Errorf("%v of %s come back as %v of %s", x.Dims, x.DType, got.Dims, got.DType)
		}
		if !maps.EqualFunc(f.Extra, extra, bytes.Equal) {
			t.Errorf("additional files come back as %v", f.Extra)
		}
		if !bytes.Equal(content, wrote(t, "x", x, extra)) {
			t.Errorf("%v: the same tensor has other bytes", x.Dims)
		}
	}
}

func TestTensorsThatDoNotFillTheirShapeAreNotWritten(t *testing.T) {
	for _, x := range []Tensor{{Dims: []int{2}, DType: "<f4", Data: make([]byte, 4)}, {Dims: []int{1}, DType: "<f8",
		Data: make([]byte, 8)}} {
		if err := Write(&bytes.Buffer{}, "x", x, nil); err == nil {
			t.Errorf("%v of %s is written", x.Dims, x.DType)
		}
	}
}
