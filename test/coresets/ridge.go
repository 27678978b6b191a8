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

// publishedRidge is the accuracy in % of the full model, equal to that of ten
// images, and of these as bytes (edge-distillers 3.2).
var publishedRidge = map[string][2]float64{"mnist": {86.40, 86.44}, "fashion-mnist": {81.11, 81.07}, "cifar-10": {39.61, 39.59}}

// ridge prints the line of 3.2: the model of all samples, and of the ten images.
func (b *bench) ridge() (bool, error) {
	ctx, began := context.Background(), time.Now()
	r := ridge.Default()
	sums, lambda, err := r.Choose(ctx, distill.Request{Samples: b.train, IPC: 1})
	if err != nil {
		return false, err
	}
	r.Lambda = lambda
	result, err := r.Merge(ctx, []*linear.Statistics{sums}, distill.Request{IPC: 1})
	if err != nil {
		return false, err
	}
	took := time.Since(began)
	pool := kernel.NewPool(2)
	defer pool.Close()
	w, err := sums.Solve(ctx, pool, lambda)
	if err != nil {
		return false, err
	}
	full, err := b.accuracy(linear.Of(sums.Shape, sums.Classes, w))
	if err != nil {
		return false, err
	}
	student, err := linear.Fit(ctx, 0, result.Images)
	if err != nil {
		return false, err
	}
	ten, err := b.accuracy(student)
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
	rounded, err := b.score("ridge", bytes)
	if err != nil {
		return false, err
	}
	d, err := distill.Disclose(ctx, bytes, b.train, data.NewFormation(1))
	if err != nil {
		return false, err
	}
	want := publishedRidge[b.task.Name]
	fmt.Printf("%-14s ridge, lambda %.3g: all samples %.2f, ten images %.2f (weights apart by %.1e of the largest), as bytes %.2f; published %.2f and %.2f; %.1f s; nearest_real %.2f\n",
		b.task.Name, lambda, full, ten, apart/scale, rounded, want[0], want[1], took.Seconds(), d.NearestReal())
	return math.Abs(full-want[0]) <= within && math.Abs(ten-full) < .05 && math.Abs(rounded-want[1]) <= within, nil
}
