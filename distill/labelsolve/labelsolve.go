// Package labelsolve distills by labels alone: images as another method makes
// them, and the labels under which they predict the local samples best, in
// closed form.
package labelsolve

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/coreset"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/kernel"
	"github.com/distillmesh/distillmesh/train/ntk"
)

// LabelSolve takes images as they are and solves for their labels by least
// squares (edge-distillers 1.4, ntk.SolveLabels):
//
//	Y_s = (K_ts (K_ss + reg I)^-1)^+ Y_t
//
// K being the NTK of a depth, t the local samples and s the images, reg the
// predictor's. With a formation, all tiles of a stored image share its label.
type LabelSolve struct {
	Depth int // hidden layers of the kernel
	// Start makes the images: the name of a method of package coreset.
	Start string
	// Targets is the largest number of samples predicted, shared equally by the
	// held classes; a class that has fewer contributes all.
	Targets int
	// Labels is Solved, Fixed or Auto: solved where the samples hold every class
	// of the task, for the reason that kip has. Labels that separate the few
	// classes of a device say nothing about the others: from ten clients with
	// two MNIST classes, a random image each, the predictor reaches 55.9 % with solved
	// labels and 57.7 % with classes, from centroids 78.4 and 79.8 %. Even with
	// all classes at hand solving pays only while a set is small: ten such
	// clients give 80.8 against 75.0 % with an image per class and 92.5 against
	// 92.8 % with ten (go run ./test/coresets -clients).
	Labels string
}

// How labels are treated.
const (
	Solved = "solved" // by least squares; published as soft rows
	Fixed  = "fixed"  // the images' classes: what the start makes, unchanged
	Auto   = "auto"   // Solved with all classes at hand, else Fixed
)

// starts are the methods that make images.
var starts = []distill.Method{coreset.DefaultClusters(), coreset.Herding{}, coreset.KCenter{}, coreset.Random{}}

// Default solves the labels of centroids, so that no image is a real sample.
func Default() LabelSolve {
	return LabelSolve{Depth: 1, Start: coreset.DefaultClusters().Name(), Targets: 20_000, Labels: Auto}
}

// Name implements distill.Method.
func (LabelSolve) Name() string { return "label-solve" }

// Version implements distill.Method.
func (LabelSolve) Version() int { return 1 }

// Summary implements distill.Method.
func (LabelSolve) Summary() string {
	return "centroids or real samples with labels solved for the NTK predictor (ntk:DEPTH)"
}

// options are the settings and their ranges.
func (l *LabelSolve) options() distill.Options {
	var names []string
	for _, m := range starts {
		names = append(names, m.Name())
	}
	return distill.Options{
		distill.Int("depth", &l.Depth, 1, ntk.MaxDepth),
		distill.Choice("start", &l.Start, names...),
		distill.Int("targets", &l.Targets, 1, 1_000_000),
		distill.Choice("labels", &l.Labels, Auto, Solved, Fixed),
	}
}

// Settings implements distill.Method.
func (l LabelSolve) Settings() map[string]string { return l.options().Settings() }

// With implements distill.Method.
func (l LabelSolve) With(settings map[string]string) (distill.Method, error) {
	err := l.options().Set(l.Name(), settings)
	return l, err
}

// start is the method that makes the images.
func (l LabelSolve) start() (distill.Method, error) {
	at := slices.IndexFunc(starts, func(m distill.Method) bool { return m.Name() == l.Start })
	if at < 0 {
		return nil, fmt.Errorf("%w: start is %q", distill.ErrOption, l.Start)
	}
	return starts[at], nil
}

// Outline implements distill.Method.
func (l LabelSolve) Outline(req distill.Request) (distill.Outline, error) {
	start, err := l.start()
	if err != nil {
		return distill.Outline{}, err
	}
	o, err := start.Outline(req)
	o.Natural = false // labels are solved for images before they are rounded
	o.Consumer = "ntk:" + strconv.Itoa(l.Depth)
	o.Soft = l.Labels == Solved || l.Labels == Auto && len(req.Samples.Held()) == req.Samples.Classes
	return o, err
}

// Distill implements distill.Method.
func (l LabelSolve) Distill(ctx context.Context, req distill.Request) (*distill.Result, error) {
	start, err := l.start()
	if err != nil {
		return nil, err
	}
	if err := req.Check(); err != nil {
		return nil, err
	}
	outline, err := l.Outline(req)
	if err != nil {
		return nil, err
	}
	inner := req
	inner.Progress, inner.Checkpoint, inner.Resume = nil, nil, nil
	out, err := start.Distill(ctx, inner)
	if err != nil {
		return nil, err
	}
	req.Report(distill.Progress{Done: 1, Total: 2, Loss: math.NaN()})
	out.Consumer = outline.Consumer
	if outline.Soft {
		if err := l.solve(ctx, req, out); err != nil {
			return nil, err
		}
	}
	req.Report(distill.Progress{Done: 2, Total: 2, Loss: math.NaN()})
	return out, ctx.Err()
}

// solve replaces the labels of a result.
func (l LabelSolve) solve(ctx context.Context, req distill.Request, r *distill.Result) error {
	pool := kernel.NewPool(req.Device.Workers)
	defer pool.Close()
	images, f := r.Images, r.Formation.OrDefault()
	start := make([]float32, images.Len()*images.Classes)
	for i := range images.Len() {
		images.RegressionTarget(i, start[i*images.Classes:(i+1)*images.Classes])
	}
	support := f.Decode(images)
	soft, err := ntk.SolveLabels(ctx, pool, ntk.Labeling{Depth: l.Depth,
		Support: ntk.Rows{X: support.X, M: support.Len(), D: support.Shape.Size()},
		Repeat:  f.Tiles(), Targets: l.targets(req), Start: start})
	if err != nil {
		return fmt.Errorf("label-solve: %w", err)
	}
	images.Soft, images.Y = soft, slices.Clone(images.Y)
	for i := range images.Y {
		row := soft[i*images.Classes : (i+1)*images.Classes]
		images.Y[i] = slices.Index(row, slices.Max(row))
	}
	return nil
}

// targets draws the samples to predict: of every class held its share.
func (l LabelSolve) targets(req distill.Request) *data.Samples {
	share := max(1, l.Targets/len(req.Samples.Held()))
	var pick []int
	for class, index := range req.Samples.ByClass() {
		order := data.Stream(req.Seed, "label-solve-targets", uint64(class)).Perm(len(index))
		for _, j := range order[:min(share, len(index))] {
			pick = append(pick, index[j])
		}
	}
	slices.Sort(pick)
	return req.Samples.Subset(pick)
}
