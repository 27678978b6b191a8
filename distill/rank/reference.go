package rank

import (
	"context"
	"fmt"

	"github.com/distillmesh/distillmesh/distill/trial"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/zca"
)

// choosingEpochs is how long the trainings are that choose the learning rate of a reference.
const choosingEpochs = 10

// closedBound is how many random samples a model in closed form uses in place of all,
// since its matrix grows with their square.
const closedBound = 3000

// referenceRecipe is that of all real data, of a number of epochs.
func referenceRecipe(epochs int) (Recipe, error) {
	r, err := Shipped(reference)
	r.Train.Epochs = epochs
	return r, err
}

// reference trains a model on all real data but the validation samples.
func (w *work) reference(ctx context.Context) (*outcome, error) {
	full, err := referenceRecipe(w.plan.Epochs)
	if err != nil {
		return nil, err
	}
	iterative := w.iterative(w.model)
	a := &arm{name: "real", key: "real", recipe: full, fixed: iterative,
		draw: func(_ context.Context, seed uint64) (images, error) {
			if iterative || w.runner.train.Len() <= closedBound {
				return images{samples: w.runner.train}, nil
			}
			pick := data.Stream(seed, "rank-real").Perm(w.runner.train.Len())[:closedBound]
			return images{samples: w.runner.train.Subset(pick)}, nil
		}}
	o := &outcome{arm: a}
	if iterative {
		if o.rate, err = w.referenceRate(ctx, o); err != nil {
			return nil, err
		}
	}
	n := w.plan.References
	if !iterative && w.runner.train.Len() <= closedBound {
		n = 1
	}
	o.last, o.best = make(runs, n), make(runs, n)
	stage := w.stage(fmt.Sprintf("train %s on all %d real samples", w.model, w.runner.train.Len()), n)
	err = w.each(ctx, func(ctx context.Context, do func(func() error)) {
		for seed := range n {
			do(func() error {
				defer stage.step()
				result, _, err := w.train1(ctx, w.judge, o, o.rate, uint64(seed), points)
				o.last[seed], o.best[seed] = result.Accuracy, result.BestAccuracy
				return err
			})
		}
	})
	return o, err
}

// referenceRate chooses the learning rate of a reference, by one seed and few epochs.
func (w *work) referenceRate(ctx context.Context, of *outcome) (float64, error) {
	arm := *of.arm
	arm.recipe.Train.Epochs = min(choosingEpochs, arm.recipe.Train.Epochs)
	short := &outcome{arm: &arm}
	defer func() { of.spent.join(&short.spent) }()
	rates := arm.recipe.Rates
	found := make([]float64, len(rates))
	stage := w.stage("choose the learning rate of "+w.model+" on real samples", len(rates))
	err := w.each(ctx, func(ctx context.Context, do func(func() error)) {
		for i, rate := range rates {
			do(func() error {
				defer stage.step()
				result, _, err := w.train1(ctx, w.choose, short, rate, choosing, 1)
				found[i] = result.Accuracy
				return err
			})
		}
	})
	return best(rates, found), err
}

// whitening whitens images by the training samples.
type whitening struct {
	*zca.Whitening
	choose, judge *trial.Bench
}

// whiten is a bench and images after whitening.
func (w *work) whiten(ctx context.Context, on *trial.Bench, i images) (*trial.Bench, images, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.white == nil {
		if err := w.openWhitening(ctx); err != nil {
			return nil, i, err
		}
	}
	samples, err := w.white.Apply(ctx, i.samples)
	if on == w.choose {
		return w.white.choose, images{samples, i.view}, err
	}
	return w.white.judge, images{samples, i.view}, err
}

func (w *work) openWhitening(ctx context.Context) (err error) {
	white := &whitening{}
	if white.Whitening, err = zca.By(ctx, w.plan.Data.Task, w.runner.train, 1); err != nil {
		return err
	}
	of := func(b *trial.Bench) (*trial.Bench, error) {
		out := *b
		out.Identity = append([]any{"zca"}, b.Identity...)
		out.Test, err = white.Apply(ctx, b.Test)
		return &out, err
	}
	if white.choose, err = of(w.choose); err != nil {
		return err
	}
	if white.judge, err = of(w.judge); err == nil {
		w.white = white
	}
	return err
}
