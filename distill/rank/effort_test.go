package rank

import (
	"errors"
	"testing"
)

func TestARecipeThatWouldTrainForDaysIsRefused(t *testing.T) {
	for _, name := range ShippedNames() {
		r, err := Shipped(name)
		if err != nil {
			t.Fatal(err)
		}
		d := Default()
		if err := CheckEffort(r, d.Trials, d.References, d.Epochs); err != nil {
			t.Errorf("%s, as it is: %v", name, err)
		}
	}
	for name, tt := range map[string]struct {
		change                     func(*Recipe)
		trials, references, epochs int
		want                       error
	}{
		"no trials":                 {nil, 0, 3, 20, ErrPlan},
		"more trials than any seed": {nil, 101, 3, 20, ErrPlan},
		"references without end":    {nil, 5, 1 << 30, 20, ErrPlan},
		"epochs without end":        {nil, 5, 3, 1 << 30, ErrPlan},
		"many long references":      {nil, 5, 100, 10_000, ErrPlan},
		"many long trainings":       {func(r *Recipe) { r.Train.Epochs = 10_000 }, 100, 3, 20, ErrPlan},
		"a training without end":    {func(r *Recipe) { r.Train.Epochs = 1 << 30 }, 5, 3, 20, ErrRecipe},
		"steps without end":         {func(r *Recipe) { r.Train.MinSteps = 1 << 29 }, 5, 3, 20, ErrRecipe},
		"rates without end":         {func(r *Recipe) { r.Rates = make([]float64, 17) }, 5, 3, 20, ErrRecipe},
	} {
		r, err := Shipped(Usual)
		if err != nil {
			t.Fatal(err)
		}
		if tt.change != nil {
			tt.change(&r)
		}
		if err := CheckEffort(r, tt.trials, tt.references, tt.epochs); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}
