package frequency

import (
	"bytes"
	"errors"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/spectrum"

	"github.com/distillmesh/distillmesh/train/data"
)

// levelsOf draws levels that fall off with frequency, by integers alone, and classes.
func levelsOf(n, k int, seed uint64) (levels []int32, labels []int) {
	rng := data.Stream(seed, "frequency-levels")
	for i := range n {
		labels = append(labels, []int{7, 2, 2}[i%3])
		for j := range k {
			q := int32(0)
			for rng.IntN(8+j) < 6 {
				q++
			}
			if rng.IntN(2) == 0 {
				q = -q
			}
			levels = append(levels, q)
		}
	}
	return levels, labels
}

func TestAnyLevelsComeBack(t *testing.T) {
	for _, c := range codes {
		tr := opened(t, c)
		levels, labels := levelsOf(5, c.K, 1)
		extreme := slices.Clone(levels)
		for i, q := range []int32{spectrum.MaxLevel, -spectrum.MaxLevel, 13, 14, 15, 16, -15, spectrum.MaxLevel - 1,
			0, 8207, 8206, 8205} {
			extreme[i*5] = q
		}
		for what, given := range map[string][]int32{
			"levels that fall off": levels, "extreme levels": extreme, "zeros": make([]int32, len(levels)),
		} {
			stream, err := tr.Encode(given, labels)
			if err != nil {
				t.Fatal(err)
			}
			got, err := tr.Decode(stream, labels)
			if err != nil || !slices.Equal(got, given) {
				t.Errorf("%s, %s: other levels come back: %v", name(c), what, err)
			}
		}
	}
}

func TestStreamsThatAreNotWholeAreRefused(t *testing.T) {
	tr := opened(t, codes[1])
	levels, labels := levelsOf(6, 64, 2)
	stream, err := tr.Encode(levels, labels)
	if err != nil {
		t.Fatal(err)
	}
	ends := slices.Clone(stream)
	ends[len(ends)-1] = 1
	for name, bad := range map[string][]byte{
		"no byte": nil, "one byte": {0}, "the last byte missing": stream[:len(stream)-1],
		"half of it":            stream[:len(stream)/2],
		"a zero behind the end": append(slices.Clone(stream), 0), "a byte behind the end": append(slices.Clone(stream), 9),
		"another last byte": ends,
	} {
		if _, err := tr.Decode(bad, labels); !errors.Is(err, ErrStream) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := tr.Decode(stream, labels[:5]); !errors.Is(err, ErrStream) {
		t.Errorf("an image less: %v", err)
	}
	if _, err := tr.Decode(stream, append(labels, 2)); !errors.Is(err, ErrStream) {
		t.Errorf("an image more: %v", err)
	}
	if _, err := tr.Decode(stream, nil); !errors.Is(err, ErrStream) {
		t.Errorf("no image: %v", err)
	}
}

func TestLevelsThatCannotBeWrittenAreRefused(t *testing.T) {
	tr := opened(t, codes[0])
	for _, q := range []int32{spectrum.MaxLevel + 1, -spectrum.MaxLevel - 1, math.MinInt32} {
		levels := make([]int32, 64)
		levels[5] = q
		if _, err := tr.Encode(levels, []int{0}); !errors.Is(err, ErrCode) {
			t.Errorf("level %d: %v", q, err)
		}
	}
	if _, err := tr.Encode(make([]int32, 63), []int{0}); !errors.Is(err, ErrCode) {
		t.Errorf("a level less than an image has: %v", err)
	}
	if _, err := tr.Encode(nil, nil); !errors.Is(err, ErrCode) {
		t.Errorf("no image: %v", err)
	}
}

// Whatever decodes is the stream of what it decodes to, so that a content has one CID.
func FuzzDecode(f *testing.F) {
	small := codeOf(data.Shape{C: 3, H: 8, W: 9}, 20, 1, 2)
	tr := opened(f, small)
	for seed := range uint64(4) {
		levels, labels := levelsOf(3, 20, seed)
		stream, err := tr.Encode(levels, labels)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(stream, uint8(3))
	}
	f.Add([]byte{255, 255, 255, 255, 0, 0}, uint8(200))
	f.Fuzz(func(t *testing.T, stream []byte, n uint8) {
		labels := make([]int, n)
		for i := range labels {
			labels[i] = []int{7, 2, 2}[i%3]
		}
		levels, err := tr.Decode(stream, labels)
		if err != nil {
			return
		}
		again, err := tr.Encode(levels, labels)
		if err != nil || !slices.Equal(again, stream) {
			t.Errorf("%x decodes and is written as %x: %v", stream, again, err)
		}
	})
}

// FuzzCodes reads streams of any small code, for any classes.
func FuzzCodes(f *testing.F) {
	f.Add(uint8(8), uint8(8), uint8(1), uint16(64), float32(0.5), uint8(0), []byte{1, 2, 1}, []byte{3, 200, 0, 0})
	f.Add(uint8(9), uint8(12), uint8(3), uint16(40), float32(1024), uint8(4), []byte{0},
		[]byte{255, 255, 255, 255, 1, 0})
	f.Add(uint8(7), uint8(12), uint8(2), uint16(0), float32(-1), uint8(9), []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, h, w, c uint8, k uint16, step float32, power uint8, classes, stream []byte) {
		code := codeOf(data.Shape{C: int(c), H: int(h % 24), W: int(w % 24)}, int(k), step, int(power))
		tr, err := Open(code)
		if err != nil {
			if !errors.Is(err, ErrCode) {
				t.Fatal(err)
			}
			return
		}
		labels := make([]int, min(len(classes), 20))
		for i := range labels {
			labels[i] = int(classes[i])
		}
		levels, err := tr.Decode(stream, labels)
		if err != nil {
			if !errors.Is(err, ErrStream) {
				t.Fatal(err)
			}
			return
		}
		if again, err := tr.Encode(levels, labels); err != nil || !slices.Equal(again, stream) {
			t.Errorf("%x decodes and is written as %x: %v", stream, again, err)
		}
		images, err := tr.Inverse(tr.Dequantize(levels))
		if err != nil || len(images) != len(labels)*code.Shape.Size() {
			t.Errorf("%d images become %d values: %v", len(labels), len(images), err)
		}
	})
}

