// Package view reduces images to what a model was trained on. A network that has
// only seen tiles, or images of few frequencies, takes sharper ones for another
// domain, so images are reduced in the same way before it classifies them.
package view

import (
	"errors"
	"fmt"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/recipe"
	"github.com/distillmesh/distillmesh/train/spectrum"
)

// ErrView means that images of a shape have no such view.
var ErrView = errors.New("view does not suit")

// View says how images are reduced; the zero View leaves them as they are. At most one
// of its fields is set.
type View struct {
	// Coarse is the factor by which resolution is reduced: each Coarse x Coarse pixels are
	// averaged, and the result enlarged again as tiles are (data.Formation).
	Coarse int
	// Band is how many frequency coefficients are kept, the first in the order of
	// package spectrum; the others become 0.
	Band int
}

// Of is how a model that is trained by a recipe sees images.
func Of(r recipe.Recipe) View { return View{Coarse: r.Coarse, Band: r.Band} }

// IsNone reports whether images are left as they are.
func (v View) IsNone() bool { return v == View{} }

// String is the view for people.
func (v View) String() string {
	switch {
	case v.Coarse > 0:
		return fmt.Sprintf("at 1/%d of the resolution", v.Coarse)
	case v.Band > 0:
		return fmt.Sprintf("by their first %d frequencies", v.Band)
	}
	return "as they are"
}

// Check fails with ErrView unless images of some shape have the view.
func (v View) Check() error {
	switch {
	case v.Coarse != 0 && v.Band != 0:
		return fmt.Errorf("%w: coarse %d and band %d, want one of them", ErrView, v.Coarse, v.Band)
	case !data.IsView(v.Coarse):
		return fmt.Errorf("%w: coarse %d, want 0, or 2 to %d", ErrView, v.Coarse, data.MaxFormation)
	case v.Band < 0 || v.Band > spectrum.MaxCoefficients:
		return fmt.Errorf("%w: band %d, want 0 to %d", ErrView, v.Band, spectrum.MaxCoefficients)
	}
	return nil
}

// Suits fails with ErrView unless images of a shape have the view.
func (v View) Suits(s data.Shape) error {
	err := v.Check()
	switch {
	case err != nil:
	case v.Band != 0:
		err = spectrum.Check(s, v.Band)
	case data.CheckView(v.Coarse, s) != nil:
		err = fmt.Errorf("a coarse view of %d x %d pixels does not divide samples of %d x %d", v.Coarse, v.Coarse, s.H, s.W)
	}
	if err != nil && !errors.Is(err, ErrView) {
		err = fmt.Errorf("%w: %w", ErrView, err)
	}
	return err
}

// Reducer reduces images of a shape. It belongs to one goroutine.
type Reducer struct {
	coarse *data.View
	band   *spectrum.Transform // nil without a band limit
}

// Open prepares the view of images that pass Suits; it panics for others.
func (v View) Open(s data.Shape) *Reducer {
	if v.Band == 0 {
		return &Reducer{coarse: data.NewView(v.Coarse, s)}
	}
	band, err := spectrum.Open(s, v.Band)
	if err != nil {
		panic(err)
	}
	return &Reducer{band: band}
}

// Show writes the view of an image.
func (r *Reducer) Show(image, seen []float32) {
	if r.band != nil {
		r.band.Limit(image, seen)
		return
	}
	r.coarse.Show(image, seen)
}

// ShowRows writes the views of the samples with indices from one number up to another.
func (r *Reducer) ShowRows(s *data.Samples, from, to int, seen []float32) {
	size := s.Shape.Size()
	if r.band != nil {
		r.band.LimitAll(s.X[from*size:to*size], seen)
		return
	}
	r.coarse.ShowRows(s, from, to, seen)
}

// Samples are samples as they are seen. Without a view they are the same ones.
func (v View) Samples(s *data.Samples) *data.Samples {
	if v.IsNone() {
		return s
	}
	out := *s
	out.X = make([]float32, len(s.X))
	v.Open(s.Shape).ShowRows(s, 0, s.Len(), out.X)
	return &out
}

// CheckRecipe fails with recipe.ErrUnsuited unless a recipe can be used with samples
// of a shape: what it changes are images, and they have its view.
func CheckRecipe(r recipe.Recipe, s data.Shape) error {
	if err := r.CheckSides(s.H, s.W); err != nil {
		return err
	}
	if err := Of(r).Suits(s); err != nil {
		return fmt.Errorf("%w: %w", recipe.ErrUnsuited, err)
	}
	return nil
}
