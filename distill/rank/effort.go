package rank

import (
	"fmt"
)

// maxPasses bounds the passes over a set, and those over all real data, that a score may ask of whoever
// computes it again. The longest recipe of the program makes a tenth of them.
const maxPasses = 200_000

// CheckEffort refuses a recipe, and numbers of trainings, that are out of range or would train for
// days. It fails with ErrRecipe or ErrPlan.
func CheckEffort(r Recipe, trials, references, epochs int) error {
	if err := r.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrRecipe, err)
	}
	if trials < 1 || trials > maxTrials || references < 1 || references > maxTrials || epochs < 1 || epochs > maxEpochs {
		return fmt.Errorf("%w: %d trials and %d references of %d epochs, want 1 to %d, to %d and to %d", ErrPlan, trials,
			references, epochs, maxTrials, maxTrials, maxEpochs)
	}
	if passes := (len(r.Rates) + trials) * r.Train.Epochs; passes > maxPasses {
		return fmt.Errorf("%w: %d passes over the set, at most %d", ErrPlan, passes, maxPasses)
	}
	if passes := references * epochs; passes > maxPasses {
		return fmt.Errorf("%w: %d passes over all real data, at most %d", ErrPlan, passes, maxPasses)
	}
	return nil
}
