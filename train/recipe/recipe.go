// Package recipe describes how a network is trained: optimizer, learning rate,
// steps and augmentation. A recipe is data: a distilled set carries one as a
// recommendation, and this package does not train.
package recipe

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
)

// ErrUnsuited means that the recipe cannot be used with the samples.
var ErrUnsuited = errors.New("samples do not suit the recipe")

// The optimizers a recipe may name.
const (
	Adam  = "adam"
	AdamW = "adamw" // Adam with decoupled weight decay (Loshchilov and Hutter 2019)
	SGD   = "sgd"
)

// The schedules of the learning rate that a recipe may name; without one it is constant.
const (
	Cosine     = "cosine"      // falls to 0 as half a cosine
	HalfCosine = "half-cosine" // falls to half of the rate, as a quarter of a wave
	Stepwise   = "step"        // a tenth after each Drop of the training
)

// What a recipe may mix the images of every batch by, without their labels.
const (
	MixUp  = "mixup"  // the whole image (Zhang et al. 2018)
	MixCut = "cutmix" // a rectangle (Yun et al. 2019)
)

// Recipe describes how a network is trained. One step is one mini-batch. A
// distilled set carries a recipe as a recommendation.
type Recipe struct {
	Optimizer   string  `json:"optimizer"`          // Adam, AdamW or SGD
	LR          float64 `json:"lr"`                 // learning rate
	Schedule    string  `json:"schedule,omitempty"` // of the learning rate: Cosine, HalfCosine, Stepwise, or none
	Drop        float64 `json:"drop,omitempty"`     // share of the steps between two falls of Stepwise
	Momentum    float64 `json:"momentum,omitempty"` // SGD only
	WeightDecay float64 `json:"weight_decay"`       // added to the gradient, times the values; of AdamW it shrinks values
	Batch       int     `json:"batch"`              // samples per step; at most the number of samples
	Epochs      int     `json:"epochs"`             // passes over the data
	MinSteps    int     `json:"min_steps,omitempty"`
	MaxSteps    int     `json:"max_steps,omitempty"` // zero: no limit
	// random augmentation: one of Augmentations or DSA families, or none
	Augment string `json:"augment,omitempty"`
	// pixels of the largest displacement of an elastic deformation, before Augment
	Elastic float64 `json:"elastic,omitempty"`
	// share of the steps whose samples have a rectangle of another sample pasted in
	CutMix float64 `json:"cutmix,omitempty"`
	// every batch's images are mixed in this way, and labels stay: MixUp, MixCut, or none. For labels by
	// a teacher, who sees the mixed image. Not together with CutMix
	Mix string `json:"mix,omitempty"`
	// a of the distribution Beta(a, a) of the share of an image that Mix keeps
	MixBeta float64 `json:"mix_beta,omitempty"`
	// label smoothing: this share of a label is spread evenly over all classes
	Smooth float64 `json:"smooth,omitempty"`
	// evaluate at 1/Coarse resolution (average-pool, then up-sample), as tiles are decoded; 0 for full
	// resolution
	Coarse int `json:"coarse,omitempty"`
	// evaluate images by their first Band frequency coefficients; 0 for all. Not together with Coarse
	Band int `json:"band,omitempty"`
}

// DefaultRecipe is the recipe for gathered sets and their controls: Adam 1e-3,
// weight decay 1e-4, batch 50, 500 epochs, but at least 500 and at most 5,000
// steps.
func Default() Recipe {
	return Recipe{Optimizer: Adam, LR: 1e-3, WeightDecay: 1e-4, Batch: 50, Epochs: 500, MinSteps: 500, MaxSteps: 5000}
}

// elasticShare is the largest displacement of elastic deformation as a share of the side: 2 pixels of 28.
const elasticShare = 1.0 / 14

// Suitable is an augmentation of images with so many channels: the one that is known to
// keep their class, else what suits most images in color, photographs, and most others,
// writing.
func Suitable(known string, channels int) string {
	if _, err := ParseStrategy(known); err == nil {
		return known
	}
	if channels == 3 {
		return MildFlip
	}
	return Affine
}

