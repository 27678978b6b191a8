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

// RecommendedRecipe is the recipe that all sets recommend for n samples, or nil
// when they do not agree, or ask for more than a device gives unasked.
func RecommendedRecipe(sets []*Set, n int) *train.Recipe {
	var out *train.Recipe
	for _, s := range sets {
		r, form := s.Manifest.Recipe, s.Manifest.Formation
		if r == nil || out != nil && *r != *out || !r.Suits(form.FullShape(s.Manifest.Images.shape())) || r.Coarse > 0 && r.Coarse != form.Factor {
			return nil
		}
		out = r
	}
	if out == nil || out.Validate() != nil || out.Steps(n) > recommendedSteps || out.Batch > recommendedBatch ||
		out.LR < slowest || out.LR > fastest || out.WeightDecay > heaviest {
		return nil
	}
	return out
}
