// Package match holds the methods that optimise images so that a network sees
// them as it sees the real ones.
package match

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/augment"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/kernel"
)

// What DM's images start from.
const (
	Centroids = "centroids" // k-means centroids of at least ten samples, else noise
	Noise     = "noise"     // around the class mean
	Real      = "real"      // random real samples; they may stay recognisable
)

// DM is distribution matching (Zhao and Bilen 2023) on tiles: images of a class
// are moved so that the mean embedding of a batch of them meets that of a real
// batch, in a fresh random ConvNet at every iteration:
//
//	loss = sum over classes of |mean f(real) - mean f(tiles)|^2
//
// A class needs nothing from the others, and the networks come from a seed that
// all devices share. The recipe is DM2 of federated-recipes.md 2.
type DM struct {
	Iterations int     // of one step on all tiles
	Rate       float64 // of Adam, to zero along a cosine
	Beta1      float64
	Beta2      float64
	Width      int    // of the ConvNet
	Batch      int    // real samples a class and iteration, with replacement
	Start      string // Centroids, Noise or Real
	Formation  int    // tiles along a side where the request leaves it open
	Augment    string // one draw a class and iteration, for real batch and tiles
	Networks   uint64 // seed of the networks, public
}

// DefaultDM has the settings of the measured recipe, with four times the
// iterations at half the rate: on held-out training images of MNIST, ten clients
// of two classes, twenty stored images, LeNet then reads 91.2 +-0.5 instead of
// 86.7 +-2.6 and ConvNetD3 94.9 instead of 92.8.
func DefaultDM() DM {
	return DM{Iterations: 600, Rate: 0.05, Beta1: 0.9, Beta2: 0.99, Width: 16, Batch: 64, Start: Centroids, Formation: 2, Augment: augment.Affine}
}

// Name implements distill.Method.
func (DM) Name() string { return "dm" }

// Version implements distill.Method.
func (DM) Version() int { return 1 }

// Summary implements distill.Method.
func (DM) Summary() string {
	return "distribution matching in random ConvNets, four tiles an image; for images of at least 8 x 8, trained on by networks"
}

// options are the settings and their ranges.
func (m *DM) options() distill.Options {
	return distill.Options{
		distill.Int("iterations", &m.Iterations, 1, 10_000_000),
		distill.Float("rate", &m.Rate, 1e-9, 100),
		distill.Float("beta1", &m.Beta1, 0, 0.9999),
		distill.Float("beta2", &m.Beta2, 0, 0.999999),
		distill.Int("width", &m.Width, 1, 4096),
		distill.Int("batch", &m.Batch, 1, 100_000),
		distill.Choice("start", &m.Start, Centroids, Noise, Real),
		distill.Int("formation", &m.Formation, 1, data.MaxFormation),
		distill.Choice("augment", &m.Augment, augment.Affine, augment.DSA, augment.DSANoFlip),
		distill.Seed("networks", &m.Networks),
	}
}

// Settings implements distill.Method.
func (m DM) Settings() map[string]string { return m.options().Settings() }

// With implements distill.Method.
func (m DM) With(settings map[string]string) (distill.Method, error) {
	err := m.options().Set(m.Name(), settings)
	return m, err
}

// Recipe is how networks train on the tiles (federated-recipes.md 2, step 7).
func (DM) Recipe() train.Recipe {
	return train.Recipe{Optimizer: train.Adam, LR: 1e-3, WeightDecay: 1e-4, Batch: 50, Epochs: 500, MinSteps: 500, MaxSteps: 1500, Augment: augment.Affine}
}

// formation is what the request asks for, or the method's own where that suits
// the images.
func (m DM) formation(req distill.Request) data.Formation {
	if req.Formation > 0 {
		return data.NewFormation(req.Formation)
	}
	if f := data.NewFormation(m.Formation); f.Validate(req.Samples.Shape) == nil {
		return f
	}
	return data.NewFormation(1)
}

// Distill implements distill.Method.
func (m DM) Distill(ctx context.Context, req distill.Request) (*distill.Result, error) {
	if err := req.Check(); err != nil {
		return nil, err
	}
	pool := kernel.NewPool(req.Cores())
	defer pool.Close()
	r, err := m.newRun(ctx, pool, req)
	if err != nil {
		return nil, fmt.Errorf("dm: %w", err)
	}
	for r.state.step < m.Iterations {
		if err := ctx.Err(); err != nil {
			return nil, errors.Join(err, r.save())
		}
		loss := r.iterate()
		req.Report(distill.Progress{Done: r.state.step, Total: m.Iterations, Loss: loss})
		if r.state.step%checkpointEvery == 0 {
			if err := r.save(); err != nil {
				return nil, err
			}
		}
	}
	images, err := r.formation.Pack(r.tiles())
	if err != nil {
		return nil, fmt.Errorf("dm: %w", err)
	}
	recipe := m.Recipe()
	out := &distill.Result{Images: images, Formation: r.formation, Recipe: &recipe}
	if m.Start == Real {
		out.SmallestGroup = 1
	}
	return out, nil
}

// checkpointEvery is how many iterations lie between two checkpoints.
const checkpointEvery = 50

// adam is the constants of the step after step, its rate along half a cosine.
func (m DM) adam(step int) kernel.AdamStep {
	rate := m.Rate * 0.5 * (1 + math.Cos(math.Pi*float64(step)/float64(m.Iterations)))
	t := float64(step + 1)
	return kernel.AdamStep{
		Rate: float32(rate / (1 - math.Pow(m.Beta1, t))), Root: float32(1 / math.Sqrt(1-math.Pow(m.Beta2, t))),
		Beta1: float32(m.Beta1), Beta2: float32(m.Beta2), Epsilon: 1e-8,
	}
}
