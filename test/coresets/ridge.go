package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/ridge"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/kernel"
	"github.com/distillmesh/distillmesh/train/linear"
)

// publishedRidge is, of edge-distillers 3.2, lambda and the accuracy in % of the
// full model, equal to that of ten images, and of these as bytes.
var publishedRidge = map[string]struct{ lambda, full, bytes float64 }{
	"mnist": {math.Pow(10, 4.5), 86.40, 86.44}, "fashion-mnist": {1e2, 81.11, 81.07}, "cifar-10": {1e4, 39.61, 39.59}}

// ridge prints two lines of 3.2, for the lambda that we choose and for the
// published one: the model of all samples, and of the ten images.
func (b *bench) ridge() (bool, error) {
	began := time.Now()
	sums, lambda, err := ridge.Default().Choose(context.Background(), distill.Request{Samples: b.Train, IPC: 1})
	if err != nil {
		return false, err
	}
	fmt.Printf("%-14s ridge: chose lambda %.3g in %.1f s\n", b.Task.Name, lambda, time.Since(began).Seconds())
	good, err := b.ridgeOf(sums, lambda, within)
	if err != nil {
		return false, err
	}
	same, err := b.ridgeOf(sums, publishedRidge[b.Task.Name].lambda, .1)
	return good && same, err
}

// ridgeOf prints the line of one lambda.
func (b *bench) ridgeOf(sums *linear.Statistics, lambda, within float64) (bool, error) {
	ctx := context.Background()
	r := ridge.Ridge{Lambda: lambda}
	result, err := r.Merge(ctx, []*linear.Statistics{sums}, distill.Request{IPC: 1})
	if err != nil {
		return false, err
	}
	pool := kernel.NewPool(2)
	defer pool.Close()
	w, err := sums.Solve(ctx, pool, lambda)
	if err != nil {
		return false, err
	}
	full, err := b.Accuracy(linear.Of(sums.Shape, sums.Classes, w))
	if err != nil {
		return false, err
	}
	student, err := linear.Fit(ctx, 0, result.Images)
	if err != nil {
		return false, err
	}
	ten, err := b.Accuracy(student)
	if err != nil {
		return false, err
	}
	apart, scale := 0., 0.
	for i, v := range w {
		apart, scale = math.Max(apart, math.Abs(v-float64(student.Weights[i]))), math.Max(scale, math.Abs(v))
	}
	bytes, err := artifact.RoundTrip(result.Images, artifact.U8)
	if err != nil {
		return false, err
	}
	fromBytes, err := b.Score("ridge", bytes)
	if err != nil {
		return false, err
	}
	rounded := 100 * fromBytes.Accuracy
	d, err := distill.Disclose(ctx, bytes, b.Train, data.NewFormation(1))
	if err != nil {
		return false, err
	}
	want := publishedRidge[b.Task.Name]
	fmt.Printf("%-14s ridge, lambda %.3g: all samples %.2f, ten images %.2f (weights apart by %.1e of the largest), "+
		"as bytes %.2f; published %.2f and %.2f; nearest_real %.2f\n",
		b.Task.Name, lambda, full, ten, apart/scale, rounded, want.full, want.bytes, d.NearestReal())
	return math.Abs(full-want.full) <= within && math.Abs(ten-full) < .05 && math.Abs(rounded-want.bytes) <= within, nil
}
