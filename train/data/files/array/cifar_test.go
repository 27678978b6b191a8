package array

import (
	"bytes"
	"errors"
	"testing"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// cifarFile is one record a row of labels; every pixel is the record's number.
func cifarFile(rows ...[]byte) []byte {
	var out []byte
	for i, labels := range rows {
		out = append(append(out, labels...), bytes.Repeat([]byte{byte(i)}, 3072)...)
	}
	return out
}

// zeros never ends.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestEndlessCIFARFileIsRefused(t *testing.T) {
	if _, err := decodeCIFAR(zeros{}, []int{10}, &files.Part{}, nil); !errors.Is(err, files.ErrTooLarge) {
		t.Errorf("got %v, want files.ErrTooLarge", err)
	}
}

func FuzzCIFAR(f *testing.F) {
	f.Add(cifarFile([]byte{1}, []byte{2}), false)
	f.Add(cifarFile([]byte{1, 99}), true)
	f.Add([]byte("short"), true)
	f.Fuzz(func(t *testing.T, b []byte, hundred bool) {
		values := []int{10}
		if hundred {
			values = []int{20, 100}
		}
		var p files.Part
		labels, err := decodeCIFAR(bytes.NewReader(b), values, &p, nil)
		if err == nil && (len(p.Bytes)+len(labels)*len(values) != len(b) || len(p.Bytes) != 3072*len(labels)) {
			t.Errorf("%d pixels and %d labels from %d bytes", len(p.Bytes), len(labels), len(b))
		}
	})
}
