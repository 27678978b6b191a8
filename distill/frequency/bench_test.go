package frequency

import (
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
)

// Coding takes time in proportion to levels: 20 images of 300 in color.
func BenchmarkCoding(b *testing.B) {
	tr := opened(b, codeOf(data.Shape{C: 3, H: 32, W: 32}, 300, 3, 0))
	levels, labels := levelsOf(20, 300, 1)
	stream, err := tr.Encode(levels, labels)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.SetBytes(int64(len(levels)))
		for b.Loop() {
			if _, err := tr.Encode(levels, labels); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.SetBytes(int64(len(levels)))
		for b.Loop() {
			if _, err := tr.Decode(stream, labels); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("inverse", func(b *testing.B) {
		b.SetBytes(int64(len(levels)))
		z := tr.Dequantize(levels)
		for b.Loop() {
			if _, err := tr.Inverse(z); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			opened(b, tr.Code())
		}
	})
}
