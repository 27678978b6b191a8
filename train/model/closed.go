package model

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/linear"
	"github.com/distillmesh/distillmesh/train/ntk"
	"github.com/distillmesh/distillmesh/train/view"
)

// parseClosed finds a model in closed form, or nil.
func parseClosed(name string) (closedForm, error) {
	word, value, given := strings.Cut(name, ":")
	switch {
	case word == "ntk":
		depth, err := strconv.Atoi(value)
		if err != nil || depth < 1 || depth > ntk.MaxDepth || strconv.Itoa(depth) != value {
			return nil, fmt.Errorf("%q: want ntk:1 to ntk:%d", name, ntk.MaxDepth)
		}
		return ntkForm(depth), nil
	case word == "ridge" && !given:
		return ridgeForm(0), nil
	case word == "ridge":
		lambda, err := strconv.ParseFloat(value, 64)
		if err != nil || !(lambda >= 0 && lambda <= linear.MaxLambda) {
			return nil, fmt.Errorf("%q: want ridge, or ridge:LAMBDA up to ridge:%g", name, float64(linear.MaxLambda))
		}
		return ridgeForm(lambda), nil
	}
	return nil, nil
}

// ntkForm is the NTK predictor of a depth.
type ntkForm int

func (d ntkForm) fit(ctx context.Context, s *data.Samples) (Trained, error) {
	p, err := ntk.Fit(ctx, int(d), s)
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (d ntkForm) load(shape data.Shape, classes int, tensors []checkpoint.Tensor) (Trained, error) {
	p, err := ntk.FromTensors(int(d), shape, classes, tensors)
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (d ntkForm) check(shape data.Shape, classes int, tensors []checkpoint.Tensor) error {
	return ntk.CheckTensors(int(d), shape, classes, tensors)
}

func (ntkForm) params(data.Shape, int) int { return 0 }

// ridgeForm is the ridge classifier of a lambda.
type ridgeForm float64

func (l ridgeForm) fit(ctx context.Context, s *data.Samples) (Trained, error) {
	p, err := linear.Fit(ctx, float64(l), s)
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (ridgeForm) load(shape data.Shape, classes int, tensors []checkpoint.Tensor) (Trained, error) {
	p, err := linear.FromTensors(shape, classes, tensors)
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (ridgeForm) check(shape data.Shape, classes int, tensors []checkpoint.Tensor) error {
	return linear.CheckTensors(shape, classes, tensors)
}

func (ridgeForm) params(shape data.Shape, classes int) int { return classes * shape.Size() }

// viewer is a model in closed form that sees reduced samples; networks reduce them
// themselves.
type viewer struct {
	Trained
	view view.View
}

// viewBatch is how many samples are viewed at once.
const viewBatch = 1000

// Logits implements train.Classifier.
func (v viewer) Logits(ctx context.Context, s *data.Samples) ([]float32, error) {
	reduce, size, out := v.view.Open(s.Shape), s.Shape.Size(), make([]float32, 0, s.Len()*s.Classes)
	seen := make([]float32, min(viewBatch, s.Len())*size)
	for at := 0; at < s.Len(); at += viewBatch {
		to := min(at+viewBatch, s.Len())
		reduce.ShowRows(s, at, to, seen)
		scores, err := v.Trained.Logits(ctx, &data.Samples{Shape: s.Shape, Classes: s.Classes, X: seen[:(to-at)*size],
			Y: s.Y[at:to]})
		if err != nil {
			return nil, err
		}
		out = append(out, scores...)
	}
	return out, nil
}
