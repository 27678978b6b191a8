package tiling

import (
	"math"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// UsualFormation is the default number of tiles along a side.
const UsualFormation = 2

// formationFor is the formation of a request, else the method's own. If the
// images do not allow the usual one, plain images are used; a requested one
// fails with data.ErrFormation.
func formationFor(req distill.Request, own int) (data.Formation, error) {
	if req.Formation > 0 {
		return req.Asked()
	}
	f := req.StoredAs(own)
	err := f.Validate(req.Samples.Shape)
	if err != nil && own == UsualFormation {
		return data.NewFormation(1), nil
	}
	return f, err
}

// Names of augmentations besides those of package augment: none, and the
// default for the images of a request.
const (
	None     = "none"
	Suitable = "auto"
)

// Augmentations are the names that methods accept, except None.
var Augmentations = append([]string{Suitable}, recipe.Augmentations...)

// ResolveAuto is the augmentation of a name for a request: Suitable is what the task
// says, else what suits most images in color, photographs, and most others,
// writing.
func ResolveAuto(name string, req distill.Request) string {
	if name != Suitable {
		return name
	}
	if _, err := recipe.ParseStrategy(req.Augment); err == nil {
		return req.Augment
	}
	if req.Samples != nil && req.Samples.Shape.C == 3 {
		return recipe.MildFlip
	}
	return recipe.Affine
}

// Augmentation is the strategy of a name, or of None.
func Augmentation(name string) (recipe.Strategy, error) {
	if name == None {
		return recipe.Strategy{}, nil
	}
	return recipe.ParseStrategy(name)
}

// Views: an image at the resolution of a tile (averaged, then up-sampled), or as it
// is; Suitable is the first for grey images and the second for those in color
// (docs/methods.md has both measured). For a network trained on tiles alone, whole
// images are another domain, sharper than its training data; tiles learned under
// ViewWhole can make up for it.
const (
	ViewTile  = "tile"
	ViewWhole = "whole"
)

// Views lists all views.
var Views = []string{Suitable, ViewTile, ViewWhole}

// Coarse is the factor of a view for the images of a request, 0 for full
// resolution.
func Coarse(view string, req distill.Request, f data.Formation) int {
	if view == ViewTile || view == Suitable && req.Samples.Shape.C == 1 {
		return f.Coarse()
	}
	return 0
}

// elasticShare is the largest displacement of elastic deformation as a share of the side: 2 pixels of 28.
const elasticShare = 1.0 / 14

// Recipe is how networks train on tiles that were learned with an augmentation
// (federated-recipes.md 2, step 7): with the same one, else the default, with a
// rate that falls to 0, and at the same resolution. CutMix is used only for upright
// objects, since half of a digit is another digit; elastic deformation only where
// rotation and scaling are.
func Recipe(req distill.Request, augmentation, view string, f data.Formation) recipe.Recipe {
	if augmentation == None {
		augmentation = Suitable
	}
	r := recipe.Recipe{Optimizer: recipe.Adam, LR: 1e-3, Schedule: recipe.Cosine, WeightDecay: 1e-4, Batch: 50,
		Epochs: 500, MinSteps: 500, MaxSteps: 1500, Augment: ResolveAuto(augmentation, req), Coarse: Coarse(view, req, f)}
	switch ResolveAuto(Suitable, req) {
	case recipe.Mild, recipe.MildFlip:
		r.CutMix = 0.5
	case recipe.Affine:
		r.Elastic, r.Smooth = math.Round(10*float64(min(req.Samples.Shape.H, req.Samples.Shape.W))*elasticShare)/10, 0.1
	}
	return r
}

// Outline is the outline of a set of tiles: in the method's own formation unless
// the request gives one, by an augmentation, a view and a start.
func Outline(req distill.Request, own int, augmentation, view, start string) (distill.Outline, error) {
	f, err := formationFor(req, own)
	if err != nil {
		return distill.Outline{}, err
	}
	recipe := Recipe(req, augmentation, view, f)
	return distill.Outline{Formation: f, Recipe: &recipe, Grouped: start == Real, OnEngine: true}, nil
}
