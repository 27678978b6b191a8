package study

import (
	"context"
	"errors"
	"fmt"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"slices"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/data"
)

// splitOf is the split of one seed.
func (p *Plan) splitOf(seed int) data.Split {
	s := p.Split
	s.Seed += uint64(seed)
	return s
}

// leastTiles is the largest number of samples of a class that a stored image may need.
const leastTiles = 4

// need is how many samples of a class a client must have to publish it.
func (p *Plan) need() int {
	if p.Pixels.IsDCT() {
		return p.IPC
	}
	return p.IPC * max(leastTiles, p.Formation*p.Formation)
}

// Idle counts clients over all seeds: those without samples, which take no
// part; those with too few samples of every class to publish an image, which
// take part only in federated learning; and all.
func (p *Plan) Idle() (without, tooFew, all int, err error) {
	labels := p.Data.Train.Labels()
	for seed := range p.Seeds {
		parts, err := p.splitOf(seed).Parts(labels, len(p.Data.Task.Classes))
		if err != nil {
			return 0, 0, 0, err
		}
		for _, held := range data.ClassTable(labels, len(p.Data.Task.Classes), parts) {
			all++
			switch most := slices.Max(held); {
			case most == 0:
				without++
			case most < p.need():
				tooFew++
			}
		}
	}
	return without, tooFew, all, nil
}

// local is a client's part, without classes of which it has too few samples for
// the budget: no method could publish an image of those, in any formation.
func (r *runner) local(part []int) *data.Samples {
	s := r.train.Subset(part)
	if s.Len() == 0 {
		return s
	}
	members := s.ByClass()
	var keep []int
	for i, y := range s.Y {
		if len(members[y]) >= r.plan.need() {
			keep = append(keep, i)
		}
	}
	if len(keep) == s.Len() {
		return s
	}
	return s.Subset(keep)
}

// holdings counts the classes of each client's part at a seed.
func (r *runner) holdings(seed int) ([][]int, error) {
	parts, err := r.plan.splitOf(seed).Parts(r.train.Y, r.train.Classes)
	if err != nil {
		return nil, err
	}
	return data.ClassTable(r.train.Y, r.train.Classes, parts), nil
}

// someHoldAll reports whether some clients can publish images of every class
// and others cannot. It fails with ErrPlan when no client of a seed holds
// anything.
func (r *runner) someHoldAll() (bool, error) {
	var whole, less bool
	for seed := range r.plan.Seeds {
		holdings, err := r.holdings(seed)
		if err != nil {
			return false, err
		}
		if !slices.ContainsFunc(holdings, func(held []int) bool { return slices.Max(held) > 0 }) {
			return false, fmt.Errorf("%w: no client of the split holds any sample, seed %d", ErrPlan, seed)
		}
		for _, held := range holdings {
			enough := slices.Min(held) >= r.plan.need()
			whole, less = whole || enough, less || !enough
		}
	}
	return whole && less, nil
}

// tried is the smallest number of samples per class that a method is tried on.
const tried = 64

// try starts every method on a few samples of the first client and stops it at
// once, so that one that cannot work on such data is refused before hours are
// spent on the others.
func (r *runner) try(ctx context.Context) error {
	parts, err := r.plan.splitOf(0).Parts(r.train.Y, r.train.Classes)
	if err != nil {
		return err
	}
	var local *data.Samples
	for _, part := range parts {
		if local = r.local(part); local.Len() > 0 {
			break
		}
	}
	if local.Len() == 0 {
		return nil // reported with the numbers of samples by the first method
	}
	var keep []int
	for _, members := range local.ByClass() {
		keep = append(keep, members[:min(len(members), max(tried, r.plan.need()))]...)
	}
	ended, end := context.WithCancel(ctx)
	end()
	for _, e := range r.entries {
		if e.method == nil {
			continue
		}
		req := distill.Request{Samples: local.Subset(keep), IPC: r.plan.IPC, Formation: r.formation(e), Device: r.on(1),
			Cache: r.store.experts()}
		asked := artifact.Request{Request: req, Method: e.method, Pixels: e.stored.pixels}
		if _, err := asked.Resolve(); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrPlan, e.label, err)
		}
		if _, err := e.method.Distill(ended, asked.Request); err != nil && !errors.Is(err, context.Canceled) {
			return fmt.Errorf("%w: %s: %w", ErrPlan, e.label, err)
		}
	}
	return ctx.Err()
}