// Usual is the recipe for few synthetic images of h x w pixels whose class an
// augmentation keeps: a rate that falls to 0; CutMix for upright objects, since half of a
// digit is another digit; elastic deformation and smoothed labels where rotation and scaling keep the class.
func Usual(augment string, h, w int) Recipe {
	r := Recipe{Optimizer: Adam, LR: 1e-3, Schedule: Cosine, WeightDecay: 1e-4, Batch: 50, Epochs: 500, MinSteps: 500,
		MaxSteps: 1500, Augment: augment}
	switch augment {
	case Mild, MildFlip:
		r.CutMix = 0.5
	case Affine:
		r.Elastic, r.Smooth = math.Round(10*float64(min(h, w))*elasticShare)/10, 0.1
	}
	return r
}

// Changed are the fields, by their names in JSON, that differ from the default
// recipe; applied to the default they give r.
func (r Recipe) Changed() map[string]any {
	out := map[string]any{}
	mine, usual := reflect.ValueOf(r), reflect.ValueOf(Default())
	for i := range mine.NumField() {
		if v := mine.Field(i).Interface(); v != usual.Field(i).Interface() {
			name, _, _ := strings.Cut(mine.Type().Field(i).Tag.Get("json"), ",")
			out[name] = v
		}
	}
	return out
}

// FullDataRecipe is the recipe for the bound that all data give: the default
// with exactly 2,000 steps.
func FullData() Recipe {
	r := Default()
	r.MinSteps, r.MaxSteps = 2000, 2000
	return r
}

// Limits of a recipe, which may come from any peer and costs the time of the
// device that follows it.
const (
	maxBatch = 1 << 16
	maxSteps = 1 << 30
	// MaxCoarse is the largest factor by which resolution is reduced.
	MaxCoarse = 8
	// MaxBand is the most frequency coefficients that an image has.
	MaxBand = 3 << 20
	// maxElastic exceeds the size of most images.
	maxElastic = 64
)

// Validate names the first field that is out of range.
func (r Recipe) Validate() error {
	fail := func(field string, value any, want string) error {
		return fmt.Errorf("recipe %s: %v, want %s", field, value, want)
	}
	within := func(v, low, high float64) bool { return v >= low && v <= high } // false for NaN
	switch {
	case r.Optimizer != Adam && r.Optimizer != AdamW && r.Optimizer != SGD:
		return fail("optimizer", fmt.Sprintf("%q", r.Optimizer), "adam, adamw or sgd")
	case !within(r.LR, math.SmallestNonzeroFloat64, 1e3):
		return fail("lr", r.LR, "above 0 and at most 1000")
	case !slices.Contains([]string{"", Cosine, HalfCosine, Stepwise}, r.Schedule):
		return fail("schedule", fmt.Sprintf("%q", r.Schedule), "cosine, half-cosine, step, or nothing")
	case (r.Schedule == Stepwise) != (r.Drop != 0) || !within(r.Drop, 0, 1):
		return fail("drop", r.Drop, "above 0 and at most 1, with the schedule step only")
	case !within(r.Momentum, 0, 1) || r.Momentum == 1 || r.Momentum != 0 && r.Optimizer != SGD:
		return fail("momentum", r.Momentum, "at least 0 and below 1, with sgd only")
	case !within(r.WeightDecay, 0, 1e3):
		return fail("weight_decay", r.WeightDecay, "0 to 1000")
	case r.Batch < 1 || r.Batch > maxBatch:
		return fail("batch", r.Batch, fmt.Sprintf("1 to %d", maxBatch))
	case r.Epochs < 0 || r.Epochs > maxSteps:
		return fail("epochs", r.Epochs, fmt.Sprintf("0 to %d", maxSteps))
	case r.Epochs == 0 && r.MinSteps == 0:
		return fail("epochs", r.Epochs, "at least 1, or min_steps above 0: it would train nothing")
	case r.MinSteps < 0 || r.MinSteps > maxSteps:
		return fail("min_steps", r.MinSteps, fmt.Sprintf("0 to %d", maxSteps))
	case r.MaxSteps < 0 || r.MaxSteps > maxSteps || r.MaxSteps != 0 && r.MaxSteps < r.MinSteps:
		return fail("max_steps", r.MaxSteps, "0 for no limit, or at least min_steps")
	}
	if !within(r.CutMix, 0, 1) {
		return fail("cutmix", r.CutMix, "0 to 1")
	}
	if err := r.checkMix(); err != nil {
		return err
	}
	if !within(r.Elastic, 0, maxElastic) {
		return fail("elastic", r.Elastic, fmt.Sprintf("0 to %d pixels", maxElastic))
	}
	if !within(r.Smooth, 0, 1) || r.Smooth == 1 {
		return fail("smooth", r.Smooth, "at least 0 and below 1")
	}
	if r.Coarse != 0 && (r.Coarse < 2 || r.Coarse > MaxCoarse) {
		return fail("coarse", r.Coarse, fmt.Sprintf("0, or 2 to %d", MaxCoarse))
	}
	if r.Band < 0 || r.Band > MaxBand || r.Band != 0 && r.Coarse != 0 {
		return fail("band", r.Band, fmt.Sprintf("0 to %d, and not together with coarse", MaxBand))
	}
	if _, err := r.Strategy(); err != nil {
		return fail("augment", fmt.Sprintf("%q", r.Augment), strings.Join(Augmentations, ", ")+", or nothing")
	}
	return nil
}

