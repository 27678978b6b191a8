// Package judge finds gathered sets that would harm a training, such as sets with permuted
// labels or of noise, by the closed-form NTK predictor: in seconds, and before a network sees
// them. Each set is judged by what all others, and the receiver's own samples where it has
// some, say of its images; and by what it gains on those samples.
package judge

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"slices"

	"github.com/distillmesh/distillmesh/train/data"
)

// Question is which of some sets to train on.
type Question struct {
	// Sets are the training samples of each set.
	Sets []*data.Samples
	// Own are labeled samples of the receiver that no set was made from by others, seen as a
	// model that trains on the sets sees them; nil for none.
	Own *data.Samples
}

// Verdict is what was found of a set.
type Verdict struct {
	// Quarantined reports whether the set should not be trained on.
	Quarantined bool
	// Agreement is the share of the set's images that get the label that the set gives them: of
	// classes that own samples have, by a predictor of these; of other classes that other sets
	// hold, by a predictor of all other sets but those quarantined before.
	Agreement float64
	// Compared is the number of those images; without any, nothing is known of the set.
	Compared int
	// Gain is by how much the share of own samples that are classified rightly grows by the set;
	// only with own samples.
	Gain float64
	// Alone are the classes that no other set holds, and no own sample has.
	Alone []int
	// Why is the reason in words, for a set that is quarantined or not known.
	Why string
}

// Thresholds of a verdict. They were chosen on training samples of MNIST and Fashion-MNIST
// (docs/ranking.md): honest sets of half a kilobyte agree to three quarters and more, those with
// permuted labels to a fifth at most.
const (
	// leastCompared is how many images must be comparable.
	leastCompared = 2
	// belowMedian is the share of the median agreement below which a set is quarantined.
	belowMedian = 0.5
	// A set that agrees to less than this share of the median is quarantined if own samples lose by it:
	// so much of them, and significantly. The loss alone shows nothing: an honest set of few images
	// may cost some, too.
	doubtful = 0.75
	// honest is the share of the agreement of own samples among themselves that honest sets are taken
	// to have at least.
	honest  = 0.8
	harmful = 0.005
)

// Limits of what is computed. Sets are free, and time grows with the cube of the images, for each
// set that is left out again.
const (
	mostImages  = 2400 // of all sets together; of larger sets a part is judged
	mostOwn     = 600
	leastSets   = 3    // without own samples: of two that disagree neither is known to be wrong
	mostSets    = 256  // that are judged together; more are judged in groups
	groupImages = 1024 // of each of several groups
	batches     = 64   // one of so many is quarantined before the others are judged again
)

// Sets judges sets of one task. The worst is quarantined first, and the others are judged again
// without it, until none is left to quarantine: so an honest set that stood beside a false one
// is not taken for false. Of more than 64 sets several are quarantined at a time; more than 256
// are judged in groups, which all sets together draw. A set that is alone with all its classes is
// kept and marked. Without own samples, where more than half of the sets of a group would be
// quarantined, none is.
func Sets(ctx context.Context, q Question) ([]Verdict, error) {
	out := make([]Verdict, len(q.Sets))
	if err := q.check(); err != nil {
		return nil, err
	}
	if len(q.Sets) == 0 || q.Own == nil && len(q.Sets) < leastSets {
		for i := range out {
			out[i].Why = fmt.Sprintf("%d sets are too few to compare", len(q.Sets))
		}
		return out, nil
	}
	groups := q.groups()
	images := mostImages
	if len(groups) > 1 {
		images = groupImages
	}
	for _, group := range groups {
		part := Question{Own: q.Own}
		for _, i := range group {
			part.Sets = append(part.Sets, q.Sets[i])
		}
		verdicts, err := together(ctx, part, images)
		if err != nil {
			return nil, err
		}
		for at, i := range group {
			out[i] = verdicts[at]
		}
	}
	return out, nil
}

