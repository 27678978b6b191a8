package tiling

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/distilltest"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/graph/cpu"
	"github.com/distillmesh/distillmesh/train/nn"
)

// lumps are samples of class 1 in two tight lumps, at 0 and at 100, and one sample of
// class 2.
func lumps(t *testing.T) *data.Samples {
	t.Helper()
	s := &data.Samples{Shape: data.Shape{C: 1, H: 4, W: 4}, Classes: 3}
	for i := range 41 {
		for range 16 {
			s.X = append(s.X, float32(100*(i%2))+float32(i%5)/10)
		}
		s.Y = append(s.Y, 1+i/40)
	}
	return s
}

func TestTilesStartAsTheirKindSays(t *testing.T) {
	s := lumps(t)
	start := func(kind string, n int) []float32 {
		out, err := Start{Samples: s, Form: form(t, s, 2), PerClass: n, Kind: kind, Seed: 3,
			Purpose: "test"}.Values(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if out.Shape != (data.Shape{C: 1, H: 2, W: 2}) || len(out.Y) != 2*n || out.Y[0] != 1 || out.Y[n] != 2 {
			t.Fatalf("%s: %v tiles of classes %v", kind, out.Shape, out.Y)
		}
		return out.X[:n*4] // of class 1
	}
	centroids := start(Centroids, 2)
	slices.Sort(centroids)
	if math.Abs(float64(centroids[0])-0.2) > 1e-4 || math.Abs(float64(centroids[7])-100.2) > 1e-4 {
		t.Errorf("centroids %v, want the means of the lumps, 0.2 and 100.2", centroids)
	}
	if noise := start(Noise, 1); slices.Equal(noise, start(Centroids, 1)) {
		t.Errorf("noise is the mean, %v", noise)
	}
	real := Start{Samples: s, Form: form(t, s, 2), PerClass: 1, Kind: Real, Seed: 3, Purpose: "test"}
	out, err := real.Values(t.Context())
	if err != nil || !slices.ContainsFunc(s.X, func(v float32) bool { return math.Abs(float64(v-out.X[0])) < 1e-4 }) {
		t.Errorf("real tiles %v (%v) are no averages of real pixels", out, err)
	}
	real.PerClass = 2 // class 2 has one
	if _, err := real.Values(t.Context()); !errors.Is(err, distill.ErrTooFew) {
		t.Errorf("two real tiles of one sample: %v", err)
	}
}

// A tile becomes the same image in an expression as when a set is read.
func TestTilesAreEnlargedAsAReaderEnlargesThem(t *testing.T) {
	full := data.Shape{C: 2, H: 8, W: 12}
	for _, factor := range []int{1, 2, 4} {
		f := data.NewFormation(factor)
		tile := f.TileShape(full)
		tiles := distilltest.Samples(tile, 2, []int{0, 1}, 3)
		g := graph.New()
		x, identity := graph.Input(g, "x", tiles.Len(), tile.C, tile.H, tile.W), Identity(g, tiles.Len())
		images := Decode(x, identity, f, full)
		e := cpu.New(1)
		p, err := e.Compile(graph.Spec{Inputs: []*graph.Node{x, identity}, Outputs: []*graph.Node{images}})
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float32, tiles.Len()*full.Size())
		if err := errors.Join(p.Set(0, tiles.X), p.Set(1, IdentityMatrices(tiles.Len())), p.Run(),
			p.Get(0, got)); err != nil {
			t.Fatal(err)
		}
		e.Close()
		want := f.SingleTile().Decode(tiles)
		for i, v := range want.X {
			if math.Abs(float64(v-got[i])) > 1e-5 {
				t.Fatalf("factor %d: value %d is %v, a reader has %v", factor, i, got[i], v)
			}
		}
	}
}

func TestTheRangeIsThatOfEachChannel(t *testing.T) {
	s := &data.Samples{Shape: data.Shape{C: 2, H: 1, W: 2}, Classes: 1, Y: []int{0, 0},
		X: []float32{1, 2, -5, 7, 0, 3, 4, 4}}
	if r := RangeOf(s); !slices.Equal(r.Low, []float32{0, -5}) || !slices.Equal(r.High, []float32{3, 7}) {
		t.Errorf("range %v", r)
	}
}

func TestTheUsualFormationGivesWayAndOneThatWasAskedForDoesNot(t *testing.T) {
	odd := distill.Request{Samples: &data.Samples{Shape: data.Shape{C: 1, H: 9, W: 9}, Classes: 2}}
	if f, err := formationFor(odd, UsualFormation); err != nil || f != data.NewFormation(1) {
		t.Errorf("usual formation of 9 x 9: %v, %v", f, err)
	}
	if _, err := formationFor(odd, 4); !errors.Is(err, data.ErrFormation) {
		t.Errorf("the method's own: %v", err)
	}
	odd.Formation = 2
	if _, err := formationFor(odd, UsualFormation); !errors.Is(err, data.ErrFormation) {
		t.Errorf("one that was asked for: %v", err)
	}
	if _, err := Outline(odd, UsualFormation, Suitable, Suitable, Noise); !errors.Is(err, data.ErrFormation) {
		t.Errorf("its outline: %v", err)
	}
	table := &data.Samples{Shape: data.Shape{C: 1, H: 1, W: 13}, Classes: 2}
	if _, err := Network(table, 8); !errors.Is(err, nn.ErrShape) {
		t.Errorf("a network of a table: %v", err)
	}
}

// form is that of tiles of samples.
func form(t *testing.T, s *data.Samples, factor int) Form {
	t.Helper()
	f, err := NewForm(distill.Request{Samples: s}, data.NewFormation(factor), Equal)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
