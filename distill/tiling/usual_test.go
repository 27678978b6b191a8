package tiling

import (
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/distilltest"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/recipe"
)

func TestNetworksTrainUnderWhatTheTilesWereLearnedUnder(t *testing.T) {
	gray, color := distilltest.Samples(data.Shape{C: 1, H: 28, W: 30}, 2, []int{0},
		1), distilltest.Samples(data.Shape{C: 3, H: 8, W: 8}, 2, []int{0}, 1)
	digits, photographs := distill.Request{Samples: gray, Augment: recipe.Affine}, distill.Request{Samples: color,
		Augment: recipe.MildFlip}
	for _, c := range []struct {
		req         distill.Request
		asked, want string
		elastic     float64
		cutMix      float64
	}{
		{digits, Suitable, recipe.Affine, 2, 0},
		{digits, None, recipe.Affine, 2, 0},
		{digits, recipe.DSANoFlip, recipe.DSANoFlip, 2, 0},
		{photographs, Suitable, recipe.MildFlip, 0, 0.5},
		{photographs, None, recipe.MildFlip, 0, 0.5},
		{photographs, recipe.Mild, recipe.Mild, 0, 0.5},
		{distill.Request{Samples: gray}, Suitable, recipe.Affine, 2, 0},
		{distill.Request{Samples: gray, Augment: recipe.Mild}, Suitable, recipe.Mild, 0, 0.5},
		{distill.Request{Samples: color}, Suitable, recipe.MildFlip, 0, 0.5},
		{distill.Request{Samples: color, Augment: "of a later version"}, Suitable, recipe.MildFlip, 0, 0.5},
	} {
		r := Recipe(c.req, c.asked, ViewWhole, data.NewFormation(2))
		if r.Augment != c.want || r.CutMix != c.cutMix || r.Elastic != c.elastic || r.Validate() != nil {
			t.Errorf("%q, %s: %s, elastic %v, cutmix %v, %v", c.req.Augment, c.asked, r.Augment, r.Elastic, r.CutMix,
				r.Validate())
		}
	}
	for _, c := range []struct {
		view         string
		factor, want int
	}{{ViewTile, 2, 2}, {ViewTile, 4, 4}, {ViewTile, 1, 0}, {ViewWhole, 2, 0}, {Suitable, 2, 2}, {"", 2, 0}} {
		if r := Recipe(digits, Suitable, c.view, data.NewFormation(c.factor)); r.Coarse != c.want || r.Validate() != nil {
			t.Errorf("view %q of factor %d: coarse %d", c.view, c.factor, r.Coarse)
		}
	}
	if r := Recipe(photographs, Suitable, Suitable, data.NewFormation(2)); r.Coarse != 0 {
		t.Errorf("photographs are viewed as tiles of factor %d", r.Coarse)
	}
}
