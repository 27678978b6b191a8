package artifact

import (
	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
)

// Merge concatenates what sets hold to train on, in the order given.
func Merge(sets []*Set) (*data.Samples, error) {
	var batches []*data.Samples
	for _, s := range sets {
		batches = append(batches, s.TrainingSamples())
	}
	return data.Merge(batches...)
}

// Limits of a recipe that is followed without being asked for: it may come from
// strangers, and costs the time of this device.
const (
	recommendedSteps = 5000
	recommendedBatch = 512
	// A rate outside of these learns nothing or diverges, with either optimiser.
	slowest, fastest = 1e-5, 0.1
	heaviest         = 0.1 // weight decay
)

// RecommendedRecipe is the recipe of the sets that hold more than half of the samples
// to train on. Where none does, or where it asks for more than a device gives
// unasked, it is the default, with the view that all sets recommend, if they do.
// The note, when there is one, says what was not followed.
func RecommendedRecipe(sets []*Set) (recipe train.Recipe, note string) {
	by, views := map[train.Recipe]int{}, map[int]int{}
	n := 0
	for _, s := range sets {
		r, form := s.Manifest.Recipe, s.Manifest.Formation
		here := s.Manifest.Images.Count * form.Tiles()
		n += here
		if r != nil && r.CheckShape(form.FullShape(s.Manifest.Images.shape())) == nil && (r.Coarse == 0 || r.Coarse == form.Factor) {
			by[*r] += here
			views[r.Coarse] += here
		}
	}
	for r, share := range by {
		switch {
		case 2*share <= n:
		case r.Validate() != nil || r.Steps(n) > recommendedSteps || r.Batch > recommendedBatch || r.LR < slowest || r.LR > fastest || r.WeightDecay > heaviest:
			note = "the sets recommend a recipe that asks for more than is given unasked"
		case share < n:
			return r, "not all sets recommend the same recipe: following that of most samples"
		default:
			return r, ""
		}
	}
	if note == "" && len(by) > 0 {
		note = "the sets recommend different recipes, none of them for most samples"
	}
	recipe = train.DefaultRecipe()
	for view, share := range views {
		if share == n {
			recipe.Coarse = view
		}
	}
	return recipe, note
}
