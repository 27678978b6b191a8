package open

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files"
)

// Derive makes a task from the user's own data at path, and opens the data with
// it. Missing fields of draft are filled in: the classes are those that the
// file lists, else the labels found, numbers in numeric and names in
// alphabetical order; the shape is that of a sample; Mean and
// Std are measured on the samples to train on (without a test part: on what
// DefaultHoldout leaves), so that the task then holds statistics of these data.
// measured reports whether they were.
//
// A table has a mean and deviation per feature, images one per channel. A deviation
// of 0 becomes 1. Both are rounded to four digits of the deviation, which is
// enough for standardization and discloses less.
func (r Reading) Derive(path string, draft data.Task) (ds *data.Dataset, measured bool, err error) {
	if path == data.GlyphPath {
		return nil, false, fmt.Errorf("make a task of %s: %w: it has one", path, data.ErrInvalidTask)
	}
	c, err := r.find(path, nil, draft.Shape)
	if err != nil {
		return nil, false, err
	}
	return r.derive(c, draft)
}

// derive makes a task of contents.
func (r Reading) derive(c *contents, draft data.Task) (ds *data.Dataset, measured bool, err error) {
	c.made = true
	if err := c.checkParts(); err != nil {
		return nil, false, err
	}
	task := draft
	if task.Shape == (data.Shape{}) {
		task.Shape = shapeOf(c.train, data.Shape{})
	}
	if task.Classes == nil {
		if task.Classes = classesOf(c.train, c.test); len(task.Classes) < 2 {
			return nil, false, c.whole(fmt.Errorf("%w: every sample is of one class, %q", data.ErrInvalidTask,
				strings.Join(task.Classes, "")),
				"a task has two classes or more: 'task new' takes their names with --classes A,B; of a table choose the "+
					"column of labels with --label")
		}
	}
	if task.IsTable() && c.train.Features != nil {
		task.Features = c.train.Features
	}
	if measured = task.Mean == nil || task.Std == nil; task.Mean == nil {
		task.Mean = []float64{0} // until it is measured
	}
	if task.Std == nil {
		task.Std = []float64{1}
	}
	task = *task.Filled()
	if err := task.Validate(); err != nil {
		return nil, false, err
	}
	if ds, err = c.bind(&task, r); err != nil || !measured {
		return ds, measured, err
	}
	part, err := ds.Holdout(data.DefaultHoldout, 0)
	if err != nil {
		return nil, false, c.whole(err,
			"add samples or a test part; of a table choose the column of labels with --label, since one of numbers that "+
				"never repeat is none")
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

// classesOf names the classes that the file lists, else that the labels show.
func classesOf(parts ...*files.Part) []string {
	if listed := parts[0].Classes; listed != nil {
		return listed
	}
	var names []string
	for _, p := range parts {
		if p == nil {
			continue
		}
		names = append(names, p.Names...)
	}
	slices.SortFunc(names, compareNames)
	return slices.Compact(names)
}

// compareNames orders numbers first, by value, then names alphabetically.
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
func measure(task *data.Task, src data.Source) (mean, std []float64) {
	n := task.Constants()
	mean, std = make([]float64, n), make([]float64, n)
	row := make([]float64, task.Shape.Size())
	per := len(row) / n
	for i := range src.Labels() {
		data.ReadExact(src, i, row)
		for j, v := range row {
			c := j / per
			delta := v - mean[c]
			mean[c] += delta / float64(i*per+j%per+1)
			std[c] += delta * (v - mean[c])
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
