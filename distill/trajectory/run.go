package trajectory

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/tiling"
	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/engine"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/nn"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// run is one distillation.
type run struct {
	Method
	req       distill.Request
	formation data.Formation
	recipe    *recipe.Recipe
	form      tiling.Form
	perClass  int
	y         []int // class of each tile
	net       *nn.Network
	strategy  recipe.Strategy
	engine    graph.Engine
	experts   []expert
	student   *student
	state     state
	id        string
	pcg       rand.PCG
	rng       *rand.Rand
}

func newRun(m Method, req distill.Request) (*run, error) {
	m.Augment = tiling.ResolveAuto(m.Augment, req)
	r := &run{Method: m, req: req}
	outline, err := m.Outline(req)
	if err != nil {
		return nil, err
	}
	r.formation, r.recipe = outline.Formation, outline.Recipe
	if r.strategy, err = tiling.Augmentation(m.Augment); err != nil {
		return nil, err
	}
	if r.net, err = tiling.Network(req.Samples, m.Width); err != nil {
		return nil, err
	}
	r.rng = rand.New(&r.pcg)
	if r.form, err = tiling.NewForm(req, r.formation, tiling.Equal); err != nil {
		return nil, err
	}
	r.perClass = req.IPC * r.formation.Tiles()
	for _, class := range req.Samples.Held() {
		for range r.perClass {
			r.y = append(r.y, class)
		}
	}
	if r.engine, err = engine.Open(req.Device); err != nil {
		return nil, err
	}
	if r.student, err = newStudent(r); err != nil {
		r.engine.Close()
		return nil, err
	}
	return r, nil
}

// begin makes or restores the state, and gathers the experts if anything is left
// to do.
func (r *run) begin(ctx context.Context) error {
	r.state = newState(r)
	if r.req.Resume != nil {
		if err := r.restore(r.req.Resume); err != nil || r.state.step == r.Iterations {
			return err
		}
		return r.gather(ctx)
	}
	if err := r.gather(ctx); err != nil {
		return err
	}
	first, err := tiling.Start{Samples: r.req.Samples, Form: r.form, PerClass: r.perClass, Kind: r.Start,
		Seed: r.req.Seed, Purpose: "trajectory-start"}.Values(ctx)
	if err != nil {
		return err
	}
	copy(r.state.tiles.values, first.X)
	if r.Labels == Learned {
		if err := r.startLabels(ctx, first.X); err != nil {
			return err
		}
	}
	r.state.tiles.follow(0)
	r.state.labels.follow(0)
	return nil
}

// gather trains or reads the experts.
func (r *run) gather(ctx context.Context) (err error) {
	p := expertPlan{Network: r.net, Samples: r.req.Samples, Seed: r.req.Seed,
		Recipe: recipe.Recipe{Optimizer: recipe.SGD, LR: r.ExpertRate, Batch: r.ExpertBatch, Epochs: r.MaxStart - 1 + r.Span}}
	if r.Augment != tiling.None {
		p.Recipe.Augment = r.Augment
	}
	total := r.Experts + r.Iterations
	r.experts, err = gatherExperts(ctx, p, r.Experts, r.req.Cache, r.req.Device, func(ready int) {
		r.req.Report(distill.Progress{Done: ready, Total: total, Loss: none})
	})
	return err
}

// startLabels are the logits of the first expert's last epoch.
func (r *run) startLabels(ctx context.Context, values []float32) error {
	m, last := &train.Model{Network: r.net}, r.experts[0][len(r.experts[0])-1]
	for _, p := range r.net.Params {
		m.Params, last = append(m.Params, last[:p.Len()]), last[p.Len():]
	}
	stored, err := r.form.Images(values, r.y, nil, r.net.Classes)
	if err != nil {
		return err
	}
	logits, err := m.Logits(ctx, r.formation.Decode(stored))
	copy(r.state.labels.values, logits)
	return err
}

// checkpointEvery is how many iterations lie between two checkpoints.
const checkpointEvery = 20

// iterateAll does what is left to do, and saves the state when done or interrupted.
func (r *run) iterateAll(ctx context.Context) error {
	if r.state.step == r.Iterations { // resumed at the end
		r.req.Report(distill.Progress{Done: r.Experts + r.state.step, Total: r.Experts + r.Iterations, Loss: none})
	}
	for r.state.step < r.Iterations {
		if err := ctx.Err(); err != nil {
			return errors.Join(err, r.save())
		}
		record, err := r.iterate()
		if err != nil {
			return fmt.Errorf("%s: iteration %d: %w", r.name, r.state.step, err)
		}
		if r.Watch != nil {
			r.Watch(record)
		}
		r.req.Report(distill.Progress{Done: r.Experts + r.state.step, Total: r.Experts + r.Iterations, Loss: record.Loss})
		if r.state.step%checkpointEvery == 0 || r.state.step == r.Iterations {
			if err := r.save(); err != nil {
				return err
			}
		}
	}
	return nil
}

// result packs the tiles.
func (r *run) result() (*distill.Result, error) {
	x, labels := r.state.tiles.values, r.state.labels.values
	if r.Publish == Average {
		x, labels = r.state.tiles.average, r.state.labels.average
	}
	var soft []float32
	if r.Labels == Learned {
		soft = softmaxRows(labels, r.net.Classes)
	}
	images, err := r.form.Images(x, r.y, soft, r.net.Classes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.name, err)
	}
	out := &distill.Result{Images: images, Formation: r.formation, Recipe: r.recipe, Warnings: r.warnings()}
	if r.Start == tiling.Real {
		out.SmallestGroup = 1
	}
	return out, nil
}

// warnings interprets the counts of the run.
func (r *run) warnings() (out []string) {
	n, share := float64(r.Iterations), 0.95
	if r.state.skipped > 0 {
		out = append(out, fmt.Sprintf("%.0f of %d iterations were not finite and left out: lower rate or step-size",
			r.state.skipped, r.Iterations))
	}
	if r.state.clamped > 0 {
		out = append(out, fmt.Sprintf("the step size met its bound %.0f times: lower step-rate", r.state.clamped))
	}
	if r.Choice == Closest && r.Cap > 1 && r.state.capped > share*n {
		out = append(out, "the nearest step was nearly always the last: raise cap or step-size")
	}
	if r.Choice == Closest && r.Cap > 1 && r.state.first > share*n {
		out = append(out, "the nearest step was nearly always the first: lower step-size")
	}
	return out
}
