package tiling

import (
	"context"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/spectrum"
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
		start := Start{Samples: s, Form: form(t, s, 1), PerClass: 6, Kind: Neighbors, Seed: seed,
			Purpose: "test"}
		out, err := start.Values(context.Background())
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

// oneClass is samples of one class that differ in two frequencies, and the form of their
// coefficients.
func oneClass(t *testing.T, n int) (*data.Samples, Form) {
	t.Helper()
	shape := data.Shape{C: 1, H: 8, W: 8}
	req := distill.Request{Code: &spectrum.Code{Shape: shape, K: 6, Step: 0.5}}
	q, err := req.Code.Open()
	if err != nil {
		t.Fatal(err)
	}
	rng := data.Stream(3, "spread-test")
	var c []float32
	for range n {
		c = append(c, 4, float32(8*rng.NormFloat64()), float32(4*rng.NormFloat64()), 0, 0, 0)
	}
	s := &data.Samples{Shape: shape, Classes: 1, Y: make([]int, n)}
	if s.X, err = q.Inverse(c); err != nil {
		t.Fatal(err)
	}
	req.Samples = s
	f, err := NewForm(req, data.NewFormation(1), Equal)
	if err != nil {
		t.Fatal(err)
	}
	return s, f
}

func deviationOf(x []float32, k, j int) float64 {
	var rows [][]float32
	for i := 0; i < len(x); i += k {
		rows = append(rows, x[i:i+k])
	}
	_, d := around(rows, k)
	return d[j]
}

func TestSpreadImagesLieAsFarApartAsSamplesAndFromThem(t *testing.T) {
	s, f := oneClass(t, 120)
	made := func(kind string, seed uint64) []float32 {
		start := Start{Samples: s, Form: f, PerClass: 12, Kind: kind, Seed: seed, Purpose: "test"}
		out, err := start.Values(context.Background())
		if err != nil || out.Len() != 12 {
			t.Fatal(out, err)
		}
		return out.X
	}
	samples, err := f.values(s)
	if err != nil {
		t.Fatal(err)
	}
	spread, means := made(Spread, 1), made(Neighbors, 1)
	for _, j := range []int{1, 2} {
		real, have, before := deviationOf(samples, 6, j), deviationOf(spread, 6, j), deviationOf(means, 6, j)
		if have < 0.85*real || before > have {
			t.Errorf("coefficient %d deviates by %.2f, of means by %.2f, of samples by %.2f", j, have, before, real)
		}
	}
	if slices.Equal(spread, made(Spread, 2)) {
		t.Error("another seed, the same images")
	}
	rounded := func(x []float32) *data.Samples {
		return &data.Samples{Shape: data.Shape{C: 1, H: 1, W: 6}, Classes: 1, X: f.rounded(x), Y: make([]int, len(x)/6)}
	}
	d, err := distill.Disclose(context.Background(), rounded(spread), rounded(samples), data.NewFormation(1))
	if err != nil || d.ContainsReal() {
		t.Errorf("nearest_real %g, %v", d.NearestReal(), err)
	}
	d, err = distill.Disclose(context.Background(), rounded(means), rounded(samples), data.NewFormation(1))
	if err != nil || !d.ContainsReal() {
		t.Errorf("plain means have nearest_real %g (%v): the test shows nothing", d.NearestReal(), err)
	}
}

func TestLearnedImagesAreKeptApartFromSamples(t *testing.T) {
	s, f := oneClass(t, 40)
	values, err := f.values(s)
	if err != nil {
		t.Fatal(err)
	}
	samples := &data.Samples{Shape: data.Shape{C: 1, H: 1, W: 6}, Classes: 1, X: f.rounded(values), Y: s.Y}
	learned := slices.Clone(values[:5*6]) // copies of samples
	if err := f.KeepApart(context.Background(), s, learned, 5); err != nil {
		t.Fatal(err)
	}
	images := &data.Samples{Shape: samples.Shape, Classes: 1, X: f.rounded(learned), Y: make([]int, 5)}
	d, err := distill.Disclose(context.Background(), images, samples, data.NewFormation(1))
	if err != nil || d.ContainsReal() {
		t.Errorf("nearest_real %g, %v", d.NearestReal(), err)
	}
}
