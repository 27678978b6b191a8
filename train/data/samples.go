package data

import (
	"fmt"
	"slices"
)

// Shape is the shape of one sample: channels, height and width. A table of
// F features is 1 x 1 x F.
type Shape struct{ C, H, W int }

// Size is the number of values in one sample.
func (s Shape) Size() int { return s.C * s.H * s.W }

// IsTable reports whether samples are rows of features rather than images.
func (s Shape) IsTable() bool { return s.C == 1 && s.H == 1 }

// String writes the shape as CxHxW.
func (s Shape) String() string { return fmt.Sprintf("%dx%dx%d", s.C, s.H, s.W) }

// Samples is a batch of labeled samples in task space (standardized float,
// NCHW). It is what distillers read and networks train on, whatever file the
// values came from.
type Samples struct {
	Shape   Shape
	Classes int
	X       []float32 // Len() x Shape.Size(), row-major
	Y       []int     // class index of each sample, in [0, Classes)
	// Soft holds learned or soft labels, Len() x Classes, or is nil when the
	// labels are hard. Y is then the arg-max of each row. labels.go says how
	// rows are used: see Probabilities and RegressionTarget.
	Soft []float32
}

// Len is the number of samples.
func (s *Samples) Len() int { return len(s.Y) }

// Row is the values of sample i; it aliases X.
func (s *Samples) Row(i int) []float32 {
	d := s.Shape.Size()
	return s.X[i*d : (i+1)*d : (i+1)*d]
}

// Subset copies the samples at the given indices, in that order.
func (s *Samples) Subset(index []int) *Samples {
	out := &Samples{Shape: s.Shape, Classes: s.Classes, X: make([]float32, 0, len(index)*s.Shape.Size()),
		Y: make([]int, 0, len(index))}
	if s.Soft != nil {
		out.Soft = make([]float32, 0, len(index)*s.Classes)
	}
	for _, i := range index {
		out.X = append(out.X, s.Row(i)...)
		out.Y = append(out.Y, s.Y[i])
		if s.Soft != nil {
			out.Soft = append(out.Soft, s.Soft[i*s.Classes:(i+1)*s.Classes]...)
		}
	}
	return out
}

// ByClass lists the indices of the samples of each class, in order.
func (s *Samples) ByClass() [][]int {
	out := make([][]int, s.Classes)
	for i, y := range s.Y {
		out[y] = append(out[y], i)
	}
	return out
}

// Held lists the classes that have at least one sample, ascending.
func (s *Samples) Held() []int {
	var out []int
	for c, index := range s.ByClass() {
		if len(index) > 0 {
			out = append(out, c)
		}
	}
	return out
}

// Merge concatenates batches of the same shape and classes. Hard labels become
// one-hot rows when any batch has soft ones.
func Merge(batches ...*Samples) (*Samples, error) {
	if len(batches) == 0 {
		return nil, fmt.Errorf("merge samples: nothing to merge")
	}
	first := batches[0]
	soft := slices.ContainsFunc(batches, func(b *Samples) bool { return b.Soft != nil })
	out := &Samples{Shape: first.Shape, Classes: first.Classes}
	for _, b := range batches {
		if b.Shape != first.Shape || b.Classes != first.Classes {
			return nil, fmt.Errorf("merge samples: %v with %d classes beside %v with %d", b.Shape, b.Classes, first.Shape,
				first.Classes)
		}
		out.X = append(out.X, b.X...)
		out.Y = append(out.Y, b.Y...)
		if soft {
			out.Soft = append(out.Soft, b.labelRows()...)
		}
	}
	return out, nil
}

func (s *Samples) labelRows() []float32 {
	if s.Soft != nil {
		return s.Soft
	}
	rows := make([]float32, s.Len()*s.Classes)
	for i, y := range s.Y {
		rows[i*s.Classes+y] = 1
	}
	return rows
}
