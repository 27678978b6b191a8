package kip

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/kernel"
	"github.com/distillmesh/distillmesh/train/ntk"
)

// run is one distillation.
type run struct {
	KIP
	req     distill.Request
	pool    *kernel.Pool
	ntk     *ntk.Regression
	batch   *batch
	step    int // done
	classes []int
	moments [4][]float32 // first and second of the images, then of the labels
	request string       // hash of all that the result depends on; empty when no state is kept
}

func newRun(ctx context.Context, k KIP, req distill.Request) (*run, error) {
	r := &run{KIP: k, req: req, pool: kernel.NewPool(req.Device.Workers)}
	s := req.Samples
	for _, c := range s.Held() {
		r.classes = append(r.classes, slices.Repeat([]int{c}, req.IPC)...)
	}
	r.batch = newBatch(s, k.Targets, req.Seed, req.Device.Workers)
	r.batch.pool = r.pool
	r.ntk = ntk.NewRegression(r.pool, ntk.Problem{Depth: k.Depth, Targets: r.batch.len(), Supports: len(r.classes),
		Values:  s.Shape.Size(),
		Classes: s.Classes, Lambda: k.Lambda})
	for i, at := range [][]float32{r.ntk.Images, r.ntk.Images, r.ntk.Labels, r.ntk.Labels} {
		r.moments[i] = make([]float32, len(at))
	}
	if req.Resume != nil || req.Checkpoint != nil {
		r.request = identity(k, req)
	}
	if req.Resume != nil {
		if err := r.adopt(req.Resume); err != nil {
			r.close()
			return nil, fmt.Errorf("kip: resume: %w", err)
		}
		return r, nil
	}
	k.start(ctx, req, r.ntk.Images)
	if err := ctx.Err(); err != nil {
		r.close()
		return nil, err
	}
	for i, class := range r.classes {
		row := r.ntk.Labels[i*s.Classes : (i+1)*s.Classes]
		for c := range row {
			row[c] = -1 / float32(s.Classes)
		}
		row[class]++
	}
	return r, nil
}

func (r *run) close() { r.pool.Close() }

// all does the steps that are left, and leaves a state when done or interrupted.
func (r *run) all(ctx context.Context) error {
	if r.step == r.Steps { // resumed at the end
		r.req.Report(distill.Progress{Done: r.step, Total: r.Steps, Loss: math.NaN()})
	}
	for r.step < r.Steps {
		if err := ctx.Err(); err != nil {
			return errors.Join(err, r.checkpoint())
		}
		loss, err := r.ntkStep()
		if err != nil {
			return fmt.Errorf("kip: step %d: %w; a smaller lr or a larger lambda may help", r.step+1, err)
		}
		// The official code evaluates before it updates, and one batch predicted
		// without a mistake ends it. A resumed run evaluates that batch again and
		// ends again.
		if r.official() && r.ntk.Correct == r.batch.len() {
			r.req.Report(distill.Progress{Done: r.step + 1, Total: r.step + 1, Loss: loss})
			return r.checkpoint()
		}
		r.update()
		r.step++
		if r.step == r.Steps || r.step%reportEvery == 0 {
			r.req.Report(distill.Progress{Done: r.step, Total: r.Steps, Loss: loss})
		}
		if r.step == r.Steps || r.step%checkpointEvery == 0 {
			if err := r.checkpoint(); err != nil {
				return err
			}
		}
	}
	return nil
}

// ntkStep draws the next batch and computes loss and gradients on it.
func (r *run) ntkStep() (float64, error) {
	r.batch.fill(r.ntk, r.step)
	return r.ntk.Step()
}

// update moves images and labels by one step of Adam. Values are independent,
// so the parts do not change the result.
func (r *run) update() {
	t := r.step + 1
	if r.official() {
		t++ // its counter starts at one too many: the first step is 0.74 lr
	}
	adam := kernel.NewAdamStep(t, r.LR, 0)
	r.pool.Run((len(r.ntk.Images)+adamPart-1)/adamPart,
		&adamTask{adam, r.ntk.Images, r.ntk.ImagesGrad, r.moments[0], r.moments[1]})
	if r.Labels == Learned {
		adam.Apply(r.ntk.Labels, r.ntk.LabelsGrad, r.moments[2], r.moments[3])
	}
}

// adamPart is the number of values in one part of an update; whole vectors.
const adamPart = 1 << 14

type adamTask struct {
	kernel.AdamStep
	w, g, m, v []float32
}

// Part implements kernel.Task.
func (t *adamTask) Part(_ *kernel.Scratch, part int) {
	lo, hi := part*adamPart, min(len(t.w), (part+1)*adamPart)
	t.Apply(t.w[lo:hi], t.g[lo:hi], t.m[lo:hi], t.v[lo:hi])
}

// result is the set as it stands. Learned labels are published as they are,
// with the class of the largest.
func (r *run) result() *data.Samples {
	s := r.req.Samples
	out := &data.Samples{Shape: s.Shape, Classes: s.Classes, X: slices.Clone(r.ntk.Images), Y: slices.Clone(r.classes)}
	if r.Labels == Learned {
		out.Soft = slices.Clone(r.ntk.Labels)
		for i := range out.Y {
			row := out.Soft[i*s.Classes : (i+1)*s.Classes]
			out.Y[i] = slices.Index(row, slices.Max(row))
		}
	}
	return out
}
