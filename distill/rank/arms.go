package rank

import (
	"context"
	"fmt"
	"strings"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/trial"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/recipe"
	"github.com/distillmesh/distillmesh/train/view"
)

// images are what an arm trains on.
type images struct {
	samples *data.Samples
	view    view.View
}

// arm is one kind of training, repeated over seeds. Arms of one key are the same.
type arm struct {
	name   string // of the accuracies, for progress, files and errors
	key    string // all that decides the images and their labels, besides the seed
	recipe Recipe
	fixed  bool // the same images for every seed
	draw   func(ctx context.Context, seed uint64) (images, error)
}

// id tells arms apart.
func (a *arm) id() string { return fmt.Sprintf("%s %+v", a.key, a.recipe) }

// kind is what labels the set has: hard ones, rows of probabilities, or solved ones for a
// predictor of a depth.
func kind(c Candidate, r Recipe) (labels Labels, depth string) {
	soft := false
	for _, s := range c.Sets {
		soft = soft || s.Samples.Soft != nil
		if d, ok := strings.CutPrefix(s.Manifest.Consumer, "ntk:"); ok {
			depth = d
		}
	}
	switch {
	case r.Labels == Teacher:
		return Teacher, ""
	case !soft && r.Labels == Stored:
		return Stored, "" // a teacher's, made once
	case !soft:
		return Hard, ""
	case depth != "":
		return Stored, depth
	}
	return Stored, ""
}

// arms are those of a candidate; nil ones are not in the plan.
type arms struct {
	hard, own, random, bytes, synPlain, randomPlain, synAug, randomAug *arm
}

// all lists the arms that there are.
func (a arms) all() (out []*arm) {
	for _, one := range []*arm{a.own, a.hard, a.random, a.bytes, a.synAug, a.synPlain, a.randomAug, a.randomPlain} {
		if one != nil {
			out = append(out, one)
		}
	}
	return out
}

// armsOf makes the arms of a candidate for a model.
func (r *runner) armsOf(c Candidate, model string) (arms, error) {
	rec, err := r.plan.recipeOf(c)
	if err != nil {
		return arms{}, err
	}
	labels, depth := kind(c, rec)
	rec.Labels = labels
	merged, err := artifact.Merge(c.Sets)
	if err != nil {
		return arms{}, err
	}
	set := set{runner: r, candidate: c, model: model, depth: depth, merged: merged, print: trial.Fingerprint(merged)}
	out := arms{own: set.own("own", rec), random: set.random("random", rec)}
	out.hard = out.own
	if labels != Hard {
		out.hard = set.hard("hard", rec.hard())
	}
	if r.plan.ByBytes {
		out.bytes = set.bytes("random bytes", rec)
	}
	// Models in closed form change no images.
	if r.plan.Augmented && r.iterative(model) && !c.isTable() {
		with := rec.augmented().On(flips(r.plan.Data.Task))
		out.synAug, out.randomAug = set.own("augmented", with), set.random("random, augmented", with)
		out.synPlain, out.randomPlain = set.own("plain", rec.plain()), set.random("random, plain", rec.plain())
	}
	return out, nil
}

func (c Candidate) isTable() bool { return c.Sets[0].TrainingSamples().Shape.IsTable() }

// set makes the arms of a candidate.
type set struct {
	*runner
	candidate Candidate
	model     string
	depth     string // of the predictor that labels are solved for; empty: they are not solved
	merged    *data.Samples
	print     string
}

// own trains on the set as it is.
func (s set) own(name string, rec Recipe) *arm {
	return &arm{name: name, key: "own " + s.print, recipe: rec, fixed: true,
		draw: func(ctx context.Context, _ uint64) (images, error) {
			own := images{s.merged, s.candidate.view()}
			switch {
			case rec.Labels == Hard:
				own.samples = hardened(s.merged)
			case s.merged.Soft == nil:
				copied := *s.merged
				own.samples = &copied
				return s.label(ctx, own, rec)
			}
			return own, nil
		}}
}

// hard trains on the set with the classes of its images.
func (s set) hard(name string, rec Recipe) *arm { return s.own(name, rec) }

// random trains on as many whole random real images, with labels of the same kind.
func (s set) random(name string, rec Recipe) *arm {
	return &arm{name: name, key: "random " + s.counts() + s.labeled(rec), recipe: rec,
		draw: func(ctx context.Context, seed uint64) (images, error) {
			if rec.Labels == Stored && s.depth != "" {
				samples, err := s.pool.solve(ctx, s.candidate, s.depth, seed)
				return images{samples: samples}, err
			}
			samples, err := s.pool.draw(s.candidate, seed)
			if err != nil {
				return images{}, err
			}
			return s.label(ctx, images{samples: samples}, rec)
		}}
}

// bytes trains on random real images of the same bytes, with labels of the same kind.
func (s set) bytes(name string, rec Recipe) *arm {
	if rec.Labels == Stored && s.depth != "" {
		rec.Labels = Hard // solved labels are for a number of images
	}
	key := fmt.Sprint("bytes ", s.candidate.Bytes, s.candidate.Sets[0].Manifest.Images.DType, s.counts(), s.labeled(rec))
	return &arm{name: name, key: key, recipe: rec,
		draw: func(ctx context.Context, seed uint64) (images, error) {
			samples, v, err := s.pool.sameBytes(ctx, s.candidate, seed)
			if err != nil {
				return images{}, err
			}
			return s.label(ctx, images{samples, v}, rec)
		}}
}

// counts are the stored images of each class of each set.
func (s set) counts() string {
	out := ""
	for _, one := range s.candidate.Sets {
		out += fmt.Sprint(one.Manifest.Counts)
	}
	return out
}

// labeled says how random images are labeled.
func (s set) labeled(rec Recipe) string {
	switch {
	case rec.Labels != Stored:
		return ""
	case s.depth != "":
		return " solved " + s.depth
	}
	return " by " + strings.Join(s.teachersOf(rec), ",")
}

// hardened is samples without soft labels.
func hardened(s *data.Samples) *data.Samples {
	if s.Soft == nil {
		return s
	}
	out := *s
	out.Soft = nil
	return &out
}

// training is the recipe of an arm at a rate, as its images are seen.
func (a *arm) training(rate float64, v view.View) recipe.Recipe {
	t := a.recipe.at(rate)
	t.Coarse, t.Band = v.Coarse, v.Band
	return t
}
