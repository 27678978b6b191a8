package data

import (
	"errors"
	"math"
	"slices"
	"testing"
)

// ramp is n images with values 0, 1, 2, ... and labels 0, 1, 0, 1, ...
func ramp(shape Shape, n int) *Samples {
	s := &Samples{Shape: shape, Classes: 2}
	for i := range n * shape.Size() {
		s.X = append(s.X, float32(i))
	}
	for i := range n {
		s.Y = append(s.Y, i%2)
		s.Soft = append(s.Soft, float32(i), 1)
	}
	return s
}

func TestPackIsTheReverseOfCut(t *testing.T) {
	stored := ramp(Shape{2, 4, 6}, 3)
	f := NewFormation(2)
	tiles := f.Cut(stored)
	if tiles.Len() != 12 || tiles.Shape != (Shape{2, 2, 3}) || !slices.Equal(tiles.Y,
		[]int{0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0}) {
		t.Fatalf("%d tiles of %v, labels %v", tiles.Len(), tiles.Shape, tiles.Y)
	}
	if want := []float32{3, 4, 5, 9, 10, 11, 27, 28, 29, 33, 34, 35}; !slices.Equal(tiles.Row(1), want) {
		t.Errorf("the upper right tile is %v, want %v", tiles.Row(1), want)
	}
	back, err := f.Pack(tiles)
	if err != nil || !slices.Equal(back.X, stored.X) || !slices.Equal(back.Y, stored.Y) || !slices.Equal(back.Soft,
		stored.Soft) {
		t.Errorf("packed again: %v, %v", back, err)
	}
	tiles.Y[2] = 1
	if _, err := f.Pack(tiles); !errors.Is(err, ErrFormation) {
		t.Errorf("two classes in one image: %v", err)
	}
	if _, err := f.Pack(tiles.Subset([]int{0, 1})); !errors.Is(err, ErrFormation) {
		t.Errorf("half an image: %v", err)
	}
}

// A view is what a tile of the image becomes when it is decoded.
func TestAViewIsTheTileDecoded(t *testing.T) {
	s := ramp(Shape{2, 8, 12}, 3)
	for i := range s.X {
		s.X[i] = float32(math.Sin(float64(i)))
	}
	seen := make([]float32, s.Shape.Size())
	for _, factor := range []int{0, 1, 2, 4} {
		f, view := NewFormation(factor).SingleTile(), NewView(factor, s.Shape)
		want := f.Decode(f.Down(s))
		for i := range s.Len() {
			if view.Show(s.Row(i), seen); !slices.Equal(seen, want.Row(i)) {
				t.Errorf("factor %d, image %d: the view differs", factor, i)
			}
		}
	}
}

// A tile stored alone is trained on as the same tile of a whole image.
func TestSingleTilesAreStoredAsTheyAre(t *testing.T) {
	whole, f := ramp(Shape{2, 4, 6}, 3), NewFormation(2)
	alone, tiles := f.SingleTile(), f.Cut(whole)
	if alone.Tiles() != 1 || alone.StoredShape(whole.Shape) != tiles.Shape ||
		alone.FullShape(tiles.Shape) != whole.Shape || NewFormation(1).SingleTile() != NewFormation(1) {
		t.Errorf("%d tiles of %v in %v", alone.Tiles(), alone.StoredShape(whole.Shape), alone.FullShape(tiles.Shape))
	}
	if err := alone.Validate(whole.Shape); err != nil {
		t.Error(err)
	}
	want, got := f.Decode(whole), alone.Decode(tiles)
	if got.Shape != want.Shape || !slices.Equal(got.X, want.X) || !slices.Equal(got.Y, want.Y) || !slices.Equal(got.Soft,
		want.Soft) {
		t.Errorf("decoded %v of %v, want %v of %v", got.Y, got.Shape, want.Y, want.Shape)
	}
	if !slices.Equal(alone.Down(whole).X, f.Down(whole).X) {
		t.Error("samples are made small in another way")
	}
}

// Doubling [0, 4, 8] with half-pixel centers gives 0, 1, 3, 5, 7, 8.
func TestDecodeUpSamplesEachTile(t *testing.T) {
	stored := &Samples{Shape: Shape{1, 4, 6}, Classes: 2, Y: []int{1}, X: []float32{
		0, 4, 8, 1, 1, 1,
		0, 4, 8, 1, 1, 1,
		2, 2, 2, 0, 0, 0,
		2, 2, 2, 4, 4, 4,
	}}
	got := NewFormation(2).Decode(stored)
	if got.Shape != stored.Shape || !slices.Equal(got.Y, []int{1, 1, 1, 1}) {
		t.Fatalf("shape %v, labels %v", got.Shape, got.Y)
	}
	for i, want := range [][]float32{{0, 1, 3, 5, 7, 8}, {1, 1, 1, 1, 1, 1}, {2, 2, 2, 2, 2, 2}} {
		for y := range 4 {
			if row := got.Row(i)[6*y : 6*y+6]; !slices.Equal(row, want) {
				t.Errorf("tile %d, row %d: %v, want %v", i, y, row, want)
			}
		}
	}
	for y, want := range []float32{0, 1, 3, 4} {
		if v := got.Row(3)[6*y]; math.Abs(float64(v-want)) > 1e-6 {
			t.Errorf("last tile, row %d: %v, want %v", y, v, want)
		}
	}
}

func TestDownAverages(t *testing.T) {
	got := NewFormation(2).Down(&Samples{Shape: Shape{1, 2, 4}, Classes: 1, Y: []int{0},
		X: []float32{0, 2, 4, 4, 6, 8, 8, 8}})
	if got.Shape != (Shape{1, 1, 2}) || !slices.Equal(got.X, []float32{4, 6}) {
		t.Errorf("%v: %v", got.Shape, got.X)
	}
}

func TestPlainImagesStayAsTheyAre(t *testing.T) {
	s, f := ramp(Shape{1, 3, 3}, 2), NewFormation(0)
	packed, err := f.Pack(s)
	if f.Decode(s) != s || f.Cut(s) != s || f.Down(s) != s || packed != s || err != nil {
		t.Error("a plain image was changed")
	}
}

func TestFormationsThatDoNotSuitAreRefused(t *testing.T) {
	digit := Shape{1, 28, 28}
	for _, f := range []Formation{NewFormation(1), NewFormation(2), NewFormation(4), NewFormation(7)} {
		if err := f.Validate(digit); err != nil {
			t.Errorf("%+v: %v", f, err)
		}
	}
	for _, c := range []struct {
		f Formation
		s Shape
	}{
		{Formation{}, digit}, {Formation{Factor: -2}, digit}, {Formation{Factor: math.MaxInt}, digit},
		{NewFormation(3), digit}, {NewFormation(8), Shape{1, 8, 8}}, {NewFormation(14), digit}, {NewFormation(2),
			Shape{1, 1, 30}},
		{Formation{Factor: 1, Single: true}, digit},
	} {
		if err := c.f.Validate(c.s); !errors.Is(err, ErrFormation) {
			t.Errorf("%+v of %v: %v", c.f, c.s, err)
		}
	}
}
