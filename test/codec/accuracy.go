package main

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/frequency"
	"github.com/distillmesh/distillmesh/distill/trial"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// The devices: ten of two classes each, so that two devices hold a class.
const (
	clients   = 10
	perClient = 2
)

// setting is what is measured by default: networks, bytes of payload per client, codes.
type setting struct{ models, budgets, codes string }

var usual = map[string]setting{
	"mnist":         {"lenet", "192,512,1024,3100", "tiles,100:0:3,144:0:2"},
	"fashion-mnist": {"lenet", "512,1960,6300", "tiles,64:0:3,100:0:3,200:0:1.5"},
	"cifar-10":      {"lenet", "35000", "tiles,300:0:3,600:0:3"},
}

// accuracy prints, for each network and budget, a line for tiles and for each code.
func (b *bench) accuracy(models, budgets, codes string, seeds, steps int) error {
	if models == "" {
		models = usual[b.Task.Name].models
	}
	if budgets == "" {
		budgets = usual[b.Task.Name].budgets
	}
	if codes == "" {
		codes = usual[b.Task.Name].codes
	}
	fmt.Printf("%-14s %-12s %-6s %-14s %-8s %-8s %-16s %s\n", "data", "model", "bytes", "code", "images", "bytes",
		"accuracy in %", "seconds")
	for name := range strings.SplitSeq(models, ",") {
		for word := range strings.SplitSeq(budgets, ",") {
			budget, err := strconv.Atoi(word)
			if err != nil {
				return err
			}
			for word := range strings.SplitSeq(codes, ",") {
				if err := b.line(name, budget, word, seeds, steps); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// set is what the devices' sets give together, decoded, and the samples that accuracy
// is measured on, as networks see them.
type set struct {
	samples, held *data.Samples
	images, bytes float64 // of a device, on average
	coarse        int
}

func (b *bench) line(name string, budget int, word string, seeds, steps int) error {
	var images, bytes float64
	began := time.Now()
	scores, err := trial.Repeat(seeds, func(seed uint64) (trial.Result, error) {
		s, err := b.gather(word, budget, seed)
		if err != nil {
			return trial.Result{}, err
		}
		images, bytes = images+s.images, bytes+s.bytes
		bench := &trial.Bench{Test: s.held, Device: device.Choice{Workers: 1}}
		r := b.recipe(steps)
		r.Coarse = s.coarse
		return bench.Measure(context.Background(), trial.Run{Label: b.Task.Name, Consumer: name, Samples: s.samples,
			Recipe: r, Seed: seed})
	})
	if err != nil {
		return err
	}
	n := float64(seeds)
	accuracy := scores.Last.Times(100)
	fmt.Printf("%-14s %-12s %-6d %-14s %-8.1f %-8.0f %5.2f +-%-8.2f %.1f\n", b.Task.Name, name, budget, word, images/n,
		bytes/n, accuracy.Mean, accuracy.Std, time.Since(began).Seconds()/n)
	return nil
}

// recipe takes so many steps, whatever the number of images.
func (b *bench) recipe(steps int) recipe.Recipe {
	r := recipe.Default()
	r.Schedule, r.MinSteps, r.MaxSteps, r.Epochs = recipe.Cosine, steps, steps, 0
	switch b.Task.Name {
	case "mnist":
		r.Augment, r.Elastic, r.Smooth = recipe.Affine, 2, 0.1
	case "fashion-mnist":
		r.Augment, r.Smooth = recipe.Mild, 0.1
	default:
		r.Augment, r.CutMix = recipe.MildFlip, 0.5
	}
	return r
}

// gather picks random samples on each device, as many as the budget holds, and writes
// and reads them. The word is a code, or tiles.
func (b *bench) gather(word string, budget int, seed uint64) (*set, error) {
	parts, err := data.Split{Kind: data.Ring, Clients: clients, PerClient: perClient}.Parts(b.train.Y, b.train.Classes)
	if err != nil {
		return nil, err
	}
	if word == "tiles" {
		return b.tiles(parts, budget, seed)
	}
	code, err := parse(word, b.Task.Shape)
	if err != nil {
		return nil, err
	}
	t, err := frequency.Open(code)
	if err != nil {
		return nil, err
	}
	least, most := 1, math.MaxInt // images per class that fit, and that do not
	var best *set
	for n := least; ; {
		s, err := b.coded(t, parts, n, seed)
		if err != nil {
			return nil, err
		}
		if s.bytes > float64(budget) {
			most = n
		} else {
			least, best = n, s
		}
		guess := int(float64(n) * float64(budget) / s.bytes)
		if most-least <= 1 || most <= 1 {
			break
		}
		n = min(max(guess, least+1), most-1, 20*least)
	}
	if best == nil {
		return nil, fmt.Errorf("an image per class does not fit into %d bytes", budget)
	}
	view, err := t.Forward(b.held.X)
	if err != nil {
		return nil, err
	}
	seen, err := t.Inverse(view)
	if err != nil {
		return nil, err
	}
	best.held = &data.Samples{Shape: b.held.Shape, Classes: b.held.Classes, X: seen, Y: b.held.Y}
	return best, nil
}

// pick are random samples of a device, so many per class, class after class.
func (b *bench) pick(part []int, client, n int, seed uint64) (*data.Samples, error) {
	own := b.train.Subset(part)
	var index []int
	for class, members := range own.ByClass() {
		if len(members) == 0 {
			continue
		}
		if len(members) < n {
			return nil, fmt.Errorf("device %d has %d samples of class %d, %d fit", client, len(members), class, n)
		}
		for _, j := range data.Stream(seed, "codec", uint64(client), uint64(class)).Perm(len(members))[:n] {
			index = append(index, members[j])
		}
	}
	return own.Subset(index), nil
}

// coded are n images per class and device, through the code.
func (b *bench) coded(t *frequency.Coder, parts [][]int, n int, seed uint64) (*set, error) {
	out := &set{}
	var sets []*data.Samples
	for i, part := range parts {
		s, err := b.pick(part, i, n, seed)
		if err != nil {
			return nil, err
		}
		coefficients, err := t.Forward(s.X)
		if err != nil {
			return nil, err
		}
		levels := t.Quantize(coefficients)
		stream, err := t.Encode(levels, s.Y)
		if err != nil {
			return nil, err
		}
		if s.X, err = t.Inverse(t.Dequantize(levels)); err != nil {
			return nil, err
		}
		out.bytes += float64(len(stream)) / clients
		out.images += float64(s.Len()) / clients
		sets = append(sets, s)
	}
	var err error
	out.samples, err = data.Merge(sets...)
	return out, err
}

// tiles are as many tiles of half a byte per value as the budget holds, ranges not
// counted.
func (b *bench) tiles(parts [][]int, budget int, seed uint64) (*set, error) {
	f := data.NewFormation(2).SingleTile()
	size := float64(f.TileShape(b.Task.Shape).Size()) / 2
	n := max(1, int(math.Round(float64(budget)/size/perClient)))
	out := &set{held: b.held, images: float64(n * perClient), bytes: float64(n*perClient) * size}
	if b.Task.Shape.C == 1 {
		out.coarse = f.Coarse()
	}
	var sets []*data.Samples
	for i, part := range parts {
		s, err := b.pick(part, i, n, seed)
		if err != nil {
			return nil, err
		}
		stored, err := artifact.RoundTrip(f.Down(s), artifact.U4)
		if err != nil {
			return nil, err
		}
		sets = append(sets, f.Decode(stored))
	}
	var err error
	out.samples, err = data.Merge(sets...)
	return out, err
}
