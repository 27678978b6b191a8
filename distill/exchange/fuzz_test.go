package exchange

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files/filestest"
)

// FuzzRead reads any bytes as a set made elsewhere, of a small task and with what was said of the
// values: whatever is accepted is samples of the task.
func FuzzRead(f *testing.F) {
	set := setOf(f, small, photos(small, 3), artifact.U8, data.Formation{})
	dir := filepath.Join(f.TempDir(), "out")
	if _, err := Write(dir, set, small, ExportOptions{}); err != nil {
		f.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(dir, "images.pt"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content, byte(0))
	images := filestest.NumPy("<f4", false, "(2, 2, 3)", make([]float32, 12))
	f.Add(filestest.NPZ(map[string][]byte{"images": images,
		"labels": filestest.NumPy("<f4", false, "(2, 2)", []float32{0, 1, .5, .5})}), byte(3))
	f.Add(tensorOf(f, []int{2, 1, 2, 3}, make([]float32, 12)), byte(1))
	f.Fuzz(func(t *testing.T, content []byte, how byte) {
		path := filepath.Join(t.TempDir(), "set")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		opt := Options{Values: []Values{"", Standard}[how%2], Soft: []Soft{"", Probabilities, Logits}[how/2%3]}
		got, err := Read(path, small, opt)
		if err != nil {
			return
		}
		s := got.Samples
		if s.Len() == 0 || len(s.X) != s.Len()*small.Shape.Size() ||
			s.Soft != nil && len(s.Soft) != s.Len()*len(small.Classes) {
			t.Fatalf("%d samples of %d values with %d parts of labels", s.Len(), len(s.X), len(s.Soft))
		}
		for _, v := range append(s.X, s.Soft...) {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				t.Fatal("values that are not finite")
			}
		}
		for _, y := range s.Y {
			if y < 0 || y >= len(small.Classes) {
				t.Fatalf("class %d", y)
			}
		}
	})
}
