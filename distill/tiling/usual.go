package tiling

import (
	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/augment"
	"github.com/distillmesh/distillmesh/train/data"
)

// UsualFormation is the default's tiles along a side.
const UsualFormation = 2

// FormationFor is the formation that a request asks for, else the method's own.
// The usual one gives way where it does not suit the images; one that was asked
// for does not: it fails with data.ErrFormation.
func FormationFor(req distill.Request, own int) (data.Formation, error) {
	if req.Formation > 0 {
		return req.StoredAs(req.Formation), nil
	}
	f := req.StoredAs(own)
	err := f.Validate(req.Samples.Shape)
	if err != nil && own == UsualFormation {
		return data.NewFormation(1), nil
	}
	return f, err
}

// None is the augmentation that changes nothing.
const None = "none"

// Augmentation is the strategy of a name, or of None.
func Augmentation(name string) (augment.Strategy, error) {
	if name == None {
		return augment.Strategy{}, nil
	}
	return augment.Parse(name)
}

// Recipe is how networks train on tiles (federated-recipes.md 2, step 7), with a
// rate that falls to 0.
func Recipe() train.Recipe {
	return train.Recipe{Optimizer: train.Adam, LR: 1e-3, Schedule: train.Cosine, WeightDecay: 1e-4, Batch: 50, Epochs: 500, MinSteps: 500, MaxSteps: 1500, Augment: augment.Affine}
}
