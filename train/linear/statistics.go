// Package linear is the ridge classifier, scores W x, in closed form: from
// samples, or from sums over samples, which add up exactly for any split of the
// samples.
package linear

import (
	"context"
	"errors"
	"fmt"

	"gonum.org/v1/gonum/floats"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/kernel"
)

// Errors of the classifier.
var (
	ErrShape    = errors.New("shape does not match the classifier")
	ErrSingular = errors.New("matrix is not positive definite; a larger lambda helps")
)

// Statistics are everything that ridge regression needs of n samples, f being d x n:
// f f', Y f' and |Y|^2, summed in float64. Statistics of parts add up to those
// of the whole, to the rounding of float64. Y holds one-hot columns; distributions are used
// unchanged, and labels learned for a kernel, which vary around centered one-hot, are raised by
// 1/C, so that all kinds of sets can be merged.
type Statistics struct {
	Shape    data.Shape
	Classes  int
	Squares  []float64 // f f', d x d; only the lower triangle is used
	Products []float64 // Y f', C x d
	Norm     float64   // |Y|^2
	Counts   []int     // samples per class
}

// NewStatistics are those of no samples. Memory: 8 d^2 bytes.
func NewStatistics(shape data.Shape, classes int) *Statistics {
	d := shape.Size()
	return &Statistics{Shape: shape, Classes: classes, Squares: make([]float64, d*d),
		Products: make([]float64, classes*d), Counts: make([]int, classes)}
}

// Len is the number of samples.
func (s *Statistics) Len() int {
	n := 0
	for _, c := range s.Counts {
		n += c
	}
	return n
}

const (
	addBlock = 512 // samples added at a time
	addRows  = 8   // rows of Squares that one part adds to
)

// Add adds samples; it fails with ErrShape, or with ctx's error after some of
// them were added. The same samples in the same order give the same bits for any
// number of workers. Cost: n d (d/2 + C) multiply-adds in float64.
func (s *Statistics) Add(ctx context.Context, pool *kernel.Pool, samples *data.Samples) error {
	if samples.Shape != s.Shape || samples.Classes != s.Classes {
		return fmt.Errorf("ridge statistics of %v with %d classes: %w: samples of %v with %d", s.Shape, s.Classes, ErrShape,
			samples.Shape, samples.Classes)
	}
	d := s.Shape.Size()
	values, labels := make([]float64, d*addBlock), make([]float64, s.Classes*addBlock)
	row := make([]float32, s.Classes)
	for from := 0; from < samples.Len(); from += addBlock {
		if err := ctx.Err(); err != nil {
			return err
		}
		m := min(addBlock, samples.Len()-from)
		for i := range m {
			Target(samples, from+i, row)
			for c, v := range row {
				labels[c*addBlock+i] = float64(v)
				s.Norm += float64(v) * float64(v)
			}
			s.Counts[samples.Y[from+i]]++
		}
		pool.Each((d+addRows-1)/addRows, func(part int) {
			for j := part * addRows; j < min(d, (part+1)*addRows); j++ {
				for i := range m {
					values[j*addBlock+i] = float64(samples.X[(from+i)*d+j])
				}
			}
		})
		run := func(x []float64, i int) []float64 { return x[i*addBlock : i*addBlock+m] }
		pool.Each((d+addRows-1)/addRows, func(part int) {
			first, end := part*addRows, min(d, (part+1)*addRows)
			for j := range end {
				for i := max(first, j); i < end; i++ {
					s.Squares[i*d+j] += floats.Dot(run(values, i), run(values, j))
				}
			}
			for i := first; i < end; i++ {
				for c := range s.Classes {
					s.Products[c*d+i] += floats.Dot(run(labels, c), run(values, i))
				}
			}
		})
	}
	return nil
}

// Target fills dst with the label of a sample as the classifier learns it.
func Target(s *data.Samples, i int, dst []float32) {
	if s.Soft != nil {
		if row := s.Soft[i*s.Classes : (i+1)*s.Classes]; !data.IsDistribution(row) {
			for c, v := range row {
				dst[c] = v + 1/float32(s.Classes)
			}
			return
		}
	}
	s.Probabilities(i, dst)
}

// Merge adds the statistics of other samples.
func (s *Statistics) Merge(other *Statistics) error {
	if other.Shape != s.Shape || other.Classes != s.Classes {
		return fmt.Errorf("merge ridge statistics: %w: %v with %d classes beside %v with %d", ErrShape, other.Shape,
			other.Classes, s.Shape, s.Classes)
	}
	floats.Add(s.Squares, other.Squares)
	floats.Add(s.Products, other.Products)
	s.Norm += other.Norm
	for c, n := range other.Counts {
		s.Counts[c] += n
	}
	return nil
}

// Solve gives the weights W = Y f' (f f' + lambda I)^-1, C x d, as Fit does. It
// fails with ErrSingular where they do not exist in float64. Cost: d^3/6 + C d^2
// multiply-adds and 8 d^2 bytes.
func (s *Statistics) Solve(ctx context.Context, pool *kernel.Pool, lambda float64) ([]float64, error) {
	w, err := solve(ctx, pool, lambda, s.Squares, s.Products, s.Shape.Size())
	if err != nil {
		return nil, fmt.Errorf("solve ridge: %w", err)
	}
	return w, nil
}

// SquaredError is |Y - W f|^2 = |Y|^2 - 2 <W, Y f'> + <W f f', W> over the samples
// of the statistics, which need not be those that W was solved for.
func (s *Statistics) SquaredError(w []float64) float64 {
	d := s.Shape.Size()
	sum := s.Norm - 2*floats.Dot(w, s.Products)
	for c := range s.Classes {
		row := w[c*d : (c+1)*d]
		for i, v := range row {
			sum += v * (2*floats.Dot(row[:i], s.Squares[i*d:i*d+i]) + v*s.Squares[i*d+i])
		}
	}
	return sum
}
