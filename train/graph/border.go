package graph

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"
)

// PadOp adds a margin of a constant around maps.
type PadOp struct {
	Width int
	Value float64
}

// CropOp removes a margin.
type CropOp struct{ Width int }

// Pad is maps (N, C, H, W) with a margin of width values on all four sides,
// each of them value. The derivative is Crop.
func Pad(x *Node, width int, value float64) *Node {
	if width == 0 {
		return x
	}
	return apply(PadOp{width, value}, x)
}

// Crop is maps (N, C, H, W) without a margin of width values. The derivative is
// Pad with zeros.
func Crop(x *Node, width int) *Node {
	if width == 0 {
		return x
	}
	return apply(CropOp{width}, x)
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

func (o PadOp) String() string { return attributes("pad", o.Width, o.Value) }

// Shape implements Operation.
func (o PadOp) Shape(in []tensor.Shape) (tensor.Shape, error) { return margin(in, o.Width, 2*o.Width) }

// Derive implements Operation.
func (o PadOp) Derive(in []*Node, out, grad *Node) []*Node { return []*Node{Crop(grad, o.Width)} }

// Reference implements Operation.
func (o PadOp) Reference(in []Array, out Array) {
	for i := range out.Data {
		out.Data[i] = o.Value
	}
	eachInner(in[0].Shape, o.Width, func(inner, outer int) { out.Data[outer] = in[0].Data[inner] })
}

// eachInner calls f with the index of every value of maps and its index after a
// margin is added.
func eachInner(maps tensor.Shape, width int, f func(inner, outer int)) {
	h, w := maps[2]+2*width, maps[3]+2*width
	eachIndex(maps, func(inner int, i []int) { f(inner, ((i[0]*maps[1]+i[1])*h+i[2]+width)*w+i[3]+width) })
}

func (o CropOp) String() string { return attributes("crop", o.Width) }

// Shape implements Operation.
func (o CropOp) Shape(in []tensor.Shape) (tensor.Shape, error) {
	return margin(in, o.Width, -2*o.Width)
}

// Derive implements Operation.
func (o CropOp) Derive(in []*Node, out, grad *Node) []*Node { return []*Node{Pad(grad, o.Width, 0)} }

// Reference implements Operation.
func (o CropOp) Reference(in []Array, out Array) {
	eachInner(out.Shape, o.Width, func(inner, outer int) { out.Data[inner] = in[0].Data[outer] })
}
