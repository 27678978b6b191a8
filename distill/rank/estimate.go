package rank

import (
	"context"
	"fmt"
	"time"

	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/model"
	"github.com/distillmesh/distillmesh/train/parallel"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// speed is what a model costs here, on one core.
type speed struct{ train, predict time.Duration } // a sample

// Cost is about how long a plan takes here, at most: what the folder holds already costs
// nothing. Models in closed form take seconds and are not counted.
type Cost struct {
	speeds  map[string]speed
	workers int
}

// Measure times a few steps of every network of a plan.
func Measure(ctx context.Context, p Plan, opt Options) (*Cost, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	c := &Cost{map[string]speed{}, parallel.Workers(opt.Device.Workers)}
	some, err := data.LoadAll(p.Data.Task, data.Pick(p.Data.Train, firsts(p.Data.Train.Labels(), probed)))
	if err != nil {
		return nil, err
	}
	opt.Device.Workers = 1
	for _, name := range p.Models {
		spec, err := model.Parse(name, some.Shape, some.Classes)
		if err != nil || !spec.Iterative() {
			continue
		}
		if c.speeds[name], err = probe(ctx, spec, some, train.Options{Device: opt.Device}); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// probed is how many samples speed is measured with.
const probed = 50

// firsts are the first indices of labels, n at most.
func firsts(labels []int, n int) (out []int) {
	for i := range min(n, len(labels)) {
		out = append(out, i)
	}
	return out
}

// probe times steps by the difference of a long and a short training.
func probe(ctx context.Context, spec *model.Spec, s *data.Samples, opt train.Options) (out speed, err error) {
	const few, many = 2, 8
	var took [2]time.Duration
	var trained model.Trained
	for i, steps := range []int{few, many} {
		r := recipe.Recipe{Optimizer: recipe.SGD, LR: 1e-4, Batch: s.Len(), MinSteps: steps, MaxSteps: steps}
		began := time.Now()
		if trained, err = spec.Fit(ctx, s, r, opt); err != nil {
			return out, err
		}
		took[i] = time.Since(began)
	}
	out.train = max(0, took[1]-took[0]) / time.Duration((many-few)*s.Len())
	began := time.Now()
	_, err = train.Evaluate(ctx, trained, s)
	out.predict = time.Since(began) / time.Duration(s.Len())
	return out, err
}

// Of is the time that the whole plan takes.
func (c *Cost) Of(p Plan) (sum time.Duration, err error) {
	full, err := referenceRecipe(p.Epochs)
	if err != nil {
		return 0, err
	}
	n, test := len(p.Data.Train.Labels()), len(p.Data.Test.Labels())
	held := min(int(validationShare*float64(n)), validationMost)
	for _, s := range c.speeds {
		one := func(r recipe.Recipe, images, points, evaluated int) time.Duration {
			return time.Duration(r.Steps(images)*min(r.Batch, images))*s.train + time.Duration(points*evaluated)*s.predict
		}
		short := full.Train
		short.Epochs = min(choosingEpochs, short.Epochs)
		sum += time.Duration(len(full.Rates)) * one(short, n, 1, held)
		sum += time.Duration(p.References) * one(full.Train, n, points, test)
		for _, cand := range p.Candidates {
			r, err := p.recipeOf(cand)
			if err != nil {
				return 0, err
			}
			arms := 2
			if p.ByBytes {
				arms++
			}
			if p.Augmented {
				arms += 2
			}
			if labels, _ := kind(cand, r); labels != Hard {
				arms++
			}
			images := 0
			for _, set := range cand.Sets {
				images += set.Manifest.Images.Count * set.Manifest.Formation.Tiles()
			}
			each := time.Duration(len(r.Rates)) * one(r.Train, images, 1, held)
			each += time.Duration(p.Trials) * one(r.Train, images, points, test)
			sum += time.Duration(arms) * each
		}
	}
	return sum / time.Duration(c.workers), nil
}

// Within makes a plan smaller until it takes no longer than it may: fewer trials, then
// nothing without augmentation, then nothing of equal bytes, then fewer references. It says
// what was left out.
func (c *Cost) Within(p Plan, most time.Duration) (Plan, []string, error) {
	began := p
	for {
		took, err := c.Of(p)
		if err != nil {
			return p, nil, err
		}
		if took <= most {
			break
		}
		switch {
		case p.Trials > 2:
			p.Trials--
		case p.Augmented:
			p.Augmented = false
		case p.ByBytes:
			p.ByBytes = false
		case p.References > 1:
			p.References--
		case p.Trials > 1:
			p.Trials--
		default:
			return p, nil, fmt.Errorf("%w: even one trial of each takes %v, not %v", ErrPlan, took.Round(time.Second), most)
		}
	}
	var notes []string
	if p.Trials < began.Trials {
		notes = append(notes, fmt.Sprintf("%d trials instead of %d", p.Trials, began.Trials))
	}
	if p.References < began.References {
		notes = append(notes, fmt.Sprintf("%d trainings on all real data instead of %d", p.References, began.References))
	}
	if began.Augmented && !p.Augmented {
		notes = append(notes, "without ARS")
	}
	if began.ByBytes && !p.ByBytes {
		notes = append(notes, "without random real images of the same bytes")
	}
	return p, notes, nil
}
