package exchange

import (
	"math"
	"slices"
	"strconv"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files/array"
)

const labelsHint = "labels are the numbers of the classes, from 0, or a row for each image with a value for each class"

// near is the largest size of values in rows that are taken for regression targets: they vary
// around 1 - 1/K for the class and -1/K elsewhere.
const near = 1.5

// label gives n samples their labels.
func (r *reading) label(s *data.Samples, n int, in *found) error {
	labels := in.labels
	switch {
	case labels == nil && in.classes != nil:
		s.Y = in.classes
		return nil
	case labels == nil:
		return r.inOrder(s, n, in.record)
	case labels.Len() == n:
		return r.hard(s, labels, in.rows)
	case len(labels.Dims) == 2 && labels.Dims[0] == n && labels.Dims[1] == s.Classes:
		return r.rows(s, labels, in)
	}
	return wrong(r.path, ErrLabels, labelsHint, "labels of %v for %d images of %d classes", labels.Dims, n, s.Classes)
}

// inOrder labels images that stand class after class.
func (r *reading) inOrder(s *data.Samples, n int, rec *record) error {
	each := n / s.Classes
	if n%s.Classes != 0 {
		return wrong(r.path, ErrLabels, "give the file of their labels with --labels",
			"%d images without labels cannot be as many of each of %d classes", n, s.Classes)
	}
	s.Y = make([]int, n)
	for i := range s.Y {
		s.Y[i] = i / each
	}
	r.unless(rec)("label-order", "--labels", "images have no labels: they are taken for %d of each class, class after "+
		"class from %q", each, r.task.Classes[0])
	return nil
}

// hard reads the number of the class of each image.
func (r *reading) hard(s *data.Samples, labels *array.Numbers, rec *record) error {
	first, _ := strconv.Atoi(r.opt.FirstLabel)
	s.Y = make([]int, labels.Len())
	low, high := math.MaxInt, math.MinInt
	for i := range s.Y {
		v := labels.At(i)
		if v != math.Trunc(v) || math.Abs(v) > data.MaxClasses {
			return wrong(r.path, ErrLabels, labelsHint, "label %d is %g, no number of a class", i, v)
		}
		s.Y[i] = int(v) - first
		low, high = min(low, s.Y[i]), max(high, s.Y[i])
	}
	if low < 0 || high >= s.Classes {
		return wrong(r.path, ErrLabels, "say with --first-label 1 that the first class has number 1",
			"labels are %d to %d, and task %s has %d classes counted from %d", low+first, high+first, r.task.Name,
			s.Classes, first)
	}
	if low > 0 && r.opt.FirstLabel == "" {
		r.unless(rec)("first-label", "--first-label", "labels count from 0, which none of them is: %d is %q", low,
			r.task.Classes[low])
	} else {
		r.account.See("first-label", "label %d is %q", first, r.task.Classes[0])
	}
	return nil
}

// rows reads a row of values for each image.
func (r *reading) rows(s *data.Samples, labels *array.Numbers, in *found) error {
	s.Soft = make([]float32, labels.Len())
	for i := range s.Soft {
		s.Soft[i] = float32(labels.At(i))
	}
	if r.rowsByRecord(s, in.rows) {
		s.Y = largest(s.Soft, s.Classes)
		return nil
	}
	kind := r.opt.Soft
	if kind == "" {
		if isOneHot(s.Soft, s.Classes) {
			r.account.Assume("one-hot", "--soft", "rows of labels are one-hot: labels are hard")
			s.Y, s.Soft = largest(s.Soft, s.Classes), nil
			return nil
		}
		kind = r.guessSoft(s)
	}
	switch {
	case kind == Probabilities && !areDistributions(s):
		return wrong(r.path, ErrLabels, "write --soft logits or targets", "rows of labels are no probabilities: they are "+
			"negative, or do not sum to 1")
	case kind == Logits:
		softmax(s.Soft, s.Classes)
	}
	s.Y = largest(s.Soft, s.Classes)
	return nil
}

// guessSoft tells what rows are, and says so.
func (r *reading) guessSoft(s *data.Samples) Soft {
	if areDistributions(s) {
		r.account.See("soft", "rows of labels are probabilities")
		return Probabilities
	}
	most := 0.
	for _, v := range s.Soft {
		most = max(most, math.Abs(float64(v)))
	}
	if most <= near {
		r.account.Assume("soft", "--soft", "rows of labels are taken for targets of kernel regression, as none is beyond %g"+
			": networks take the class of the largest value", near)
		return Targets
	}
	r.account.Assume("soft", "--soft", "rows of labels are taken for logits, as values are up to %.4g: a softmax makes "+
		"probabilities of them", most)
	return Logits
}

// areDistributions reports whether every row is not negative and sums to 1.
func areDistributions(s *data.Samples) bool {
	for row := range slices.Chunk(s.Soft, s.Classes) {
		if !data.IsDistribution(row) {
			return false
		}
	}
	return true
}

// isOneHot reports whether every row is 1 for one class and 0 elsewhere.
func isOneHot(rows []float32, classes int) bool {
	for row := range slices.Chunk(rows, classes) {
		sum := float32(0)
		for _, v := range row {
			if v != 0 && v != 1 {
				return false
			}
			sum += v
		}
		if sum != 1 {
			return false
		}
	}
	return true
}

// largest is the first of the largest values of each row.
func largest(rows []float32, classes int) []int {
	out := make([]int, 0, len(rows)/classes)
	for row := range slices.Chunk(rows, classes) {
		out = append(out, slices.Index(row, slices.Max(row)))
	}
	return out
}

// softmax turns each row v into exp(v_k) / sum_j exp(v_j), in double precision, in place.
func softmax(rows []float32, classes int) {
	e := make([]float64, classes)
	for row := range slices.Chunk(rows, classes) {
		most, sum := float64(slices.Max(row)), 0.
		for k, v := range row {
			e[k] = math.Exp(float64(v) - most)
			sum += e[k]
		}
		for k := range row {
			row[k] = float32(e[k] / sum)
		}
	}
}
