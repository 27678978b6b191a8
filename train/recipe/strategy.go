package recipe

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrUnknownAugmentation means that no augmentation has the name.
var ErrUnknownAugmentation = errors.New("unknown augmentation")

// The families. All but Affine are DSA's.
const (
	Color  = "color"  // brightness, saturation and contrast
	Crop   = "crop"   // whole shifts, zero outside
	Cutout = "cutout" // a zero square
	Flip   = "flip"   // horizontal flip with probability 1/2; not for digits
	Scale  = "scale"  // each side by 1/1.2 to 1.2
	Rotate = "rotate" // by up to 15 degrees
)

// The affine families: shift, rotation and scale together, border repeated.
// Each is a strategy by itself.
const (
	Affine     = "affine"      // federated-recipes.md 2, for digits
	AffineFlip = "affine-flip" // with a horizontal flip with probability 1/2
	Mild       = "mild"        // two thirds of the shift and of the scale, a third of the rotation
	MildFlip   = "mild-flip"   // with a horizontal flip with probability 1/2
)

// affine is the ranges of an affine family.
type affine struct {
	shift       float64 // pixels
	angle       float64 // either way
	least, most float64 // scale
	flip        bool
}

var affines = map[string]affine{
	Affine:     {shift: 3, angle: 15 * degree, least: 0.85, most: 1.15},
	AffineFlip: {shift: 3, angle: 15 * degree, least: 0.85, most: 1.15, flip: true},
	Mild:       {shift: 2, angle: 5 * degree, least: 0.9, most: 1.1},
	MildFlip:   {shift: 2, angle: 5 * degree, least: 0.9, most: 1.1, flip: true},
}

// Augmentations lists the strategies that have one, for flags and messages; DSA's
// families can also be joined.
var Augmentations = []string{Affine, AffineFlip, Mild, MildFlip, DSA, DSANoFlip}

// families in the order of the authors' strategy string.
var families = []string{Color, Crop, Cutout, Flip, Scale, Rotate}

// Short names of strategies.
const (
	DSA       = "dsa"
	DSANoFlip = "dsa-noflip" // for digits
)

// Strategy is a set of families. Each draw chooses one of them for the whole
// mini-batch. The zero Strategy changes nothing.
type Strategy struct{ families []string }

// ParseStrategy reads a strategy: one of Augmentations, or DSA families joined by underscores,
// such as color_crop_cutout_flip_scale_rotate.
func ParseStrategy(name string) (Strategy, error) {
	if _, ok := affines[name]; ok {
		return Strategy{[]string{name}}, nil
	}
	switch name {
	case DSA:
		return Strategy{families}, nil
	case DSANoFlip:
		return Strategy{slices.DeleteFunc(slices.Clone(families), func(f string) bool { return f == Flip })}, nil
	}
	var s Strategy
	for f := range strings.SplitSeq(name, "_") {
		if !slices.Contains(families, f) || slices.Contains(s.families, f) {
			return Strategy{}, fmt.Errorf("%w %q: want %s or some of %s", ErrUnknownAugmentation, name,
				strings.Join(Augmentations, ", "), strings.Join(families, "_"))
		}
		s.families = append(s.families, f)
	}
	return s, nil
}

func (s Strategy) has(family string) bool { return slices.Contains(s.families, family) }

// Affine reports whether the strategy is an affine family.
func (s Strategy) Affine() bool {
	_, ok := affines[s.families[0]]
	return ok
}

// moves reports whether a family resamples the image.
func (s Strategy) moves() bool {
	return slices.ContainsFunc(s.families, func(f string) bool { return f != Color && f != Cutout })
}

// The parts of a draw, each one or more values per image.
const (
	PartBright   = "bright"   // added
	PartSaturate = "saturate" // distance from the mean over channels, times this
	PartContrast = "contrast" // distance from the mean of the image, times this
	PartTaps     = "taps"     // a matrix
	PartMask     = "mask"     // a factor per pixel
)

// Parts lists those that the strategy needs, in the order of use.
func (s Strategy) Parts() (out []string) {
	if s.has(Color) {
		out = append(out, PartBright, PartSaturate, PartContrast)
	}
	if s.moves() {
		out = append(out, PartTaps)
	}
	if s.has(Cutout) {
		out = append(out, PartMask)
	}
	return out
}

// Shapes are the shapes of the draws of n images of h x w pixels, in order.
func (s Strategy) Shapes(n, h, w int) (out [][]int) {
	for _, part := range s.Parts() {
		switch part {
		case PartTaps:
			out = append(out, []int{n, 6})
		case PartMask:
			out = append(out, []int{n, 1, h, w})
		default:
			out = append(out, []int{n, 1, 1, 1})
		}
	}
	return out
}
