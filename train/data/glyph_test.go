package data

import (
	"math"
	"slices"
	"testing"
)

func TestGlyphConstantsMatchThePixels(t *testing.T) {
	g := GlyphDigits().Train
	var sum, squares float64
	row := make([]float32, g.Shape().Size())
	const n = 2000
	for i := range n {
		g.Read(i, row)
		for _, v := range row {
			sum += float64(v)
			squares += float64(v) * float64(v)
		}
	}
	count := float64(n * len(row))
	mean := sum / count
	std := math.Sqrt(squares/count - mean*mean)
	if math.Abs(mean-glyphMean) > .01 || math.Abs(std-glyphStd) > .01 {
		t.Errorf("mean %.4f, std %.4f; the task says %.4f, %.4f", mean, std, glyphMean, glyphStd)
	}
}

func TestGlyphsAreTheSameWheneverRead(t *testing.T) {
	a, b := GlyphDigits(), GlyphDigits()
	x, y := make([]float32, 784), make([]float32, 784)
	b.Train.Read(3, y)
	a.Train.Read(7, x)
	b.Train.Read(7, y)
	if !slices.Equal(x, y) {
		t.Error("sample 7 depends on what was read before")
	}
	b.Test.Read(7, y)
	if slices.Equal(x, y) {
		t.Error("test sample 7 is training sample 7")
	}
}

func BenchmarkGlyph(b *testing.B) {
	g := GlyphDigits().Train
	row := make([]float32, 784)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		g.Read(i%GlyphTrain, row)
		i++
	}
}
