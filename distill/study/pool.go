package study

import (
	"context"
	"fmt"
	"time"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/ridge"
	"github.com/distillmesh/distillmesh/distill/trial"
	"github.com/distillmesh/distillmesh/train/linear"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// pool lets every client send encoded statistics of a ridge in place of a set,
// and makes the set of all data from their sum. It has no control, since no
// images are sent.
func (r *runner) pool(ctx context.Context, e entry, seed int) (*gathered, error) {
	g := &gathered{label: e.label, recipe: r.plan.recipe(recipe.Default()),
		row: Row{Method: e.label, Seed: seed, Clients: len(r.parts)}}
	watch := r.memory.Watch()
	defer watch.Stop()
	began := time.Now()
	stage := r.stage(fmt.Sprintf("sum %s, seed %d", e.label, seed), len(r.parts), "clients")
	var parts []*linear.Statistics
	for _, part := range r.parts {
		local := r.local(part)
		if local.Len() > 0 {
			sums, err := ridge.Statistics(ctx, local, r.workers)
			if err != nil {
				return nil, fmt.Errorf("%s, seed %d: %w", e.label, seed, err)
			}
			file, err := sums.Encode()
			if err != nil {
				return nil, fmt.Errorf("%s, seed %d: %w", e.label, seed, err)
			}
			if sums, err = linear.Decode(file, local.Shape, local.Classes); err != nil {
				return nil, fmt.Errorf("%s, seed %d: %w", e.label, seed, err)
			}
			parts = append(parts, sums)
			g.row.Bytes.Up += int64(len(file))
		}
		stage.step()
	}
	result, err := e.pooled.Merge(ctx, parts, distill.Request{IPC: r.plan.IPC, Seed: clientSeed(seed, 0),
		Device: r.on(r.workers)})
	if err != nil {
		return nil, fmt.Errorf("%s, seed %d: %w", e.label, seed, err)
	}
	g.samples = result.Images
	g.print, g.row.Images = trial.Fingerprint(g.samples), g.samples.Len()
	g.row.Seconds, g.row.PeakRSS = time.Since(began).Seconds(), watch.MiB()
	return g, nil
}
