package exchange

import (
	"math"
	"slices"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files/array"
)

// Values says what the values of images are.
type Values string

// What values can be.
const (
	Unit     Values = "unit"     // pixels, white is 1
	Byte     Values = "byte"     // pixels, white is 255
	Standard Values = "standard" // (pixel - mean) / std, white is 1
	InTask   Values = "task"     // the same with the task's constants: task space
)

// Soft says what rows of labels are.
type Soft string

// What rows of labels can be.
const (
	Probabilities Soft = "probabilities" // not negative, sum 1
	Logits        Soft = "logits"        // a softmax makes probabilities of them
	Targets       Soft = "targets"       // learned for kernel regression; networks take the class of the largest
)

// ClassOrder says how folders of pictures are matched with the classes of a task.
type ClassOrder string

// How folders are matched.
const (
	ByName  ClassOrder = "names"   // a folder has the name of its class
	Natural ClassOrder = "natural" // folders are in the order of the classes, numbers by size
)

// Options decide what a file leaves open. In notes they are called by the flags that set them, which
// are given here; a zero value leaves a question to be inferred.
type Options struct {
	Values Values // --values
	// Mean and Std are the constants of Standard, one or one for each channel: --mean and --std.
	// Without them, those of the DD-Ranking package for its data sets, else those of the task.
	Mean, Std  []float64
	Layout     string // --layout: the order of the axes of images, such as NHWC
	Images     string // --images: the name of the array of images
	LabelArray string // --label-array: the name of the array of labels
	// Labels is a file of labels alone, in any format with tensors: --labels. Without it, for
	// images.pt without labels, labels.pt beside it.
	Labels     string
	Soft       Soft       // --soft
	FirstLabel string     // --first-label: the number of the first class, "0" (also when empty) or "1"
	Classes    ClassOrder // --classes
	Item       int        // --item: which of several sets in one file, counted from 1
}

// known reports whether a value is empty or one of some.
func known[T ~string](v T, all ...T) bool { return v == "" || slices.Contains(all, v) }

// check refuses invalid options for a task.
func (o Options) check(task *data.Task) error {
	fail := func(hint, format string, args ...any) error {
		return wrong("the options", ErrOption, hint, format, args...)
	}
	switch {
	case !known(o.Values, Unit, Byte, Standard, InTask):
		return fail("write --values unit, byte, standard or task", "values %q", o.Values)
	case !known(o.Soft, Probabilities, Logits, Targets):
		return fail("write --soft probabilities, logits or targets", "soft labels %q", o.Soft)
	case !known(o.Classes, ByName, Natural):
		return fail("write --classes names or natural", "order of classes %q", o.Classes)
	case !known(o.FirstLabel, "0", "1"):
		return fail("write --first-label 0 or 1", "first label %q", o.FirstLabel)
	case !known(o.Layout, array.Layouts...):
		return fail("write --layout NCHW, NHWC or NHW", "layout %q", o.Layout)
	case o.Item < 0:
		return fail("sets in a file are counted from 1", "item %d", o.Item)
	case (o.Mean == nil) != (o.Std == nil):
		return fail("give --mean and --std together", "one of mean and std without the other")
	case o.Mean != nil && o.Values != "" && o.Values != Standard:
		return fail("leave --mean and --std out, or write --values standard", "mean and std for values %q", o.Values)
	}
	for i := range o.Mean {
		if len(o.Mean) != len(o.Std) || len(o.Mean) != 1 && len(o.Mean) != task.Constants() {
			return fail("give one number, or one for each channel", "%d means and %d deviations for %d channels", len(o.Mean),
				len(o.Std), task.Constants())
		}
		if !finite(o.Mean[i]) || !finite(o.Std[i]) || o.Std[i] <= 0 {
			return fail("std is above 0", "mean %g and std %g", o.Mean[i], o.Std[i])
		}
	}
	return nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
