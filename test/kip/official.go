package main

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/coreset"
	"github.com/distillmesh/distillmesh/distill/kip"
	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/model"
)

// officialClients is how many devices share the data in a ring.
const officialClients = 10

// official measures the official variant on ten clients of two and of ten
// classes, an image a class each, beside as many random real images: after how
// many steps a lucky batch stops it, how far the images have moved, and what
// LeNet and the NTK predictor make of the merged sets. On MNIST: median stop 2
// and 280 steps, LeNet 60.2 and 80.8 %, on random real images 59.5 and 80.3 %
// (fedd3, "Measured on real MNIST").
func (b *bench) official() error {
	fmt.Println("data           classes  images  median stop  moved   lenet  ntk:4   random real: lenet  ntk:4")
	for _, classes := range []int{2, 10} {
		parts, err := data.Split{Kind: data.Ring, Clients: officialClients, PerClient: classes}.Parts(b.train.Y, b.train.Classes)
		if err != nil {
			return err
		}
		var stops []int
		var moved float64
		var sets, controls []*data.Samples
		for _, part := range parts {
			local := b.train.Subset(part)
			set, stop, far, err := officialClient(local)
			if err != nil {
				return err
			}
			random, err := coreset.Random{}.Distill(context.Background(), distill.Request{Samples: local, IPC: 1})
			if err != nil {
				return err
			}
			stops, moved = append(stops, stop), moved+far/officialClients
			sets, controls = append(sets, set), append(controls, random.Images)
		}
		slices.Sort(stops)
		lenet, ntk, images, err := b.both(sets)
		if err != nil {
			return err
		}
		controlLenet, controlNTK, _, err := b.both(controls)
		if err != nil {
			return err
		}
		fmt.Printf("%-14s %-8d %-7d %-12d %4.1f%%   %-6.1f %-6.1f  %18.1f  %.1f\n", b.task.Name, classes, images, stops[len(stops)/2], 100*moved,
			lenet, ntk, controlLenet, controlNTK)
	}
	return nil
}

// officialClient distils one client; moved is the relative L2 change of its
// images, the start being the same run with a step of no length.
func officialClient(local *data.Samples) (set *data.Samples, stop int, moved float64, err error) {
	req := distill.Request{Samples: local, IPC: 1, Progress: func(p distill.Progress) { stop = p.Done }}
	result, err := kip.Official().Distill(context.Background(), req)
	if err != nil {
		return nil, 0, 0, err
	}
	req.Progress = nil
	still, err := kip.Official().With(map[string]string{"steps": "1", "lr": "1e-12"})
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

// both trains LeNet and the NTK predictor of depth 4 on merged sets.
func (b *bench) both(sets []*data.Samples) (lenet, ntk float64, images int, err error) {
	merged, err := data.Merge(sets...)
	if err != nil {
		return 0, 0, 0, err
	}
	out := map[string]float64{}
	for _, name := range []string{"lenet", "ntk:4"} {
		spec, err := model.Parse(name, merged.Shape, merged.Classes)
		if err != nil {
			return 0, 0, 0, err
		}
		fitted, err := spec.Fit(context.Background(), merged, train.DefaultRecipe(), train.Options{Workers: 2})
		if err != nil {
			return 0, 0, 0, err
		}
		a, err := train.Evaluate(context.Background(), fitted, b.test)
		if err != nil {
			return 0, 0, 0, err
		}
		out[name] = 100 * a.Fraction()
	}
	return out["lenet"], out["ntk:4"], merged.Len(), nil
}
