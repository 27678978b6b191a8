package graph

import (
	"fmt"

	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/kernel"
)

// Max-pooling picks one value a window. Its derivative puts values back where
// they were picked, and the derivative of that picks again, so two operations
// are closed under differentiation. Both look for the largest value of the same
// array x; of equal values the first in row-major order counts.

// pick takes from the second array the value at each window's maximum in the
// first.
type pick struct{ size, stride int }

// scatter puts values back to each window's maximum, and adds where windows
// overlap.
type scatter struct{ size, stride int }

// MaxPool is the largest value of each size x size window of maps
// (N, C, H, W), windows a stride apart; what does not fill a window is left out.
func MaxPool(x *Node, size, stride int) *Node { return apply(pick{size, stride}, x, x) }

func windows(in tensor.Shape, size, stride int) (kernel.Windows, error) {
	if len(in) != 4 || size < 1 || stride < 1 || in[2] < size || in[3] < size {
		return kernel.Windows{}, fmt.Errorf("windows of %d, %d apart, on %v", size, stride, in)
	}
	return kernel.Windows{H: in[2], W: in[3], Size: size, Stride: stride}, nil
}

func (o pick) String() string { return attributes("pool-pick", o.size, o.stride) }

func (o pick) shape(in []tensor.Shape) (tensor.Shape, error) {
	if _, err := sameShapes(in, 2); err != nil {
		return nil, err
	}
	w, err := windows(in[0], o.size, o.stride)
	if err != nil {
		return nil, err
	}
	return tensor.Shape{in[0][0], in[0][1], w.P(), w.Q()}, nil
}

// derive: the values picked depend on the second array; where they are picked
// is piecewise constant in the first. In MaxPool both are x.
func (o pick) derive(in []*Node, out, grad *Node) []*Node {
	return []*Node{nil, apply(scatter(o), in[0], grad)}
}

func (o pick) onRows(in []rowOperand, shapes []tensor.Shape, _ tensor.Shape) rowRun {
	w, _ := windows(shapes[0], o.size, o.stride) // shape has accepted it before
	return func(rows int, out []float32, in [3][]float32) { w.Pick(rows, in[0], in[1], out) }
}

func (o pick) bind(in []tensor.Shape, out tensor.Shape) run { return onAllRows(o, in, out) }

func (o pick) reference(in []Array, out Array) {
	eachMaximum(in[0], out.Shape, o.size, o.stride, func(window, at int) { out.Data[window] = in[1].Data[at] })
}

// eachMaximum calls f with each window and the place of its maximum.
func eachMaximum(x Array, windows tensor.Shape, size, stride int, f func(window, at int)) {
	h, w := x.Shape[2], x.Shape[3]
	eachIndex(windows, func(window int, i []int) {
		corner := ((i[0]*x.Shape[1]+i[1])*h+i[2]*stride)*w + i[3]*stride
		at := corner
		for r := range size {
			for c := range size {
				if v := corner + r*w + c; x.Data[v] > x.Data[at] {
					at = v
				}
			}
		}
		f(window, at)
	})
}

func (o scatter) String() string { return attributes("pool-scatter", o.size, o.stride) }

func (o scatter) shape(in []tensor.Shape) (tensor.Shape, error) {
	if err := expect(in, 2); err != nil {
		return nil, err
	}
	want, err := pick(o).shape([]tensor.Shape{in[0], in[0]})
	if err != nil {
		return nil, err
	}
	if !sameShape(want, in[1]) {
		return nil, fmt.Errorf("values %v, want %v", in[1], want)
	}
	return in[0].Clone(), nil
}

func (o scatter) derive(in []*Node, out, grad *Node) []*Node {
	return []*Node{nil, apply(pick(o), in[0], grad)}
}

func (o scatter) onRows(in []rowOperand, shapes []tensor.Shape, _ tensor.Shape) rowRun {
	w, _ := windows(shapes[0], o.size, o.stride) // shape has accepted it before
	return func(rows int, out []float32, in [3][]float32) { w.Scatter(rows, in[0], in[1], out) }
}

func (o scatter) bind(in []tensor.Shape, out tensor.Shape) run { return onAllRows(o, in, out) }

func (o scatter) reference(in []Array, out Array) {
	eachMaximum(in[0], in[1].Shape, o.size, o.stride, func(window, at int) { out.Data[at] += in[1].Data[window] })
}
