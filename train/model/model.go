// Package model lists every model that the program can train, by the name that
// is used everywhere: networks trained by gradient steps (mlp,
// lenet, alexnet, convnet3:WIDTH, resnet18), and two in closed form: the NTK
// predictor (ntk:DEPTH) and the ridge classifier (ridge, ridge:LAMBDA).
package model

import (
	"context"
	"errors"
	"fmt"

	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/nn"
	"github.com/distillmesh/distillmesh/train/recipe"
	"github.com/distillmesh/distillmesh/train/view"
)

// ErrUnknown is wrapped when a name or its tensors give no model.
var ErrUnknown = errors.New("unknown model")

// Names are the models as help texts list them.
const Names = "mlp, lenet, alexnet, convnet3:WIDTH, resnet18, ntk:DEPTH, ridge or ridge:LAMBDA"

// TableNames are the models for rows of a table.
const TableNames = "mlp, ntk:DEPTH, ridge or ridge:LAMBDA"

// Spec is a model bound to a shape and a number of classes, untrained.
type Spec struct {
	Name    string
	Shape   data.Shape
	Classes int
	network *nn.Network // nil for models in closed form
	closed  closedForm
}

// closedForm is a model in closed form.
type closedForm interface {
	fit(ctx context.Context, s *data.Samples) (Trained, error)
	load(shape data.Shape, classes int, tensors []checkpoint.Tensor) (Trained, error)
	check(shape data.Shape, classes int, tensors []checkpoint.Tensor) error
	params(shape data.Shape, classes int) int
}

// Trained is a model that predicts and can be stored.
type Trained interface {
	train.Classifier
	// Tensors are the model's parameters.
	Tensors() []checkpoint.Tensor
}

// Parse finds a model by name.
func Parse(name string, shape data.Shape, classes int) (*Spec, error) {
	s := &Spec{Name: name, Shape: shape, Classes: classes}
	var err error
	if s.closed, err = parseClosed(name); s.closed != nil || err != nil {
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
		}
		return s, nil
	}
	network, err := nn.Parse(name, shape, classes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	s.network = network
	return s, nil
}

// Iterative reports whether the model is trained by gradient steps, by a recipe
// and a seed.
func (s *Spec) Iterative() bool { return s.network != nil }

// NumParams is the number of trained values; for the NTK predictor it depends
// on the support set and is 0 here.
func (s *Spec) NumParams() int {
	if s.network == nil {
		return s.closed.params(s.Shape, s.Classes)
	}
	return s.network.NumParams()
}

// Fit trains the model: a network by the recipe, others in closed form (which
// use only the resolution of the recipe, and no seed).
func (s *Spec) Fit(ctx context.Context, samples *data.Samples, r recipe.Recipe, opt train.Options) (Trained, error) {
	if s.network == nil {
		if err := opt.Device.RequireCPU("model " + s.Name); err != nil {
			return nil, err
		}
		return s.solved(view.Of(r), func() (Trained, error) { return s.closed.fit(ctx, samples) })
	}
	m, err := train.Fit(ctx, s.network, samples, r, opt)
	if err != nil {
		return nil, err
	}
	return m, nil
}

// Load makes the model of a name for a task from its tensors, as Spec.Load does.
func Load(name string, task *data.Task, tensors []checkpoint.Tensor, v view.View) (Trained, error) {
	spec, err := Parse(name, task.Shape, len(task.Classes))
	if err != nil {
		return nil, err
	}
	return spec.Load(tensors, v)
}

// Load makes a trained model from its tensors, checking every shape, and its view:
// that of the recipe that it was fitted by.
func (s *Spec) Load(tensors []checkpoint.Tensor, v view.View) (Trained, error) {
	if s.network == nil {
		return s.solved(v, func() (Trained, error) { return s.closed.load(s.Shape, s.Classes, tensors) })
	}
	if err := v.Suits(s.Shape); err != nil {
		return nil, err
	}
	m, err := train.FromTensors(s.network, tensors)
	if err != nil {
		return nil, err
	}
	m.View = v
	return m, nil
}

// Check fails where Load would because of a name, a shape, a type or the view, and reads
// no values: the tensors need no Data.
func Check(name string, task *data.Task, tensors []checkpoint.Tensor, v view.View) error {
	s, err := Parse(name, task.Shape, len(task.Classes))
	if err != nil {
		return err
	}
	if err := v.Suits(s.Shape); err != nil {
		return err
	}
	if s.network == nil {
		return s.closed.check(s.Shape, s.Classes, tensors)
	}
	return train.CheckTensors(s.network, tensors)
}

// solved is a fitted model in closed form with its view.
func (s *Spec) solved(v view.View, make func() (Trained, error)) (Trained, error) {
	if err := v.Suits(s.Shape); err != nil {
		return nil, err
	}
	t, err := make()
	if err != nil || v.IsNone() {
		return t, err
	}
	return viewer{t, v}, nil
}
