package graph

import (
	"fmt"

	"gorgonia.org/tensor"
)

// Mean-pooling is linear: its derivative spreads each value over its window,
// and the derivative of that averages again.

// meanPool averages windows that lie side by side.
type meanPool struct{ size int }

// meanSpread gives each place of a window its share of the window's value; to
// is the shape of the maps.
type meanSpread struct {
	size int
	to   tensor.Shape
}

// MeanPool is the mean of each size x size window of maps (N, C, H, W), windows
// side by side; what does not fill a window is left out.
func MeanPool(x *Node, size int) *Node { return apply(meanPool{size}, x) }

// GlobalMean is the mean of each map of (N, C, H, W), as (N, C, 1, 1).
func GlobalMean(x *Node) *Node {
	s := x.Shape()
	if len(s) != 4 {
		panic(&ShapeError{"global-mean", fmt.Errorf("shape %v, want four dimensions", s)})
	}
	return Scale(SumTo(x, tensor.Shape{s[0], s[1], 1, 1}), 1/float64(s[2]*s[3]))
}

func (o meanPool) String() string { return attributes("mean-pool", o.size) }

func (o meanPool) shape(in []tensor.Shape) (tensor.Shape, error) {
	if err := expect(in, 1); err != nil {
		return nil, err
	}
	w, err := windows(in[0], o.size, o.size)
	if err != nil {
		return nil, err
	}
	return tensor.Shape{in[0][0], in[0][1], w.P(), w.Q()}, nil
}

func (o meanPool) derive(in []*Node, out, grad *Node) []*Node {
	return []*Node{apply(meanSpread{o.size, in[0].Shape().Clone()}, grad)}
}

func (o meanPool) onRows(_ []rowOperand, shapes []tensor.Shape, _ tensor.Shape) rowRun {
	w, _ := windows(shapes[0], o.size, o.size) // shape has accepted it before
	return func(rows int, out []float32, in [3][]float32) { w.Mean(rows, in[0], out) }
}

func (o meanPool) bind(in []tensor.Shape, out tensor.Shape) run { return onAllRows(o, in, out) }

func (o meanPool) reference(in []Array, out Array) {
	eachWindowed(in[0].Shape, out.Shape, o.size, func(place, window int) {
		out.Data[window] += in[0].Data[place] / float64(o.size*o.size)
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

func (o meanSpread) String() string { return attributes("mean-spread", o.size, []int(o.to)) }

func (o meanSpread) shape(in []tensor.Shape) (tensor.Shape, error) {
	if err := expect(in, 1); err != nil {
		return nil, err
	}
	want, err := meanPool{o.size}.shape([]tensor.Shape{o.to})
	if err != nil {
		return nil, err
	}
	if !sameShape(want, in[0]) {
		return nil, fmt.Errorf("values %v, want %v", in[0], want)
	}
	return o.to.Clone(), nil
}

func (o meanSpread) derive(in []*Node, out, grad *Node) []*Node {
	return []*Node{MeanPool(grad, o.size)}
}

func (o meanSpread) onRows([]rowOperand, []tensor.Shape, tensor.Shape) rowRun {
	w, _ := windows(o.to, o.size, o.size) // shape has accepted it before
	return func(rows int, out []float32, in [3][]float32) { w.Spread(rows, in[0], out) }
}

func (o meanSpread) bind(in []tensor.Shape, out tensor.Shape) run { return onAllRows(o, in, out) }

func (o meanSpread) reference(in []Array, out Array) {
	eachWindowed(out.Shape, in[0].Shape, o.size, func(place, window int) {
		out.Data[place] = in[0].Data[window] / float64(o.size*o.size)
	})
}
