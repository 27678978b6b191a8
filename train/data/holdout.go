package data

import (
	"fmt"
	"math"
	"slices"
)

// DefaultHoldout is the share of data without a test part that is held out for
// testing, with seed 0.
const DefaultHoldout = 0.2

// Holdout splits samples into training and test indices, both ascending. Of
// each class a fraction of the samples, rounded, is for testing, but at least
// one sample goes to each side when the class has two or more; a single sample
// is for training. The same labels give the same split on every device. It panics unless labels
// are in [0, classes).
func Holdout(labels []int, classes int, fraction float64, seed uint64) (train, test []int) {
	for class, index := range (&Samples{Classes: classes, Y: labels}).ByClass() {
		n := len(index)
		held := 0
		if fraction > 0 && n > 1 {
			held = min(max(int(math.Round(float64(n)*fraction)), 1), n-1)
		}
		Stream(seed, "holdout", uint64(class)).Shuffle(n, func(i, j int) { index[i], index[j] = index[j], index[i] })
		test = append(test, index[:held]...)
		train = append(train, index[held:]...)
	}
	slices.Sort(train)
	slices.Sort(test)
	return train, test
}

// Holdout is the data set with a test part held out of its training part, as
// the function Holdout does; the data set itself when it has a test part, or
// when the fraction is 0.
func (d *Dataset) Holdout(fraction float64, seed uint64) (*Dataset, error) {
	if d.Test != nil || fraction == 0 {
		return d, nil
	}
	if !(fraction > 0 && fraction < 1) {
		return nil, fmt.Errorf("hold out %g of the samples: want a fraction between 0 and 1", fraction)
	}
	train, test := Holdout(d.Train.Labels(), len(d.Task.Classes), fraction, seed)
	if len(test) == 0 {
		return nil, fmt.Errorf("hold out %g of %d samples: no class has two", fraction, len(train))
	}
	out := *d
	out.Train, out.Test = Pick(d.Train, train), Pick(d.Train, test)
	out.Remarks = append(slices.Clone(d.Remarks),
		fmt.Sprintf("no test part: %g %% of each class held out for testing, %d of %d samples", 100*fraction, len(test),
			len(train)+len(test)))
	return &out, nil
}

// Validation is the data set with some of its training part held out in place
// of the test part, so that settings can be chosen without using the test part.
func (d *Dataset) Validation(fraction float64) (*Dataset, error) {
	out := *d
	out.Test, out.Remarks = nil, nil
	held, err := out.Holdout(fraction, 0)
	if err != nil {
		return nil, err
	}
	held.Name += "-validation"
	held.Remarks = append(slices.Clone(d.Remarks),
		fmt.Sprintf("the test part is left alone: %g %% of each class held out for validation, %d of %d training samples",
			100*fraction, len(held.Test.Labels()), len(d.Train.Labels())))
	return held, nil
}

// picked is some samples of a source.
type picked struct {
	Source
	index  []int
	labels []int
}

// Pick is a source of the given samples of another, in that order.
func Pick(src Source, index []int) Source {
	labels := make([]int, len(index))
	for i, j := range index {
		labels[i] = src.Labels()[j]
	}
	return &picked{src, index, labels}
}

// Labels implements Source.
func (p *picked) Labels() []int { return p.labels }

// Read implements Source.
func (p *picked) Read(i int, dst []float32) { p.Source.Read(p.index[i], dst) }

func (p *picked) readExact(i int, dst []float64) { ReadExact(p.Source, p.index[i], dst) }
