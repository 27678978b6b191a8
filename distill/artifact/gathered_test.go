package artifact

import (
	"testing"

	"github.com/distillmesh/distillmesh/train"
)

func TestARecipeIsFollowedOnlyWhenAllSetsAgreeAndItIsModest(t *testing.T) {
	set := func(change func(r *train.Recipe)) *Set {
		r := train.DefaultRecipe()
		change(&r)
		return &Set{Manifest: Manifest{Recipe: &r}}
	}
	plain := set(func(*train.Recipe) {})
	affine := set(func(r *train.Recipe) { r.Augment = "affine" })
	again := set(func(r *train.Recipe) { r.Augment = "affine" })
	for name, c := range map[string]struct {
		sets []*Set
		want bool
	}{
		"one set":          {[]*Set{affine}, true},
		"two that agree":   {[]*Set{affine, again}, true},
		"two that do not":  {[]*Set{affine, plain}, false},
		"one without":      {[]*Set{affine, {}}, false},
		"none":             {nil, false},
		"a million steps":  {[]*Set{set(func(r *train.Recipe) { r.MaxSteps, r.MinSteps = 1e6, 1e6 })}, false},
		"an endless batch": {[]*Set{set(func(r *train.Recipe) { r.Batch = 1 << 16 })}, false},
	} {
		if got := RecommendedRecipe(c.sets, 80); (got != nil) != c.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
