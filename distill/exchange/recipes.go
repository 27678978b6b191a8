package exchange

import (
	"fmt"

	"github.com/distillmesh/distillmesh/train/data"
)

// Setting is a number of a recipe by its name.
type Setting struct {
	Name  string
	Value float64
}

// Recipe is how the DD-Ranking package trains on the sets of a method.
type Recipe struct {
	Model        string
	Torchvision  bool   // models are those of torchvision
	Augment      string // dsa, mixup or cutmix; empty for none
	Params       []Setting
	ZCA          bool
	AugmentHard  bool   // augmentation also where soft sets are trained on with hard labels
	SoftMode     string // S for stored labels, M for a teacher on each batch; empty for hard labels
	Criterion    string // sce or kl
	Temperature  float64
	Optimizer    string
	Schedule     string
	Step         int // epochs; 0 for none
	Epochs       int
	WeightDecay  float64
	Batch        int
	Flip         bool    // of pictures
	Pad          int     // pixels around pictures before a random crop; 0 for none
	CropLow      float64 // smallest share of a random resized crop of pictures; 0 for none
	TeacherNames []string
}

const (
	convNet = "ConvNet" // with a depth by the size of images
	resNet  = "ResNet-18-BN"
)

// dsaParams are those of all methods with DSA, cutmixParams those of all with CutMix.
var (
	dsaParams = []Setting{{"flip", .5}, {"rotate", 15}, {"saturation", 2}, {"brightness", 1}, {"contrast", .5},
		{"scale", 1.2}, {"crop", .125}, {"cutout", .5}}
	cutmixParams = []Setting{{"beta", 1}}
)

// hardRecipe is that of the methods with hard labels, with DSA or without augmentation.
func hardRecipe(dsa bool) Recipe {
	r := Recipe{Model: convNet, Optimizer: "sgd", Schedule: "step", Step: 500, Epochs: 1000, WeightDecay: 5e-4, Batch: 256}
	if dsa {
		r.Augment, r.Params = "dsa", dsaParams
	}
	return r
}

// taught is a recipe with a teacher's labels on each batch of images that CutMix mixed.
func taught(model string, epochs, batch int) Recipe {
	return Recipe{Model: model, Torchvision: model == resNet, Augment: "cutmix", Params: cutmixParams, SoftMode: "M",
		Criterion: "kl", Temperature: 20, Optimizer: "adamw", Schedule: "cosine", Epochs: epochs, WeightDecay: .01,
		Batch: batch, Flip: true, CropLow: .08}
}

// withDSA are methods that learn images through networks; att and tesla are not in the package,
// and stand with mtt, whose training of the evaluated network they share.
var withDSA = map[string]bool{"dsa": true, "dm": true, "mtt": true, "tesla": true, "att": true}

// recipeOf is the recipe of a method for images of a shape (branch eval of the package), and
// whether it has one; others get that of dm.
func recipeOf(method string, shape data.Shape) (Recipe, bool) {
	small := max(shape.H, shape.W) <= 32
	r, own := Recipe{}, true
	switch method {
	case "dc":
		r = hardRecipe(false)
	case "datm":
		r = hardRecipe(true)
		r.ZCA, r.AugmentHard, r.SoftMode, r.Criterion, r.Temperature = true, true, "S", "sce", 1
	case "sre2l":
		if r = taught(resNet, 400, 1024); small {
			r.Augment, r.Params, r.Temperature, r.Batch = "mixup", []Setting{{"lambda", .8}}, 30, 256
			r.Pad, r.CropLow = 4, 0
		} else if shape.H > 64 {
			r.Epochs = 300
		}
	case "d4m":
		if r = taught(resNet, 300, 1024); small {
			r = taught(convNet, 500, 100)
		}
	case "rded":
		if r = taught(resNet, 300, 100); small {
			r = taught(convNet+"-BN", 300, 50)
		}
		r.CropLow = 0
	case "dwa":
		r = taught(resNet, 300, 128)
	default:
		r, own = hardRecipe(true), withDSA[method]
	}
	r.Model = withDepth(r.Model, shape)
	if r.SoftMode == "M" {
		r.TeacherNames = []string{r.Model}
	}
	return r, own
}

// withDepth puts the depth of a ConvNet into its name: the images halve to 4 pixels.
func withDepth(model string, shape data.Shape) string {
	if model == resNet {
		return model
	}
	depth := 0
	for side := max(shape.H, shape.W); side > 4; side = (side + 1) / 2 {
		depth++
	}
	return fmt.Sprintf("%s-%d%s", convNet, max(depth, 1), model[len(convNet):])
}
