package tiling

import (
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/augment"
)

func TestNetworksTrainUnderWhatTheTilesWereLearnedUnder(t *testing.T) {
	digits, photographs := distill.Request{}, distill.Request{Mirror: true}
	for _, c := range []struct {
		req         distill.Request
		asked, want string
		cutMix      float64
	}{
		{digits, Suitable, augment.Affine, 0},
		{digits, None, augment.Affine, 0},
		{digits, augment.DSANoFlip, augment.DSANoFlip, 0},
		{photographs, Suitable, augment.MildFlip, 0.5},
		{photographs, None, augment.MildFlip, 0.5},
		{photographs, augment.Mild, augment.Mild, 0.5},
	} {
		r := Recipe(c.req, c.asked)
		if r.Augment != c.want || r.CutMix != c.cutMix || r.Validate() != nil {
			t.Errorf("mirror %t, %s: %s, cutmix %v, %v", c.req.Mirror, c.asked, r.Augment, r.CutMix, r.Validate())
		}
	}
}
