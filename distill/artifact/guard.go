package artifact

import (
	"context"
	"fmt"
	"slices"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
)

// A coarse code can round an average, or a learned image, to what it makes of one real
// sample. Such images are moved towards the mean of their class, by these shares of the
// way, the first that is far enough.
var guardSteps = []float32{0.2, 0.4, 0.6, 0.8, 1}

// encoded is a result as it is written.
type encoded struct {
	tensors    []checkpoint.Tensor
	stored     *data.Samples
	disclosure distill.Disclosure
}

// encodeApart encodes a result and measures what it discloses. Images of a code that was not
// made from single samples are kept apart from real ones where that is possible; moved
// is how many had to be moved. Each image is compared with the class that it was made from, whatever its label is
// now.
func (r Request) encodeApart(ctx context.Context, result *distill.Result) (e encoded, moved int, err error) {
	images := result.Images
	if e, err = r.measured(ctx, result, images); err != nil {
		return e, 0, err
	}
	if r.Code == nil || result.SmallestGroup == 1 || !e.disclosure.ContainsReal() {
		return e, 0, nil
	}
	means := classMeans(r.Samples)
	near := make([]bool, images.Len())
	for _, share := range guardSteps {
		changed := *images
		changed.X = slices.Clone(images.X)
		for i, ratio := range e.disclosure.Ratio {
			mean := means[images.Y[i]]
			near[i] = near[i] || ratio < distill.RealThreshold
			if !near[i] || mean == nil {
				continue
			}
			for j, v := range images.Row(i) {
				changed.Row(i)[j] = v + share*(mean[j]-v)
			}
		}
		if e, err = r.measured(ctx, result, &changed); err != nil || !e.disclosure.ContainsReal() {
			break
		}
	}
	for _, n := range near {
		if n {
			moved++
		}
	}
	return e, moved, err
}

// measured encodes images of a result and measures what they disclose.
func (r Request) measured(ctx context.Context, result *distill.Result, images *data.Samples) (e encoded, err error) {
	shown := *result
	shown.Images = images
	if e.tensors, e.stored, err = r.encode(&shown); err != nil {
		return e, fmt.Errorf("write set: %w", err)
	}
	published := *e.stored
	published.Y = result.Images.Y
	e.disclosure, err = Disclose(ctx, &published, r.Samples, result.Formation.OrDefault(), r.Code)
	return e, err
}

// classMeans are the means of classes of at least distill.LeastGroup samples; nil for others.
func classMeans(s *data.Samples) [][]float32 {
	means := make([][]float32, s.Classes)
	for class, members := range s.ByClass() {
		if len(members) < distill.LeastGroup {
			continue
		}
		sum := make([]float64, s.Shape.Size())
		for _, i := range members {
			for j, v := range s.Row(i) {
				sum[j] += float64(v)
			}
		}
		for _, v := range sum {
			means[class] = append(means[class], float32(v/float64(len(members))))
		}
	}
	return means
}
