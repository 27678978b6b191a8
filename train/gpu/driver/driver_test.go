package driver

import (
	"bytes"
	"testing"
)

// memory is a buffer of a length.
type memory struct {
	Buffer
	n int
}

// Len implements Buffer.
func (m memory) Len() int { return m.n }

func TestArgumentsAreLittleEndian(t *testing.T) {
	if got := Words(1, 0x01020304).Bytes; !bytes.Equal(got, []byte{1, 0, 0, 0, 4, 3, 2, 1}) {
		t.Errorf("words are %v", got)
	}
	if got := Long(0x01020304).Bytes; !bytes.Equal(got, []byte{4, 3, 2, 1, 0, 0, 0, 0}) {
		t.Errorf("a long is %v", got)
	}
	b := memory{n: 3}
	if Pointer(b).Buffer != Buffer(b) {
		t.Error("a pointer lost its buffer")
	}
}

func TestSpansLieWithinTheirBuffer(t *testing.T) {
	const most = int(^uint(0) >> 1)
	for _, c := range []struct {
		at, n int
		ok    bool
	}{{0, 10, true}, {10, 0, true}, {3, 7, true}, {3, 8, false}, {11, 0, false}, {-1, 2, false}, {2, -1, false}, {5, most,
		false},
		{most, most, false}} {
		if err := CheckSpan(memory{n: 10}, c.at, c.n); (err == nil) != c.ok {
			t.Errorf("%d values from %d: %v", c.n, c.at, err)
		}
	}
}

func TestTheLimitsAreWhatOpenCLPromises(t *testing.T) {
	if GroupSize != 256 || LocalBytes != 32<<10 { // CL_DEVICE_LOCAL_MEM_SIZE is at least 32 KB
		t.Errorf("groups of %d items with %d bytes", GroupSize, LocalBytes)
	}
}