// groups are the sets that are judged together. Which those are follows from all images, so that
// no publisher chooses beside whom a set is judged.
func (q Question) groups() (out [][]int) {
	n := (len(q.Sets) + mostSets - 1) / mostSets
	order := make([]int, len(q.Sets))
	seed := fnv.New64a()
	for i, s := range q.Sets {
		order[i] = i
		for _, v := range s.X[:s.Shape.Size()] {
			bits := math.Float32bits(v)
			seed.Write([]byte{byte(bits), byte(bits >> 8), byte(bits >> 16), byte(bits >> 24)})
		}
	}
	if n > 1 {
		data.Stream(seed.Sum64(), "judge groups").Shuffle(len(order), func(i, j int) {
			order[i], order[j] = order[j], order[i]
		})
	}
	for g := range n {
		group := slices.Clone(order[g*len(order)/n : (g+1)*len(order)/n])
		slices.Sort(group)
		out = append(out, group)
	}
	return out
}

// together judges sets by at most so many of their images.
func together(ctx context.Context, q Question, images int) ([]Verdict, error) {
	out := make([]Verdict, len(q.Sets))
	b, err := newBoard(ctx, q, images)
	if err != nil {
		return nil, err
	}
	for q.Own != nil || 2*count(b.gone) <= len(out) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := b.look(out); err != nil {
			return nil, err
		}
		worst := b.worst(out)
		if len(worst) == 0 {
			break
		}
		for _, w := range worst[:min(len(worst), max(1, len(out)/batches))] {
			out[w.set].Quarantined, out[w.set].Why = true, w.why
			b.gone[w.set] = true
		}
	}
	if q.Own == nil && 2*count(b.gone) > len(out) {
		for i := range out {
			out[i].Quarantined = false
			out[i].Why = "more than half of the sets contradict each other: without own samples nobody knows which are right"
		}
		return out, nil
	}
	for i, v := range out {
		if !v.Quarantined && v.Compared < leastCompared {
			out[i].Why = "it is alone with its classes: nothing here can be compared with it"
		}
	}
	return out, nil
}

// count is how many are true.
func count(all []bool) (n int) {
	for _, v := range all {
		if v {
			n++
		}
	}
	return n
}

// check refuses sets of different shapes.
func (q Question) check() error {
	all := append(slices.Clone(q.Sets), q.Own)
	for _, s := range all {
		if s != nil && (s.Shape != all[0].Shape || s.Classes != all[0].Classes || s.Len() == 0) {
			return fmt.Errorf("judge sets: %v with %d classes and %d images beside %v with %d", s.Shape, s.Classes, s.Len(),
				all[0].Shape, all[0].Classes)
		}
	}
	return nil
}

// suspect is a set to quarantine and why; less is worse.
type suspect struct {
	set   int
	why   string
	score float64
}

// worst are the sets to quarantine, the worst first.
func (b *board) worst(now []Verdict) (out []suspect) {
	var agreements []float64
	for i, v := range now {
		if !b.gone[i] && v.Compared >= leastCompared {
			agreements = append(agreements, v.Agreement)
		}
	}
	if len(agreements) == 0 {
		return nil
	}
	slices.Sort(agreements)
	// However many sets are false, own samples say what an honest one should reach.
	median := max(agreements[len(agreements)/2], honest*b.trust)
	for i, v := range now {
		if b.gone[i] || v.Compared < leastCompared {
			continue
		}
		lost := -v.Gain
		disagrees := v.Agreement < belowMedian*median
		harms := v.Agreement < doubtful*median && b.own > 0 && lost >= harmful && b.significant(i)
		if !disagrees && !harms {
			continue
		}
		why := fmt.Sprintf("%.0f %% of its %d comparable images have the label that others give them, honest sets "+
			"reach %.0f %%", 100*v.Agreement, v.Compared, 100*median)
		if harms {
			why += fmt.Sprintf("; without it %.1f %% more of the local samples are classified rightly", 100*lost)
		}
		out = append(out, suspect{i, why, v.Agreement - lost}) // worse is what agrees less and harms more
	}
	slices.SortStableFunc(out, func(x, y suspect) int { return cmp.Compare(x.score, y.score) })
	return out
}