// allocated is how many bytes a call allocates in all.
func allocated(call func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestStreamsThatAnnounceMoreThanTheyHoldCostWhatTheyHold(t *testing.T) {
	const announced = 1 << 20
	alike, different := make([]int, announced), make([]int, announced)
	for i := range different {
		different[i] = i
	}
	tr := opened(t, codes[1])
	for _, c := range []struct {
		name   string
		stream []byte
		labels []int
		most   uint64 // bytes
	}{
		{"no byte for a million images", nil, alike, 1 << 20},
		{"four bytes for a million images", []byte{1, 2, 3, 0}, alike, 1 << 20},
		{"the cheapest levels, a class", bytes.Repeat([]byte{255}, 40), alike, 16 << 20},
		{"the cheapest levels, a class per image", bytes.Repeat([]byte{255}, 40), different, 32 << 20},
		{"the dearest levels", make([]byte, 4000), alike, 4 << 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			var err error
			got := allocated(func() { _, err = tr.Decode(c.stream, c.labels) })
			if !errors.Is(err, ErrStream) || !strings.Contains(err.Error(), "end in image") {
				t.Errorf("it is not refused: %v", err)
			}
			if got > c.most {
				t.Errorf("%d bytes are allocated for a stream of %d, want %d at most", got, len(c.stream), c.most)
			}
		})
	}
}

func TestNoStreamHoldsMoreLevelsPerByteThanStated(t *testing.T) {
	tr := opened(t, codeOf(data.Shape{C: 1, H: 28, W: 28}, 784, 1024, 0))
	const n = 500
	stream, err := tr.Encode(make([]int32, n*784), make([]int, n))
	if err != nil {
		t.Fatal(err)
	}
	if per := n * 784 / len(stream); per > 12000 || per < 1000 {
		t.Errorf("zeros are written %d a byte", per)
	}
}
