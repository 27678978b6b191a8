package rank

import (
	"context"

	"github.com/distillmesh/distillmesh/train/nn"
)

// row puts a candidate's accuracies together.
func (w *work) row(ctx context.Context, c Candidate, a arms, real *outcome) (Row, error) {
	rec, err := w.plan.recipeOf(c)
	if err != nil {
		return Row{}, err
	}
	v := c.view()
	row := Row{Set: c.Name, Method: c.Method, Model: w.model, Images: c.images(), Bytes: c.bytes(), Recipe: rec,
		Coarse: v.Coarse, Band: v.Band, Rates: map[string]float64{}}
	for seed := range w.plan.Trials {
		row.Seeds = append(row.Seeds, uint64(seed))
	}
	of := func(one *arm, name string) *outcome {
		if one == nil {
			return &outcome{}
		}
		o := w.done[one.id()]
		if o.rate > 0 {
			row.Rates[name] = o.rate
		}
		return o
	}
	hard, own, random, bytes := of(a.hard, "syn_hard"), of(a.own, "syn_own"), of(a.random, "random_own"),
		of(a.bytes, "random_bytes")
	synAug, synPlain := of(a.synAug, "syn_aug"), of(a.synPlain, "syn_noaug")
	randomAug, randomPlain := of(a.randomAug, "random_aug"), of(a.randomPlain, "random_noaug")
	row.RandomImages = bytes.images
	m := measured{real.last, hard.last, own.last, random.last, bytes.last, synAug.last, synPlain.last, randomAug.last,
		randomPlain.last}
	tops := measured{}
	if w.iterative(w.model) {
		tops = measured{real: real.best, hard: hard.best, own: own.best, random: random.best}
		row.Rates["real"] = real.rate
	}
	if err := w.labels(ctx, &row, c, a.own.recipe); err != nil {
		return row, err
	}
	return row, row.fill(m, tops, w.plan.ByLabels, w.plan.ByAugmentation)
}

// labels fills what a row says of labels by a teacher.
func (w *work) labels(ctx context.Context, row *Row, c Candidate, by Recipe) error {
	if _, solved := kind(c, by); by.Labels == Hard || solved != "" {
		return nil
	}
	of := set{runner: w.runner, model: w.model}
	share, err := of.share(ctx, by)
	if err != nil {
		return err
	}
	row.Teacher = &share
	if by.Labels == Teacher {
		for _, name := range of.teachersOf(by) {
			net, err := nn.Parse(name, w.runner.train.Shape, w.runner.train.Classes)
			if err != nil {
				return err
			}
			row.LabelBytes += 4 * int64(net.NumParams())
		}
		return nil
	}
	for _, s := range c.Sets {
		if s.Samples.Soft == nil {
			row.LabelBytes += 4 * int64(s.Samples.Len()*s.Samples.Classes)
		}
	}
	return nil
}
