package data

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// Derive makes a task of the user's own data at path, and opens them by it.
// What draft leaves open is filled in: the classes are the labels there are,
// numbers by size and names by letter; the shape is that of a sample; Mean and
// Std are measured on the samples to train on (without a test part: on what
// DefaultHoldout leaves), so that the task then holds statistics of these data.
// measured tells whether they were.
//
// A table has a mean and deviation a feature, images one a channel. A deviation
// of 0 becomes 1. Both are rounded to four digits of the deviation, which is
// enough to standardise by and discloses less.
func (r Reading) Derive(path string, draft Task) (ds *Dataset, measured bool, err error) {
	if path == GlyphPath {
		return nil, false, fmt.Errorf("make a task of %s: %w: it has one", path, ErrInvalidTask)
	}
	c, err := r.find(path, draft.Shape)
	if err != nil {
		return nil, false, err
	}
	task := draft
	task.Version = TaskVersion
	if task.Shape == (Shape{}) {
		task.Shape = shapeOf(c.train, Shape{})
	}
	if task.Classes == nil {
		task.Classes = classesOf(c.train, c.test)
	}
	n := task.constants()
	task.Mean, measured = fillConstants(task.Mean, n, measured)
	task.Std, measured = fillConstants(task.Std, n, measured)
	if err := task.Validate(); err != nil { // all but what is measured
		return nil, false, err
	}
	if ds, err = c.bind(&task, r); err != nil || !measured {
		return ds, measured, err
	}
	part, err := ds.Holdout(DefaultHoldout, 0)
	if err != nil {
		return nil, false, err
	}
	mean, std := measure(&task, part.Train)
	if draft.Mean == nil {
		task.Mean = mean
	}
	if draft.Std == nil {
		task.Std = std
	}
	return ds, measured, task.Validate()
}

// fillConstants gives every channel or feature a constant: a single one is
// meant for all of them, and none is to be measured.
func fillConstants(v []float64, n int, measured bool) ([]float64, bool) {
	switch len(v) {
	case 0:
		return slices.Repeat([]float64{1}, n), true
	case 1:
		return slices.Repeat(v, n), measured
	}
	return v, measured
}

// classesOf names the classes that the labels show.
func classesOf(parts ...*files.Part) []string {
	var names []string
	for _, p := range parts {
		if p == nil {
			continue
		}
		if p.Names == nil { // class numbers: none may be left out
			for k := len(names); k <= slices.Max(slices.Concat(p.Labels, []int{0})); k++ {
				names = append(names, strconv.Itoa(k))
			}
		}
		names = append(names, p.Names...)
	}
	slices.SortFunc(names, compareNames)
	return slices.Compact(names)
}

// compareNames puts numbers first, by size, then names by letter.
func compareNames(a, b string) int {
	x, errX := strconv.Atoi(a)
	y, errY := strconv.Atoi(b)
	switch {
	case errX == nil && errY == nil && x != y:
		return x - y
	case errX == nil && errY != nil:
		return -1
	case errX != nil && errY == nil:
		return 1
	}
	return slices.Compare([]byte(a), []byte(b))
}

// measure is the mean and standard deviation of each channel or feature, by
// Welford's method: a constant has a deviation of exactly 0.
func measure(task *Task, src Source) (mean, std []float64) {
	n := task.constants()
	mean, std = make([]float64, n), make([]float64, n)
	row := make([]float32, task.Shape.Size())
	per := len(row) / n
	for i := range src.Labels() {
		src.Read(i, row)
		for j, v := range row {
			c := j / per
			delta := float64(v) - mean[c]
			mean[c] += delta / float64(i*per+j%per+1)
			std[c] += delta * (float64(v) - mean[c])
		}
	}
	count := float64(len(src.Labels()) * per)
	for c := range std {
		if std[c] = math.Sqrt(std[c] / count); std[c] == 0 {
			std[c] = 1
		}
		digits := 3 - int(math.Floor(math.Log10(std[c])))
		mean[c], std[c] = round(mean[c], digits), round(std[c], digits)
	}
	return mean, std
}

// round keeps decimal digits after the point; before it when negative.
func round(v float64, digits int) float64 {
	if digits < 0 {
		unit := math.Pow10(-digits)
		return math.Round(v/unit) * unit
	}
	out, err := strconv.ParseFloat(strconv.FormatFloat(v, 'f', digits, 64), 64)
	if err != nil {
		return v
	}
	return out + 0 // never -0
}
