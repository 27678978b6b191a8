package train

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/recipe"
)

func TestModelsComeBackFromTheirTensors(t *testing.T) {
	s := blobs(6, data.Shape{C: 1, H: 1, W: 4}, 3, false)
	net := network(t, "mlp", s)
	m := &Model{Network: net, Params: net.Init(1)}
	back, err := FromTensors(net, m.Tensors())
	if err != nil {
		t.Fatal(err)
	}
	sameBits(t, m.Params, back.Params)
	spoiled := m.Tensors()
	spoiled[0].Name = "x"
	if _, err := FromTensors(net, spoiled); !errors.Is(err, ErrTensors) {
		t.Errorf("a missing tensor gave %v", err)
	}
	m.Params[1][0] = float32(math.NaN())
	if _, err := FromTensors(net, m.Tensors()); !errors.Is(err, ErrTensors) {
		t.Errorf("NaN gave %v", err)
	}
}

// A model of a coarse view reads an image as its tile, decoded, and keeps to it
// when it is trained, watched, or its samples are of that view already.
func TestACoarseModelReadsTilesOfImages(t *testing.T) {
	s := blobs(12, data.Shape{C: 1, H: 8, W: 8}, 3, false)
	r := recipe.Default()
	r.Coarse, r.MinSteps, r.MaxSteps = 2, 5, 5
	var watched *Model
	m, err := Fit(t.Context(), network(t, "mlp", s), s, r,
		Options{Hook: func(p Progress) (err error) { watched, err = p.Model(); return err }})
	if err != nil {
		t.Fatal(err)
	}
	form := data.NewFormation(2).SingleTile()
	plain := &Model{Network: m.Network, Params: m.Params}
	want, err := plain.Logits(t.Context(), form.Decode(form.Down(s)))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*Model{"trained": m, "watched": watched} {
		if got, err := c.Logits(t.Context(), s); err != nil || !slices.Equal(got, want) {
			t.Errorf("the %s model scores other than tiles decoded (%v)", name, err)
		}
	}
	if got, err := plain.Logits(t.Context(), s); err != nil || slices.Equal(got, want) {
		t.Errorf("whole images score as their tiles do (%v)", err)
	}
	if _, err := Fit(t.Context(), network(t, "mlp", s), blobs(6, data.Shape{C: 1, H: 1, W: 64}, 3, false), r,
		Options{}); !errors.Is(err, ErrSamples) {
		t.Errorf("a coarse view of a table: %v", err)
	}
}
