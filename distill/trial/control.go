package trial

import (
	"context"
	"errors"
	"fmt"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/coreset"
	"github.com/distillmesh/distillmesh/distill/labelsolve"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// Control is how the control of a set treats its random real images: as the set
// treats its own, so that the remaining difference is due to the method.
// Controls compare with ==.
type Control struct {
	Formation data.Formation     // of stored images; the zero value is that of plain ones
	Pixels    artifact.PixelType // of stored images; empty keeps values as they are
	// Labels is the depth of the kernel whose predictor learned labels serve;
	// empty for classes.
	Labels string
	// Some reports whether labels are learned only where a client holds every class.
	Some   bool
	Recipe recipe.Recipe
}

// ErrLearned means that Draw was asked for learned labels, which Method makes.
var ErrLearned = errors.New("labels of this control are learned, not drawn")

// Method makes sets of the control: it picks real samples at random, and where a
// method learns labels, solves for theirs.
func (c Control) Method() (distill.Method, error) {
	random := coreset.Random{}
	if c.Labels == "" {
		return random, nil
	}
	settings := map[string]string{"start": random.Name(), "labels": labelsolve.Solved, "depth": c.Labels}
	if c.Some {
		settings["labels"] = labelsolve.Auto
	}
	return labelsolve.Default().With(settings)
}

// Plain is the weaker control: whole images, with the same pixels, labels and
// recipe.
func (c Control) Plain() Control {
	c.Formation, c.Recipe.Coarse, c.Recipe.Band = data.NewFormation(1), 0, 0
	return c
}

// Pool is real samples to draw from by label; only drawn samples are loaded.
type Pool struct {
	Labels  []int
	Classes int
	Load    func(index []int) (*data.Samples, error)
}

// PoolOf is a pool of samples in memory.
func PoolOf(s *data.Samples) Pool {
	return Pool{s.Y, s.Classes, func(index []int) (*data.Samples, error) { return s.Subset(index), nil }}
}

// Part is a part of a pool, the seed by which it is drawn from, and the number of stored
// images per held class.
type Part struct {
	Index []int
	Seed  uint64
	IPC   int
}

// Draw is what a consumer trains on: stored images from each part, packed, rounded and
// read back as a written set is, and merged over all parts. It fails with distill.ErrTooFew.
func (c Control) Draw(ctx context.Context, p Pool, parts ...Part) (*data.Samples, error) {
	if c.Labels != "" {
		return nil, ErrLearned
	}
	f := c.Formation.OrDefault()
	var batches []*data.Samples
	for _, part := range parts {
		index, err := p.pick(ctx, part, part.IPC*f.Tiles())
		if err != nil {
			return nil, fmt.Errorf("draw random real samples: %w", err)
		}
		real, err := p.Load(index)
		if err != nil {
			return nil, err
		}
		stored, err := f.Pack(f.Down(real))
		if err != nil {
			return nil, err
		}
		if c.Pixels != "" {
			if stored, err = artifact.RoundTrip(stored, c.Pixels); err != nil {
				return nil, err
			}
		}
		batches = append(batches, f.Decode(stored))
	}
	return data.Merge(batches...)
}

// pick draws n samples of each class, as the method random does.
func (p Pool) pick(ctx context.Context, part Part, n int) ([]int, error) {
	// Positions replace the samples, since the method reads only labels.
	positions := &data.Samples{Shape: data.Shape{C: 1, H: 1, W: 1}, Classes: p.Classes}
	for at, i := range part.Index {
		positions.X, positions.Y = append(positions.X, float32(at)), append(positions.Y, p.Labels[i])
	}
	drawn, err := coreset.Random{}.Distill(ctx, distill.Request{Samples: positions, IPC: n, Seed: part.Seed})
	if err != nil {
		return nil, err
	}
	index := make([]int, drawn.Images.Len())
	for i, at := range drawn.Images.X {
		index[i] = part.Index[int(at)]
	}
	return index, nil
}
