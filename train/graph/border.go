package graph

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/kernel"
)

// pad puts a margin of a constant around maps.
type pad struct {
	width int
	value float64
}

// crop takes a margin away.
type crop struct{ width int }

// Pad is maps (N, C, H, W) with a margin of width values on all four sides,
// each of them value. The derivative is Crop.
func Pad(x *Node, width int, value float64) *Node {
	if width == 0 {
		return x
	}
	return apply(pad{width, value}, x)
}

// Crop is maps (N, C, H, W) without a margin of width values. The derivative is
// Pad with zeros.
func Crop(x *Node, width int) *Node {
	if width == 0 {
		return x
	}
	return apply(crop{width}, x)
}

// MaxPoolPadded is MaxPool of maps whose margin of width never wins: PyTorch's
// MaxPool2d with padding, which must be at most half of size.
func MaxPoolPadded(x *Node, size, stride, width int) *Node {
	if 2*width > size {
		panic(&ShapeError{"max-pool", fmt.Errorf("margin %d for windows of %d", width, size)})
	}
	return MaxPool(Pad(x, width, math.Inf(-1)), size, stride)
}

func margin(in []tensor.Shape, width, change int) (tensor.Shape, error) {
	if err := expect(in, 1); err != nil {
		return nil, err
	}
	s := in[0]
	if len(s) != 4 || width < 1 || s[2]+change < 1 || s[3]+change < 1 {
		return nil, fmt.Errorf("margin of %d on %v", width, s)
	}
	return tensor.Shape{s[0], s[1], s[2] + change, s[3] + change}, nil
}

func (o pad) String() string { return attributes("pad", o.width, o.value) }

func (o pad) shape(in []tensor.Shape) (tensor.Shape, error) { return margin(in, o.width, 2*o.width) }

func (o pad) derive(in []*Node, out, grad *Node) []*Node { return []*Node{Crop(grad, o.width)} }

func (o pad) onRows(_ []rowOperand, shapes []tensor.Shape, _ tensor.Shape) rowRun {
	k := kernel.NewPad(shapes[0][2], shapes[0][3], o.width, float32(o.value))
	return func(rows int, out []float32, in [3][]float32) { k.Maps(rows, in[0], out) }
}

func (o pad) bind(in []tensor.Shape, out tensor.Shape) run { return onAllRows(o, in, out) }

func (o pad) reference(in []Array, out Array) {
	for i := range out.Data {
		out.Data[i] = o.value
	}
	eachInner(in[0].Shape, o.width, func(inner, outer int) { out.Data[outer] = in[0].Data[inner] })
}

// eachInner calls f with every place of maps and its place once a margin is
// around them.
func eachInner(maps tensor.Shape, width int, f func(inner, outer int)) {
	h, w := maps[2]+2*width, maps[3]+2*width
	eachIndex(maps, func(inner int, i []int) { f(inner, ((i[0]*maps[1]+i[1])*h+i[2]+width)*w+i[3]+width) })
}

func (o crop) String() string { return attributes("crop", o.width) }

func (o crop) shape(in []tensor.Shape) (tensor.Shape, error) { return margin(in, o.width, -2*o.width) }

func (o crop) derive(in []*Node, out, grad *Node) []*Node { return []*Node{Pad(grad, o.width, 0)} }

func (o crop) onRows(_ []rowOperand, _ []tensor.Shape, out tensor.Shape) rowRun {
	k := kernel.NewCrop(out[2], out[3], o.width)
	return func(rows int, out []float32, in [3][]float32) { k.Maps(rows, in[0], out) }
}

func (o crop) bind(in []tensor.Shape, out tensor.Shape) run { return onAllRows(o, in, out) }

func (o crop) reference(in []Array, out Array) {
	eachInner(out.Shape, o.width, func(inner, outer int) { out.Data[inner] = in[0].Data[outer] })
}
