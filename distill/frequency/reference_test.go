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

	"github.com/distillmesh/distillmesh/train/spectrum"

	"github.com/distillmesh/distillmesh/train/data"
)

var rewrite = flag.Bool("rewrite", false, "write the golden streams anew")

// goldenCodes are what testdata/golden.txt holds the streams of: a line for each.
var goldenCodes = []spectrum.Code{codes[0], codes[1], codes[3], codeOf(data.Shape{C: 3, H: 12, W: 10}, 90, 0.75, 3)}

func golden(t *testing.T) (out []string) {
	t.Helper()
	path := filepath.Join("testdata", "golden.txt")
	if *rewrite {
		for i, c := range goldenCodes {
			levels, labels := levelsOf(4, c.K, uint64(10+i))
			levels[1], levels[c.K] = 40, -spectrum.MaxLevel
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
		want[1], want[c.K] = 40, -spectrum.MaxLevel
		stream, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := opened(t, c).Decode(stream, labels)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: the golden stream gives other levels: %v", name(c), err)
		}
	}
}

// python runs the reference decoder, or skips the test where there is no Python.
func python(t *testing.T, c spectrum.Code, labels []int, stream string) (levels []int32, images []float32) {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("needs python3")
	}
	request, err := json.Marshal(map[string]any{"shape": []int{c.Shape.C, c.Shape.H, c.Shape.W}, "K": c.K,
		"step": float64(c.Step), "power": c.Power, "labels": labels, "stream": stream})
	if err != nil {
		t.Fatal(err)
	}
	run := exec.Command(path, filepath.Join("..", "..", "docs", "decode.py"))
	run.Stdin, run.Stderr = strings.NewReader(string(request)), os.Stderr
	answer, err := run.Output()
	if err != nil {
		t.Fatalf("%s: %v", name(c), err)
	}
	if err := json.Unmarshal(answer, &[]any{&levels, &images}); err != nil {
		t.Fatal(err)
	}
	return levels, images
}

// The decoder in Python is the reference: it shares no code with this package.
func TestTheReferenceDecoderReadsTheGoldenStreams(t *testing.T) {
	for i, text := range golden(t) {
		c := goldenCodes[i]
		_, labels := levelsOf(4, c.K, 0)
		levels, images := python(t, c, labels, text)
		if err := agrees(opened(t, c), text, labels, levels, images); err != nil {
			t.Errorf("%s: %v", name(c), err)
		}
	}
}

func TestTheReferenceDecoderReadsImages(t *testing.T) {
	gray, wide := data.Shape{C: 1, H: 28, W: 28}, data.Shape{C: 1, H: 17, W: 9}
	small, color := data.Shape{C: 1, H: 8, W: 8}, data.Shape{C: 3, H: 32, W: 32}
	for _, c := range []struct {
		name   string
		code   spectrum.Code
		images int
	}{
		{"one small image", codeOf(small, 10, 3, 4), 1},
		{"three hundred small images", codeOf(small, 40, 2, 0), 300},
		{"the least step", codeOf(small, 64, 1.0/1024, 0), 4},
		{"gray images, coarse", codeOf(gray, 100, 4.5, 0), 30},
		{"gray images, fine, all coefficients", codeOf(gray, 784, 0.05, 2), 2},
		{"odd sides", codeOf(wide, 153, 0.5, 1), 60},
		{"odd sides in color", codeOf(data.Shape{C: 3, H: 17, W: 9}, 200, 1, 3), 12},
		{"color images", codeOf(color, 300, 3, 0), 5},
		{"color images, all coefficients", codeOf(color, 3072, 1.5, 1), 1},
		{"the largest step, zeros alone", codeOf(color, 3072, 1024, 0), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := opened(t, c.code)
			z, sigma, labels := noise(c.images*c.code.K, 7), tr.Sigma(), make([]int, c.images)
			for i := range z {
				z[i] *= float32(sigma[i%c.code.K])
			}
			for i := range labels {
				labels[i] = i * 3 / c.images
			}
			given := tr.Quantize(z)
			stream, err := tr.Encode(given, labels)
			if err != nil {
				t.Fatal(err)
			}
			text := hex.EncodeToString(stream)
			levels, images := python(t, c.code, labels, text)
			if !slices.Equal(levels, given) {
				t.Error("other levels come back")
			}
			if err := agrees(tr, text, labels, levels, images); err != nil {
				t.Error(err)
			}
		})
	}
}

// agrees compares what the reference decoder gave with what this package gives.
func agrees(tr *Coder, text string, labels []int, levels []int32, images []float32) error {
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
