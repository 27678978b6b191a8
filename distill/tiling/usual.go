package tiling

import (
	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/recipe"
	"github.com/distillmesh/distillmesh/train/view"
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
	if req.Code != nil {
		return data.NewFormation(1), nil
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
	channels := 0
	if req.Samples != nil {
		channels = req.Samples.Shape.C
	}
	return recipe.Suitable(req.Augment, channels)
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

// coarse is the factor of a view for the images of a request, 0 for full
// resolution.
func coarse(view string, req distill.Request, f data.Formation) int {
	if view == ViewTile || view == Suitable && req.Samples.Shape.C == 1 {
		return f.Coarse()
	}
	return 0
}

// Recipe is how networks train on images that were learned with an augmentation
// (federated-recipes.md 2, step 7): the usual recipe of the task, with the same
// augmentation and at the same resolution.
func Recipe(req distill.Request, augmentation, name string, f data.Formation) recipe.Recipe {
	if augmentation == None {
		augmentation = Suitable
	}
	r := recipe.Usual(ResolveAuto(Suitable, req), req.Samples.Shape.H, req.Samples.Shape.W)
	seen := View(name, req, f)
	r.Augment, r.Coarse, r.Band = ResolveAuto(augmentation, req), seen.Coarse, seen.Band
	return r
}

// View is how networks see real images under a view of this package.
func View(name string, req distill.Request, f data.Formation) view.View {
	if req.Code == nil {
		return view.View{Coarse: coarse(name, req, f)}
	}
	if name == ViewWhole {
		return view.View{}
	}
	return view.View{Band: req.Code.K}
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
