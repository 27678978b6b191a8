// Package coreset holds the cheap methods: real samples picked at random (the
// control of every other method), by herding, k-center or k-means; and averages
// of real samples by k-means and Gaussian mixtures. docs/methods.md
// compares them.
package coreset

import (
	"context"
	"fmt"
	"math"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/data"
)

// Random picks real samples, balanced over the classes held, without
// replacement. With a formation it picks one sample per tile, averages each to
// a tile's size and packs them. It publishes raw data: it is the control, not a
// default.
type Random struct{}

// Name implements distill.Method.
func (Random) Name() string { return "random" }

// Version implements distill.Method.
func (Random) Version() int { return 1 }

// Summary implements distill.Method.
func (Random) Summary() string {
	return "real samples picked at random (the control; publishes raw data)"
}

// Settings implements distill.Method.
func (Random) Settings() map[string]string { return map[string]string{} }

// With implements distill.Method: there is nothing to set.
func (r Random) With(settings map[string]string) (distill.Method, error) {
	return r, distill.Options{}.Set(r.Name(), settings)
}

// Outline implements distill.Method.
func (Random) Outline(req distill.Request) (distill.Outline, error) { return ofReal(req) }

// Pick draws n random samples of each class held, class after class, without
// replacement. It fails with distill.ErrTooFew.
func Pick(s *data.Samples, n int, seed uint64) (pick []int, err error) {
	for class, index := range s.ByClass() {
		if len(index) == 0 {
			continue
		}
		if len(index) < n {
			return nil, fmt.Errorf("%w: class %d has %d, the formation asks for %d", distill.ErrTooFew, class, len(index), n)
		}
		for _, j := range data.Stream(seed, "coreset-random", uint64(class)).Perm(len(index))[:n] {
			pick = append(pick, index[j])
		}
	}
	return pick, nil
}

// Distill implements distill.Method.
func (Random) Distill(ctx context.Context, req distill.Request) (*distill.Result, error) {
	if err := req.Check(); err != nil {
		return nil, err
	}
	f := req.StoredAs(req.Formation)
	pick, err := Pick(req.Samples, req.IPC*f.Tiles(), req.Seed)
	if err != nil {
		return nil, err
	}
	req.Report(distill.Progress{Done: len(pick), Total: len(pick), Loss: math.NaN()})
	images, err := f.Pack(f.Down(req.Samples.Subset(pick)))
	if err != nil {
		return nil, err
	}
	return &distill.Result{Images: images, Formation: f, SmallestGroup: 1}, ctx.Err()
}
