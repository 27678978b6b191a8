// Package augment is random change of training images as differentiable
// expressions: the affine of our recipes and the six families of
// differentiable siamese augmentation (Zhao and Bilen 2021; att.md 1.7). An
// expression never draws. What a draw decides (a matrix, three colour factors
// and a mask an image) are inputs, so one program serves every family and the
// same draw can be given to real and synthetic images.
package augment

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
)

// ErrUnknown means that no augmentation has the name.
var ErrUnknown = errors.New("unknown augmentation")

// The families. All but Affine are DSA's.
const (
	Color  = "color"  // brightness, saturation and contrast
	Crop   = "crop"   // whole shifts, zero outside
	Cutout = "cutout" // a zero square
	Flip   = "flip"   // left and right changed, every second time; not for digits
	Scale  = "scale"  // each side by 1/1.2 to 1.2
	Rotate = "rotate" // by up to 15 degrees
)

// The affine families: shift, rotation and scale at once, border repeated. Each
// is a strategy by itself.
const (
	Affine     = "affine"      // federated-recipes.md 2, for digits
	AffineFlip = "affine-flip" // and left and right changed, every second time
	Mild       = "mild"        // two thirds of the shift and of the scale, a third of the rotation
	MildFlip   = "mild-flip"   // and left and right changed, every second time
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

// Names lists the strategies that have one, for flags and messages; DSA's
// families can also be joined.
var Names = []string{Affine, AffineFlip, Mild, MildFlip, DSA, DSANoFlip}

// families in the order of the authors' strategy string.
var families = []string{Color, Crop, Cutout, Flip, Scale, Rotate}

// Short names of strategies.
const (
	DSA       = "dsa"
	DSANoFlip = "dsa-noflip" // for digits
)

// Strategy is a choice of families. Each draw takes one of them for the whole
// mini-batch. The zero Strategy changes nothing.
type Strategy struct{ families []string }

// Parse reads a strategy: one of Names, or DSA families joined by underscores,
// such as color_crop_cutout_flip_scale_rotate.
func Parse(name string) (Strategy, error) {
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
			return Strategy{}, fmt.Errorf("%w %q: want %s or some of %s", ErrUnknown, name, strings.Join(Names, ", "), strings.Join(families, "_"))
		}
		s.families = append(s.families, f)
	}
	return s, nil
}

func (s Strategy) has(family string) bool { return slices.Contains(s.families, family) }

// affine tells whether the strategy is an affine family.
func (s Strategy) affine() bool {
	_, ok := affines[s.families[0]]
	return ok
}

// moves tells whether a family resamples the image.
func (s Strategy) moves() bool {
	return slices.ContainsFunc(s.families, func(f string) bool { return f != Color && f != Cutout })
}

// The parts of a draw, each a value or more an image.
const (
	partBright   = "bright"   // added
	partSaturate = "saturate" // distance from the mean over channels, times this
	partContrast = "contrast" // distance from the mean of the image, times this
	partTaps     = "taps"     // a matrix
	partMask     = "mask"     // a factor a pixel
)

// parts lists those that the strategy needs, in the order of use.
func (s Strategy) parts() (out []string) {
	if s.has(Color) {
		out = append(out, partBright, partSaturate, partContrast)
	}
	if s.moves() {
		out = append(out, partTaps)
	}
	if s.has(Cutout) {
		out = append(out, partMask)
	}
	return out
}

// Shapes are the shapes of the draws of n images, in order.
func (s Strategy) Shapes(n int, shape data.Shape) (out [][]int) {
	for _, part := range s.parts() {
		switch part {
		case partTaps:
			out = append(out, []int{n, 6})
		case partMask:
			out = append(out, []int{n, 1, shape.H, shape.W})
		default:
			out = append(out, []int{n, 1, 1, 1})
		}
	}
	return out
}

// Inputs adds the draws of n images to a graph, as inputs named after prefix.
func (s Strategy) Inputs(g *graph.Graph, prefix string, n int, shape data.Shape) (in []*graph.Node) {
	parts := s.parts()
	for i, dims := range s.Shapes(n, shape) {
		in = append(in, graph.Input(g, prefix+parts[i], dims...))
	}
	return in
}

// Apply is the augmented images x, (n, C, H, W), under the draws: inputs of
// the strategy's Shapes. It is differentiable in x.
func (s Strategy) Apply(x *graph.Node, draws []*graph.Node) *graph.Node {
	shape := x.Shape()
	for i, part := range s.parts() {
		d := draws[i]
		switch part {
		case partBright:
			x = graph.Add(x, d)
		case partSaturate:
			x = stretch(x, d, []int{shape[0], 1, shape[2], shape[3]})
		case partContrast:
			x = stretch(x, d, []int{shape[0], 1, 1, 1})
		case partTaps:
			x = graph.Warp(x, d, graph.Sampling{Corners: !s.affine(), Border: s.affine()})
		case partMask:
			x = graph.Mul(x, d)
		}
	}
	return x
}

// stretch multiplies the distance from a mean, over all but the given shape,
// by a factor.
func stretch(x, factor *graph.Node, to []int) *graph.Node {
	share := 1.0
	for i, d := range x.Shape() {
		share *= float64(to[i]) / float64(d)
	}
	mean := graph.Scale(graph.SumTo(x, to), share)
	return graph.Add(graph.Mul(graph.Sub(x, mean), factor), mean)
}
