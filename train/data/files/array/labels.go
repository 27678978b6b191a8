package array

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// samplesOf is the number of samples that an array labels.
func samplesOf(v *values) int {
	if len(v.dims) == 2 && v.dims[0] == 1 {
		return v.dims[1] // a row, as MATLAB has them
	}
	return v.dims[0]
}

// label turns labels into indices and names: whole numbers, words, or one-hot
// rows.
func label(p *files.Part, v *values, a *files.Account) error {
	n := samplesOf(v)
	if v.len() != n {
		return oneHot(p, v, n, a)
	}
	seen := map[string]int{}
	p.Numbered = v.text == nil
	for i := range n {
		name := ""
		if v.text != nil {
			name = v.text[i]
		} else {
			f := v.at(i)
			if f != math.Trunc(f) || math.Abs(f) > 1<<24 {
				return &files.Error{Place: fmt.Sprintf("value %d", i),
					Err: fmt.Errorf("%w: %v is no whole number below 2^24", files.ErrLabel,
						f), Hint: "labels are the numbers of the classes, their names, or one-hot rows"}
			}
			name = strconv.Itoa(int(f))
		}
		if err := p.AddLabel(name, seen); err != nil {
			return &files.Error{Place: fmt.Sprintf("value %d", i), Err: err,
				Hint: "labels are the numbers of the classes, their names, or one-hot rows"}
		}
	}
	return nil
}

// oneHot reads rows of one 1 among zeros.
func oneHot(p *files.Part, v *values, n int, a *files.Account) error {
	if len(v.dims) != 2 || v.text != nil {
		return &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: labels of %v", files.ErrFormat, v.dims),
			Hint: "want one whole number or word for each sample, or one-hot rows"}
	}
	classes := v.dims[1]
	if classes > files.MaxClasses {
		return &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: one-hot rows of %d", files.ErrTooLarge, classes),
			Hint: "want at most 4096 classes"}
	}
	for k := range classes {
		p.Names = append(p.Names, strconv.Itoa(k))
	}
	p.Numbered = true
	for i := range n {
		hot := -1
		for k := range classes {
			switch f := v.at(i*classes + k); {
			case f == 1 && hot < 0:
				hot = k
			case f != 0:
				return &files.Error{Place: fmt.Sprintf("row %d", i),
					Err: fmt.Errorf("%w: no one-hot row, column %d is %g", files.ErrLabel, k,
						f), Hint: "want one whole number or word for each sample, or one-hot rows"}
			}
		}
		if hot < 0 {
			return &files.Error{Place: fmt.Sprintf("row %d", i), Err: fmt.Errorf("%w: a one-hot row of zeros", files.ErrLabel),
				Hint: "want one whole number or word for each sample, or one-hot rows"}
		}
		p.Labels = append(p.Labels, hot)
	}
	a.See("labels-one-hot", "array %s of %v: labels are one-hot rows", v.name, v.dims)
	return nil
}

// naming gives the numbered labels of all parts the names that the file lists for
// them. Where no label is 0, first must say whether they count from 0 or from 1: a
// shift is never guessed.
func naming(parts []*files.Part, names []string, first string, a *files.Account) error {
	parts = slices.DeleteFunc(slices.Clone(parts), func(p *files.Part) bool { return !p.Numbered })
	if len(parts) == 0 {
		return nil
	}
	lowest, highest := math.MaxInt, math.MinInt
	for _, p := range parts {
		for _, name := range p.Names {
			k, err := strconv.Atoi(name)
			if err != nil {
				return nil
			}
			lowest, highest = min(lowest, k), max(highest, k)
		}
	}
	n, from := len(names), 0
	switch {
	case first != "":
		if from, _ = strconv.Atoi(first); lowest < from || highest-from >= n {
			return &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: labels are %d to %d, the file lists %d class "+
				"names, and the first was said to be %s", files.ErrLabel, lowest, highest, n, first),
				Hint: "leave out --first-label, or say the number of the first class"}
		}
		a.Based = true
	case lowest < 0 || highest > n || lowest == 0 && highest == n:
		a.Warn("class-names", "", "the file lists %d class names, and labels are %d to %d: the names are not used", n,
			lowest, highest)
		return nil
	case lowest > 0:
		return &files.Error{Place: files.Whole, Err: fmt.Errorf("%w: labels are the numbers %d to %d, and the file lists "+
			"%d class names: whether they count from 0 or from 1 is not told", files.ErrLabel, lowest, highest, n),
			Hint: "say which number the first class has with --first-label 0, or --first-label 1"}
	}
	for _, p := range parts {
		for i, y := range p.Labels {
			k, _ := strconv.Atoi(p.Names[y])
			p.Labels[i] = k - from
		}
		p.Names, p.Classes, p.Numbered = names, names, false
	}
	a.See("class-names", "class names are those that the file lists")
	return nil
}
