package graph

import (
	"fmt"

	"gorgonia.org/tensor"
)

// Mean-pooling is linear: its derivative spreads each value over its window,
// and the derivative of that averages again.

// MeanPoolOp averages adjacent windows that do not overlap.
type MeanPoolOp struct{ Size int }

// MeanSpreadOp gives each value of a window its share of the window's value; To
// is the shape of the maps.
type MeanSpreadOp struct {
	Size int
	To   tensor.Shape
}

// MeanPool is the mean of each size x size window of maps (N, C, H, W), windows
// side by side; incomplete windows at the end are left out.
func MeanPool(x *Node, size int) *Node { return apply(MeanPoolOp{size}, x) }

// GlobalMean is the mean of each map of (N, C, H, W), as (N, C, 1, 1).
func GlobalMean(x *Node) *Node {
	s := x.Shape()
	if len(s) != 4 {
		panic(&ShapeError{"global-mean", fmt.Errorf("shape %v, want four dimensions", s)})
	}
	return Scale(SumTo(x, tensor.Shape{s[0], s[1], 1, 1}), 1/float64(s[2]*s[3]))
}

func (o MeanPoolOp) String() string { return attributes("mean-pool", o.Size) }

// Shape implements Operation.
func (o MeanPoolOp) Shape(in []tensor.Shape) (tensor.Shape, error) {
	if err := expect(in, 1); err != nil {
		return nil, err
	}
	w, err := WindowsOf(in[0], o.Size, o.Size)
	if err != nil {
		return nil, err
	}
	return tensor.Shape{in[0][0], in[0][1], w.P(), w.Q()}, nil
}

// Derive implements Operation.
func (o MeanPoolOp) Derive(in []*Node, out, grad *Node) []*Node {
	return []*Node{apply(MeanSpreadOp{o.Size, in[0].Shape().Clone()}, grad)}
}

// Reference implements Operation.
func (o MeanPoolOp) Reference(in []Array, out Array) {
	eachWindowed(in[0].Shape, out.Shape, o.Size, func(place, window int) {
		out.Data[window] += in[0].Data[place] / float64(o.Size*o.Size)
	})
}

// eachWindowed calls f with every place of the maps that lies in a window, and
// that window.
func eachWindowed(maps, windows tensor.Shape, size int, f func(place, window int)) {
	eachIndex(maps, func(place int, i []int) {
		row, col := i[2]/size, i[3]/size
		if row < windows[2] && col < windows[3] {
			f(place, ((i[0]*windows[1]+i[1])*windows[2]+row)*windows[3]+col)
		}
	})
}

func (o MeanSpreadOp) String() string { return attributes("mean-spread", o.Size, []int(o.To)) }

// Shape implements Operation.
func (o MeanSpreadOp) Shape(in []tensor.Shape) (tensor.Shape, error) {
	if err := expect(in, 1); err != nil {
		return nil, err
	}
	want, err := MeanPoolOp{o.Size}.Shape([]tensor.Shape{o.To})
	if err != nil {
		return nil, err
	}
	if !sameShape(want, in[0]) {
		return nil, fmt.Errorf("values %v, want %v", in[0], want)
	}
	return o.To.Clone(), nil
}

// Derive implements Operation.
func (o MeanSpreadOp) Derive(in []*Node, out, grad *Node) []*Node {
	return []*Node{MeanPool(grad, o.Size)}
}

// Reference implements Operation.
func (o MeanSpreadOp) Reference(in []Array, out Array) {
	eachWindowed(out.Shape, in[0].Shape, o.Size, func(place, window int) {
		out.Data[place] = in[0].Data[window] / float64(o.Size*o.Size)
	})
}
