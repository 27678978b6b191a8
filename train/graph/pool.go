package graph

import (
	"fmt"

	"gorgonia.org/tensor"
)

// Max-pooling picks one value per window. Its derivative adds values back where
// they were picked, and the derivative of that picks again, so two operations
// are closed under differentiation. Both find the largest value of the same
// array x; among equal values the first in row-major order counts.

// PickOp takes from the second array the value at each window's maximum in the
// first.
type PickOp struct{ Size, Stride int }

// ScatterOp adds values back at each window's maximum.
type ScatterOp struct{ Size, Stride int }

// MaxPool is the largest value of each size x size window of maps
// (N, C, H, W), windows a stride apart; incomplete windows at the end are left out.
func MaxPool(x *Node, size, stride int) *Node { return apply(PickOp{size, stride}, x, x) }

// Windows are the windows of pooling on one map of H x W.
type Windows struct{ H, W, Size, Stride int }

// P is the number of windows down.
func (w Windows) P() int { return (w.H-w.Size)/w.Stride + 1 }

// Q is the number of windows across.
func (w Windows) Q() int { return (w.W-w.Size)/w.Stride + 1 }

// WindowsOf are the windows on maps (N, C, H, W); an error where none fits.
func WindowsOf(in tensor.Shape, size, stride int) (Windows, error) {
	if len(in) != 4 || size < 1 || stride < 1 || in[2] < size || in[3] < size {
		return Windows{}, fmt.Errorf("windows of %d, %d apart, on %v", size, stride, in)
	}
	return Windows{H: in[2], W: in[3], Size: size, Stride: stride}, nil
}

func (o PickOp) String() string { return attributes("pool-pick", o.Size, o.Stride) }

// Shape implements Operation.
func (o PickOp) Shape(in []tensor.Shape) (tensor.Shape, error) {
	if _, err := sameShapes(in, 2); err != nil {
		return nil, err
	}
	w, err := WindowsOf(in[0], o.Size, o.Stride)
	if err != nil {
		return nil, err
	}
	return tensor.Shape{in[0][0], in[0][1], w.P(), w.Q()}, nil
}

// Derive: the values picked depend on the second array; where they are picked
// is piecewise constant in the first. In MaxPool both are x.
func (o PickOp) Derive(in []*Node, out, grad *Node) []*Node {
	return []*Node{nil, apply(ScatterOp(o), in[0], grad)}
}

// Reference implements Operation.
func (o PickOp) Reference(in []Array, out Array) {
	eachMaximum(in[0], out.Shape, o.Size, o.Stride, func(window, at int) { out.Data[window] = in[1].Data[at] })
}

// eachMaximum calls f with each window and the index of its maximum.
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

func (o ScatterOp) String() string { return attributes("pool-scatter", o.Size, o.Stride) }

// Shape implements Operation.
func (o ScatterOp) Shape(in []tensor.Shape) (tensor.Shape, error) {
	if err := expect(in, 2); err != nil {
		return nil, err
	}
	want, err := PickOp(o).Shape([]tensor.Shape{in[0], in[0]})
	if err != nil {
		return nil, err
	}
	if !sameShape(want, in[1]) {
		return nil, fmt.Errorf("values %v, want %v", in[1], want)
	}
	return in[0].Clone(), nil
}

// Derive implements Operation.
func (o ScatterOp) Derive(in []*Node, out, grad *Node) []*Node {
	return []*Node{nil, apply(PickOp(o), in[0], grad)}
}

// Reference implements Operation.
func (o ScatterOp) Reference(in []Array, out Array) {
	eachMaximum(in[0], in[1].Shape, o.Size, o.Stride, func(window, at int) { out.Data[at] += in[1].Data[window] })
}
