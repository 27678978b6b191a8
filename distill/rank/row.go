package rank

import (
	"github.com/distillmesh/distillmesh/train/nn"
)

// row puts a candidate's accuracies together.
func (w *work) row(c Candidate, a arms, real *outcome) (Row, error) {
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
	w.labelBytes(&row, c, a, real)
	return row, row.fill(m, tops, w.plan.ByLabels, w.plan.ByAugmentation)
}

// labelBytes fills what a row says of labels by a teacher.
func (w *work) labelBytes(row *Row, c Candidate, a arms, real *outcome) {
	by := a.own.recipe
	if by.Labels == Hard {
		return
	}
	mean := real.last.mean()
	row.Teacher = &mean
	teacher := set{runner: w.runner, model: w.model}.teacherOf(by)
	if net, err := nn.Parse(teacher, w.runner.train.Shape, w.runner.train.Classes); by.Labels == Teacher && err == nil {
		row.LabelBytes = 4 * int64(net.NumParams())
		return
	}
	for _, s := range c.Sets {
		if s.Samples.Soft == nil {
			row.LabelBytes += 4 * int64(s.Samples.Len()*s.Samples.Classes)
		}
	}
}
