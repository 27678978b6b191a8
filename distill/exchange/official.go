package exchange

import (
	"strings"

	"github.com/distillmesh/distillmesh/train/data"
)

// official is a data set of the DD-Ranking package: it standardizes real images with these
// constants, so images of a tensor have to be standardized likewise.
type official struct {
	name      string // as the package calls it
	mean, std []float64
}

var (
	cifarMean, cifarStd       = []float64{.4914, .4822, .4465}, []float64{.2023, .1994, .2010}
	imageNetMean, imageNetStd = []float64{.485, .456, .406}, []float64{.229, .224, .225}
)

// officials are the data sets of the package by the names of tasks in lower case without marks.
// Both CIFARs have the same constants there.
var officials = map[string]official{
	"cifar10":      {"CIFAR10", cifarMean, cifarStd},
	"cifar100":     {"CIFAR100", cifarMean, cifarStd},
	"tinyimagenet": {"TinyImageNet", imageNetMean, imageNetStd},
	"imagenet1k":   {"ImageNet1K", imageNetMean, imageNetStd},
	"imagenette":   {"ImageNette", imageNetMean, imageNetStd},
	"imagewoof":    {"ImageWoof", imageNetMean, imageNetStd},
	"imagemeow":    {"ImageMeow", imageNetMean, imageNetStd},
	"imagesquawk":  {"ImageSquawk", imageNetMean, imageNetStd},
	"imagefruit":   {"ImageFruit", imageNetMean, imageNetStd},
	"imageyellow":  {"ImageYellow", imageNetMean, imageNetStd},
}

// officialOf is the data set of the package for a task in color, by its name; nil when there is none.
func officialOf(task *data.Task) *official {
	o, ok := officials[strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(task.Name))]
	if !ok || task.Shape.C != len(o.mean) {
		return nil
	}
	return &o
}
