package main

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/kip"
	"github.com/distillmesh/distillmesh/distill/trial"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// clientCount is how many devices share the data in a ring.
const clientCount = 10

// clients measures the official variant, the default, and the given method if it
// is another, on ten clients of two
// and of ten classes, an image per class each, beside as many random real images:
// after how many steps a lucky batch stops the official one, how far the images
// have moved, and what LeNet and the NTK predictor make of the merged sets. On
// MNIST the official one has median stop 2 and 280 steps, LeNet 60.2 and 80.8 %,
// on random real images 59.5 and 80.3 % (fedd3, "Measured on real MNIST").
func (b *bench) clients(given distill.Method) error {
	variants := []struct {
		name   string
		method distill.Method
	}{{"official", kip.Official()}, {"default", kip.Default()}, {"given", given}}
	if maps.Equal(given.Settings(), kip.Default().Settings()) {
		variants = variants[:2]
	}
	fmt.Println("data           classes  images  variant   median stop  moved   lenet  ntk     random real: lenet  ntk")
	for _, classes := range []int{2, 10} {
		parts, err := data.Split{Kind: data.Ring, Clients: clientCount, PerClient: classes}.Parts(b.Train.Y, b.Train.Classes)
		if err != nil {
			return err
		}
		for _, m := range variants {
			var stops []int
			var moved float64
			var sets []*data.Samples
			var drawn []trial.Part
			for _, part := range parts {
				local := b.Train.Subset(part)
				set, stop, far, err := oneClient(m.method, local)
				if err != nil {
					return err
				}
				stops, moved = append(stops, stop), moved+far/clientCount
				sets, drawn = append(sets, set), append(drawn, trial.Part{Index: part, IPC: 1})
			}
			slices.Sort(stops)
			merged, err := data.Merge(sets...)
			if err != nil {
				return err
			}
			random, err := trial.Control{}.Draw(context.Background(), trial.PoolOf(b.Train), drawn...)
			if err != nil {
				return err
			}
			lenet, ntk, err := b.both(merged, depthOf(m.method))
			if err != nil {
				return err
			}
			controlLenet, controlNTK, err := b.both(random, depthOf(m.method))
			if err != nil {
				return err
			}
			fmt.Printf("%-14s %-8d %-7d %-9s %-12d %4.0f%%   %-6.1f %-6.1f  %18.1f  %.1f\n", b.Task.Name, classes,
				merged.Len(), m.name,
				stops[len(stops)/2], 100*moved, lenet, ntk, controlLenet, controlNTK)
		}
	}
	return nil
}

// oneClient distills one client; moved is the relative L2 change of its
// images, the start being the same run with a step of no length.
func oneClient(method distill.Method, local *data.Samples) (set *data.Samples, stop int, moved float64, err error) {
	req := distill.Request{Samples: local, IPC: 1, Progress: func(p distill.Progress) { stop = p.Done }}
	result, err := method.Distill(context.Background(), req)
	if err != nil {
		return nil, 0, 0, err
	}
	req.Progress = nil
	still, err := method.With(map[string]string{"steps": "1", "lr": "1e-12"})
	if err != nil {
		return nil, 0, 0, err
	}
	start, err := still.Distill(context.Background(), req)
	if err != nil {
		return nil, 0, 0, err
	}
	var change, norm float64
	for i, v := range start.Images.X {
		d := float64(result.Images.X[i] - v)
		change, norm = change+d*d, norm+float64(v)*float64(v)
	}
	return result.Images, stop, math.Sqrt(change / norm), nil
}

func depthOf(m distill.Method) string { return m.Settings()["depth"] }

// both trains LeNet and the NTK predictor, and returns their accuracies in %.
func (b *bench) both(samples *data.Samples, depth string) (lenet, ntk float64, err error) {
	var scores []float64
	for _, name := range []string{"lenet", "ntk:" + depth} {
		r, err := b.Bench().Measure(context.Background(),
			trial.Run{Label: b.Task.Name, Consumer: name, Samples: samples, Recipe: recipe.Default()})
		if err != nil {
			return 0, 0, err
		}
		scores = append(scores, 100*r.Accuracy)
	}
	return scores[0], scores[1], nil
}
