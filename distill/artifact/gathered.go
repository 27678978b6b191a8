package artifact

import (
	"math"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/recipe"
	"github.com/distillmesh/distillmesh/train/view"
)

// Merge concatenates the training samples of sets, in the order given.
func Merge(sets []*Set) (*data.Samples, error) {
	var batches []*data.Samples
	for _, s := range sets {
		batches = append(batches, s.TrainingSamples())
	}
	return data.Merge(batches...)
}

// Limits of a recommended recipe, which may come from any node and costs the
// time of this device.
const (
	fewestSteps, recommendedSteps = 50, 5000
	recommendedBatch              = 512
	// A rate outside of this range learns nothing or diverges, with either optimizer.
	slowest, fastest = 1e-5, 0.1
	heaviest         = 0.1  // weight decay
	farthest         = 0.25 // largest displacement of elastic deformation, as a share of the side
	smoothest        = 0.5  // of a label
)

// Recommendation is the recipe that gathered sets recommend.
type Recommendation struct {
	Recipe recipe.Recipe
	Own    bool   // most sets recommend it
	Note   string // which recommendations were not followed, if any
}

// Recommend finds the recipe of more than half of the sets. If there is none, or if it exceeds
// the limits, the recipe is the default, with the view that all sets recommend, if they
// agree. Sets of codes with different numbers of coefficients agree on the largest.
func Recommend(sets []*Set) Recommendation {
	of := tally(sets, 0)
	if band := widestBand(sets); band > 0 && 2*of.most() <= len(sets) {
		of = tally(sets, band)
	}
	out := Recommendation{Recipe: recipe.Default()}
	for v, votes := range of.views {
		if votes == len(sets) {
			out.Recipe.Coarse, out.Recipe.Band = v.Coarse, v.Band
		}
	}
	for r, votes := range of.recipes {
		switch {
		case 2*votes <= len(sets):
		case !withinLimits(r, of.images, of.side):
			out.Note = "the sets recommend a recipe that asks for more than is given unasked, or for what teaches nothing"
			return out
		case votes < len(sets):
			return Recommendation{r, true, "not all sets recommend the same recipe: following that of most"}
		default:
			return Recommendation{r, true, ""}
		}
	}
	if len(of.recipes) > 0 {
		out.Note = "the sets recommend different recipes, none of them most sets"
	}
	return out
}

// votes are what sets recommend, and how many images they have of which smallest side.
type votes struct {
	recipes      map[recipe.Recipe]int
	views        map[view.View]int
	images, side int
}

// most is how many sets the most frequent recipe has.
func (v votes) most() (n int) {
	for _, k := range v.recipes {
		n = max(n, k)
	}
	return n
}

// tally counts recipes that suit their sets; with a band above 0 all have that one.
func tally(sets []*Set, band int) votes {
	out := votes{recipes: map[recipe.Recipe]int{}, views: map[view.View]int{}, side: math.MaxInt}
	for _, s := range sets {
		form := s.Manifest.Formation
		shape := form.FullShape(s.Manifest.Images.shape())
		out.images += s.Manifest.Images.Count * form.Tiles()
		out.side = min(out.side, shape.H, shape.W)
		if s.Manifest.Recipe == nil {
			continue
		}
		r := *s.Manifest.Recipe
		if band > 0 {
			r.Band = band
		}
		if view.CheckRecipe(r, shape) == nil && (r.Coarse == 0 || r.Coarse == form.Factor) {
			out.recipes[r]++
			out.views[view.Of(r)]++
		}
	}
	return out
}

// widestBand is the largest band that sets recommend, 0 when one recommends none.
func widestBand(sets []*Set) (band int) {
	for _, s := range sets {
		if s.Manifest.Recipe == nil || s.Manifest.Recipe.Band == 0 {
			return 0
		}
		band = max(band, s.Manifest.Recipe.Band)
	}
	return band
}

// withinLimits reports whether a recipe for n samples keeps the limits.
func withinLimits(r recipe.Recipe, n, side int) bool {
	return r.Validate() == nil && r.Steps(n) >= fewestSteps && r.Steps(n) <= recommendedSteps &&
		r.Batch <= recommendedBatch &&
		r.LR >= slowest && r.LR <= fastest && r.WeightDecay <= heaviest && r.Elastic <= farthest*float64(side) &&
		r.Smooth <= smoothest
}
