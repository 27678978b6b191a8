package frequency

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

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
		for i, q := range []int32{MaxLevel, -MaxLevel, 13, 14, 15, 16, -15, MaxLevel - 1, 0, 8207, 8206, 8205} {
			extreme[i*5] = q
		}
		for name, given := range map[string][]int32{
			"levels that fall off": levels, "extreme levels": extreme, "zeros": make([]int32, len(levels)),
		} {
			stream, err := tr.Encode(given, labels)
			if err != nil {
				t.Fatal(err)
			}
			got, err := tr.Decode(stream, labels)
			if err != nil || !slices.Equal(got, given) {
				t.Errorf("%s, %s: other levels come back: %v", c.name(), name, err)
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
		"no byte": nil, "one byte": {0}, "the last byte missing": stream[:len(stream)-1], "half of it": stream[:len(stream)/2],
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
	for _, q := range []int32{MaxLevel + 1, -MaxLevel - 1, math.MinInt32} {
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
	small := Code{data.Shape{C: 3, H: 8, W: 9}, 20, 1, 2}
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

var rewrite = flag.Bool("rewrite", false, "write the golden streams anew")

// goldenCodes are what testdata/golden.txt holds the streams of: a line for each.
var goldenCodes = []Code{codes[0], codes[1], codes[3], {data.Shape{C: 3, H: 12, W: 10}, 90, 0.75, 3}}

func golden(t *testing.T) (out []string) {
	t.Helper()
	path := filepath.Join("testdata", "golden.txt")
	if *rewrite {
		for i, c := range goldenCodes {
			levels, labels := levelsOf(4, c.K, uint64(10+i))
			levels[1], levels[c.K] = 40, -MaxLevel
			stream, err := opened(t, c).Encode(levels, labels)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, hex.EncodeToString(stream))
		}
		if err := os.WriteFile(path, []byte(strings.Join(out, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return out
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if out = strings.Fields(string(text)); len(out) != len(goldenCodes) {
		t.Fatalf("%d golden streams, want %d", len(out), len(goldenCodes))
	}
	return out
}

func TestGoldenStreams(t *testing.T) {
	for i, text := range golden(t) {
		c := goldenCodes[i]
		want, labels := levelsOf(4, c.K, uint64(10+i))
		want[1], want[c.K] = 40, -MaxLevel
		stream, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := opened(t, c).Decode(stream, labels)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: the golden stream gives other levels: %v", c.name(), err)
		}
	}
}

// The decoder in Python is the reference: it shares no code with this package.
func TestTheReferenceDecoderAgrees(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("needs python3")
	}
	for i, text := range golden(t) {
		c := goldenCodes[i]
		_, labels := levelsOf(4, c.K, 0)
		request, err := json.Marshal(map[string]any{"shape": []int{c.Shape.C, c.Shape.H, c.Shape.W}, "K": c.K,
			"step": float64(c.Step), "power": c.Power, "labels": labels, "stream": text})
		if err != nil {
			t.Fatal(err)
		}
		run := exec.Command(python, filepath.Join("..", "..", "docs", "decode.py"))
		run.Stdin, run.Stderr = strings.NewReader(string(request)), os.Stderr
		answer, err := run.Output()
		if err != nil {
			t.Fatalf("%s: %v", c.name(), err)
		}
		levels, images := []int32{}, []float32{}
		if err := json.Unmarshal(answer, &[]any{&levels, &images}); err != nil {
			t.Fatal(err)
		}
		if err := agrees(opened(t, c), text, labels, levels, images); err != nil {
			t.Errorf("%s: %v", c.name(), err)
		}
	}
}

// agrees compares what the reference decoder gave with what this package gives.
func agrees(tr *Transform, text string, labels []int, levels []int32, images []float32) error {
	stream, err := hex.DecodeString(text)
	if err != nil {
		return err
	}
	want, err := tr.Decode(stream, labels)
	if err != nil {
		return err
	}
	if !slices.Equal(levels, want) {
		return errors.New("levels differ")
	}
	pixels, err := tr.Inverse(tr.Dequantize(want))
	if err != nil {
		return err
	}
	largest := 0.0
	for _, v := range pixels {
		largest = math.Max(largest, math.Abs(float64(v)))
	}
	if far := farthestApart(pixels, images); len(images) != len(pixels) || far > 1e-5*math.Max(largest/10, 1) {
		return fmt.Errorf("pixels are up to %g apart, the largest is %g", far, largest)
	}
	return nil
}
