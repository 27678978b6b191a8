package rank

import (
	"errors"
	"fmt"
	"slices"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/model"
	"github.com/distillmesh/distillmesh/train/nn"
	"github.com/distillmesh/distillmesh/train/view"
)

// ErrPlan is wrapped by every refusal of a plan.
var ErrPlan = errors.New("plan refused")

// Candidate is what is ranked: a set, or the sets of several clients together.
type Candidate struct {
	Name   string // for rows
	Method string // that made it; of several, the first
	Sets   []*artifact.Set
	Bytes  []int64 // of each whole set
}

// bytes is what all sets weigh.
func (c Candidate) bytes() (sum int64) {
	for _, b := range c.Bytes {
		sum += b
	}
	return sum
}

// images is how many images are stored.
func (c Candidate) images() (n int) {
	for _, s := range c.Sets {
		n += s.Manifest.Images.Count
	}
	return n
}

// view is how a model sees images that trains on the sets.
func (c Candidate) view() view.View { return view.Of(artifact.Recommend(c.Sets).Recipe) }

// Plan is what is ranked and how. Every combination of a candidate and a model is a row.
type Plan struct {
	Data       *data.Dataset // with a test part
	Candidates []Candidate
	Models     []string
	// Recipe is that of all candidates; nil for that of each one's method.
	Recipe *Recipe
	// Trials is how many seeds each arm is trained with, the first being 0; random real
	// images are drawn anew for each.
	Trials int
	// Augmented measures what augmentation gives: the accuracies of ARS.
	Augmented bool
	// ByBytes measures random real images of the same bytes, through the same code.
	ByBytes bool
	// References is how many trainings on all real data there are, Epochs how long each is.
	References, Epochs int
	// ByLabels and ByAugmentation are the weights of LRS and ARS.
	ByLabels, ByAugmentation float64
}

// Default is a plan without data: five trials, three references of 20 epochs, all arms.
func Default() Plan {
	return Plan{Trials: 5, Augmented: true, ByBytes: true, References: 3, Epochs: 20, ByLabels: Weight,
		ByAugmentation: Weight}
}

// Limits of a plan, which may be somebody else's claim.
const (
	maxTrials     = 100
	maxCandidates = 1000
)

// Check refuses what cannot be ranked, before any work. It fails with ErrPlan.
func (p *Plan) Check() error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrPlan}, args...)...)
	}
	switch {
	case p.Data == nil || p.Data.Test == nil:
		return refuse("the data have no test part")
	case len(p.Candidates) == 0 || len(p.Candidates) > maxCandidates:
		return refuse("%d sets, want 1 to %d", len(p.Candidates), maxCandidates)
	case len(p.Models) == 0:
		return refuse("no model")
	case p.Trials < 1 || p.Trials > maxTrials || p.References < 1 || p.References > maxTrials:
		return refuse("%d trials and %d references, want 1 to %d", p.Trials, p.References, maxTrials)
	case p.Epochs < 1 || p.Epochs > maxEpochs:
		return refuse("references of %d epochs, want 1 to %d", p.Epochs, maxEpochs)
	case !(p.ByLabels >= 0 && p.ByLabels <= 1) || !(p.ByAugmentation >= 0 && p.ByAugmentation <= 1):
		return refuse("weights %v and %v, want 0 to 1", p.ByLabels, p.ByAugmentation)
	}
	task := p.Data.Task
	for i, name := range p.Models {
		if _, err := model.Parse(name, task.Shape, len(task.Classes)); err != nil {
			return refuse("%w", err)
		}
		if slices.Contains(p.Models[:i], name) {
			return refuse("model %s is listed twice", name)
		}
	}
	for i, c := range p.Candidates {
		if len(c.Sets) == 0 || len(c.Sets) != len(c.Bytes) {
			return refuse("%s: %d sets with %d sizes", c.Name, len(c.Sets), len(c.Bytes))
		}
		if slices.ContainsFunc(p.Candidates[:i], func(o Candidate) bool { return o.Name == c.Name }) {
			return refuse("%s is listed twice", c.Name)
		}
		for _, s := range c.Sets {
			if t := s.TrainingSamples(); t.Shape != task.Shape || t.Classes != len(task.Classes) {
				return refuse("%s: %v with %d classes, the task %s has %v with %d", c.Name, t.Shape, t.Classes, task.Name,
					task.Shape, len(task.Classes))
			}
		}
		r, err := p.recipeOf(c)
		if err != nil {
			return refuse("%s: %w", c.Name, err)
		}
		for _, name := range r.teachers() {
			if _, err := nn.Parse(name, task.Shape, len(task.Classes)); err != nil {
				return refuse("%s: a teacher is a network: %w", c.Name, err)
			}
		}
		if r.ZCA && !c.view().IsNone() {
			return refuse("%s: recipe %s whitens images, and these are for models that see less of them", c.Name, r.Name)
		}
	}
	return nil
}

// recipeOf is the recipe of a candidate on the task.
func (p *Plan) recipeOf(c Candidate) (Recipe, error) {
	r := p.Recipe
	if r == nil {
		own, err := For(c.Method)
		if err != nil {
			return own, err
		}
		r = &own
	}
	if p.Data.Task.IsTable() {
		return r.plain(), nil
	}
	return r.On(flips(p.Data.Task)), nil
}

// flips reports whether an image of the task keeps its class when it is mirrored.
func flips(t *data.Task) bool {
	return slices.Contains([]string{"affine-flip", "mild-flip", "dsa"}, t.Augmentation())
}