// checkMix checks the fields of Mix.
func (r Recipe) checkMix() error {
	switch {
	case r.Mix != "" && r.Mix != MixUp && r.Mix != MixCut:
		return fmt.Errorf("recipe mix: %q, want mixup, cutmix, or nothing", r.Mix)
	case r.Mix != "" && r.CutMix != 0:
		return fmt.Errorf("recipe mix: %s together with cutmix %v, want one of them", r.Mix, r.CutMix)
	case !(r.MixBeta >= 0 && r.MixBeta <= 1e3) || (r.Mix == "") != (r.MixBeta == 0):
		return fmt.Errorf("recipe mix_beta: %v, want above 0 and at most 1000, with mix only", r.MixBeta)
	}
	return nil
}

// Strategy is the recipe's augmentation, or the zero Strategy, which changes
// nothing.
func (r Recipe) Strategy() (Strategy, error) {
	if r.Augment == "" {
		return Strategy{}, nil
	}
	return ParseStrategy(r.Augment)
}

// Augments reports whether samples of h x w values can be augmented: images can,
// rows of a table cannot.
func Augments(h, w int) bool { return h > 1 && w > 1 }

// CheckSides fails with ErrUnsuited unless the recipe can be used with samples of h
// x w values: augmentation and mixing need images. Whether they have the view is a
// question to package view.
func (r Recipe) CheckSides(h, w int) error {
	if (r.Augment != "" || r.Elastic != 0 || r.CutMix != 0 || r.Mix != "") && !Augments(h, w) {
		return fmt.Errorf("%w: the recipe changes images (augment, elastic, cutmix, mix), and samples of %d x %d are none",
			ErrUnsuited, h, w)
	}
	return nil
}

// perEpoch is the number of steps in one pass over n samples; the last step of
// a pass may be a smaller batch.
func (r Recipe) perEpoch(n int) int { return (n + r.Batch - 1) / r.Batch }

// Steps is the number of steps for n samples: Epochs passes, but at least
// MinSteps and at most MaxSteps.
func (r Recipe) Steps(n int) int {
	steps := max(r.MinSteps, r.Epochs*r.perEpoch(n))
	if r.MaxSteps > 0 {
		steps = min(steps, r.MaxSteps)
	}
	return steps
}

// Rate is the learning rate of one of so many steps, the first being 0:
//
//	Cosine      LR (1 + cos(pi step / steps)) / 2
//	HalfCosine  LR (1 + cos(pi step / (2 steps))) / 2
//	Stepwise    LR / 10^k, k whole Drops of the steps being done
func (r Recipe) Rate(step, steps int) float64 {
	done := float64(step) / float64(steps)
	switch r.Schedule {
	case Cosine:
		return r.LR * (1 + math.Cos(math.Pi*float64(step)/float64(steps))) / 2
	case HalfCosine:
		return r.LR * (1 + math.Cos(math.Pi*done/2)) / 2
	case Stepwise:
		return r.LR / math.Pow(10, math.Floor(done/r.Drop))
	}
	return r.LR
}
