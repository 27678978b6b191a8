package tiling

import (
	"slices"
	"testing"
)

func TestASmallClassStartsFromPlainNoise(t *testing.T) {
	rows := [][]float32{{5, 5, 5, 5}, {5, 5, 5, 6}}
	mean, deviation := around(rows, 4)
	if !slices.Equal(mean, []float64{0, 0, 0, 0}) || !slices.Equal(deviation, []float64{1, 1, 1, 1}) {
		t.Errorf("mean %v, deviation %v", mean, deviation)
	}
}
