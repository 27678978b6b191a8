package tiling

import (
	"context"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
)

func TestASmallClassStartsFromPlainNoise(t *testing.T) {
	rows := [][]float32{{5, 5, 5, 5}, {5, 5, 5, 6}}
	mean, deviation := around(rows, 4)
	if !slices.Equal(mean, []float64{0, 0, 0, 0}) || !slices.Equal(deviation, []float64{1, 1, 1, 1}) {
		t.Errorf("mean %v, deviation %v", mean, deviation)
	}
}

// A tile of neighbors is the mean of one sample and of the nine nearest, so it
// lies among samples that are alike, and other seeds give other tiles.
func TestNeighborsLieAmongSamplesThatAreAlike(t *testing.T) {
	s := &data.Samples{Shape: data.Shape{C: 1, H: 2, W: 2}, Classes: 1}
	for i := range 40 { // two lumps, at 0 and at 100
		for range 4 {
			s.X = append(s.X, float32(100*(i%2))+float32(i)/100)
		}
		s.Y = append(s.Y, 0)
	}
	tiles := func(seed uint64) []float32 {
		start := Start{Samples: s, Formation: data.NewFormation(1), PerClass: 6, Kind: Neighbors, Seed: seed,
			Purpose: "test"}
		out, err := start.Tiles(context.Background())
		if err != nil || len(out.Y) != 6 {
			t.Fatal(out, err)
		}
		return out.X
	}
	x := tiles(1)
	for _, v := range x {
		if v > 1 && v < 100 {
			t.Errorf("a tile at %v, between the lumps", v)
		}
	}
	if slices.Equal(x, tiles(2)) {
		t.Error("another seed, the same tiles")
	}
	s = s.Subset([]int{0, 1, 2, 3, 4, 5, 6, 7, 8})
	for _, v := range tiles(1) { // too few to hide one: noise around nothing
		if v > 90 {
			t.Errorf("a tile at %v shows nine samples", v)
		}
	}
}
