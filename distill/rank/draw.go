package rank

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/auto"
	"github.com/distillmesh/distillmesh/distill/coreset"
	"github.com/distillmesh/distillmesh/distill/trial"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/view"
)

// pool is real samples that controls are drawn from.
type pool struct {
	task    *data.Task
	samples *data.Samples
	byClass [][]int
}

func poolOf(t *data.Task, s *data.Samples) pool { return pool{t, s, s.ByClass()} }

// draw picks as many real samples of each class as each set stores images of it, for every
// set by itself: the union of random subsets of the clients. It fails with distill.ErrTooFew.
func (p pool) draw(c Candidate, seed uint64) (*data.Samples, error) {
	var index []int
	for k, s := range c.Sets {
		for class, n := range s.Manifest.Counts {
			held := p.byClass[class]
			if n > len(held) {
				return nil, fmt.Errorf("%w: %s stores %d images of class %d, and %d real samples of it are here",
					distill.ErrTooFew, c.Name, n, class, len(held))
			}
			for _, j := range data.Stream(seed, "rank-random", uint64(k), uint64(class)).Perm(len(held))[:n] {
				index = append(index, held[j])
			}
		}
	}
	return p.samples.Subset(index), nil
}

// solvePool is the most samples that labels of random real images are solved with.
const solvePool = 5000

// solve draws as draw does, equally many of each class, and solves for the labels that the
// predictor of some depth learns best from, as methods for that predictor do.
func (p pool) solve(ctx context.Context, c Candidate, depth string, seed uint64) (*data.Samples, error) {
	m, err := trial.Control{Labels: depth}.Method()
	if err != nil {
		return nil, err
	}
	var batches []*data.Samples
	for k, s := range c.Sets {
		local, ipc := p.held(s, solvePool, seed)
		r, err := m.Distill(ctx, distill.Request{Samples: local, IPC: ipc,
			Seed: data.Stream(seed, "rank-solve", uint64(k)).Uint64()})
		if err != nil {
			return nil, err
		}
		batches = append(batches, r.Formation.Decode(r.Images))
	}
	return data.Merge(batches...)
}

// held is up to most samples of the classes that a set holds, as many of each, and how many
// images of a class the set stores at most.
func (p pool) held(s *artifact.Set, most int, seed uint64) (*data.Samples, int) {
	var index []int
	classes, ipc := 0, 0
	for _, n := range s.Manifest.Counts {
		if n > 0 {
			classes, ipc = classes+1, max(ipc, n)
		}
	}
	for class, n := range s.Manifest.Counts {
		if n == 0 {
			continue
		}
		held := p.byClass[class]
		for _, j := range data.Stream(seed, "rank-held", uint64(class)).Perm(len(held))[:min(len(held), most/classes)] {
			index = append(index, held[j])
		}
	}
	if len(index) == p.samples.Len() {
		return p.samples, ipc // in order, and large
	}
	slices.Sort(index)
	return p.samples.Subset(index), ipc
}

// sameBytes draws as many real samples as weigh as much as each set when they are written in
// the same way, and reads them back: in the same pixel type, and pixels of more than a byte
// in one byte. It says how a model sees them.
func (p pool) sameBytes(ctx context.Context, c Candidate, seed uint64) (*data.Samples, view.View, error) {
	var sets []*artifact.Set
	for k, s := range c.Sets {
		made, err := p.written(ctx, s, c.Bytes[k], data.Stream(seed, "rank-bytes", uint64(k)).Uint64())
		if err != nil {
			return nil, view.View{}, fmt.Errorf("random real images in %d bytes: %w", c.Bytes[k], err)
		}
		sets = append(sets, made)
	}
	samples, err := artifact.Merge(sets)
	return samples, view.Of(artifact.Recommend(sets).Recipe), err
}

// written is a set of random real samples of the classes of another.
func (p pool) written(ctx context.Context, s *artifact.Set, bytes int64, seed uint64) (*artifact.Set, error) {
	local, _ := p.held(s, p.samples.Len(), seed)
	form := s.Manifest.Formation
	req := distill.Request{Samples: local, IPC: 1, Seed: seed, Formation: form.Factor, Single: form.Single,
		Augment: p.task.Augmentation()}
	made := artifact.Request{Task: p.task, Method: coreset.Random{}, Pixels: artifact.U8, Bare: true}
	if dtype := s.Manifest.Images.DType; dtype.IsDCT() {
		req.Formation, req.Single = 1, false
		spent, err := auto.Spend(p.task, made.Method, req, auto.Budget{Bytes: bytes, Pixels: artifact.DCT})
		switch {
		case errors.Is(err, distill.ErrBudget): // not even one of each class: a little more than the set weighs
			made.Pixels = dtype
		case err != nil:
			return nil, err
		default:
			req.IPC, made.Pixels, made.Payload = spent.IPC, spent.Pixels, spent.Payload
		}
	} else {
		each := int64(s.Samples.Shape.Size())
		if dtype == artifact.U4 {
			made.Pixels, each = artifact.U4, (each+1)/2
		}
		each += int64(8 * s.Samples.Shape.C) // the range of each channel
		req.IPC = int(max(1, s.Payload/each/int64(len(local.Held()))))
		req.IPC = min(req.IPC, p.fewest(local)/form.Tiles())
	}
	made.Request = req
	return artifact.Try(ctx, made)
}

// fewest is the smallest number of samples of a class that is held.
func (p pool) fewest(s *data.Samples) int {
	n := s.Len()
	for _, index := range s.ByClass() {
		if len(index) > 0 {
			n = min(n, len(index))
		}
	}
	return n
}
