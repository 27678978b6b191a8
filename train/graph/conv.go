package graph

import (
	"fmt"

	"gorgonia.org/tensor"
)

// Convolution and its two gradients are three linear maps between images x
// (N, C, H, W), weights w (K, C, R, S) and maps y (N, K, P, Q): they share one
// trilinear form, so each one's derivatives are the other two.

// Role says which of the three a convolution computes from the other two.
type Role int

// The roles: images and weights to maps, maps and weights to images, images and
// maps to weights.
const (
	ToMaps Role = iota
	ToImages
	ToWeights
)

func (r Role) String() string { return [...]string{"conv", "conv-images", "conv-weights"}[r] }

// ConvOp is one of the three maps. Images and Weights are the full shapes of x
// and w, whichever of them is the result.
type ConvOp struct {
	Role            Role
	Stride, Pad     int
	Images, Weights tensor.Shape
}

// ConvGeometry is the sizes of a convolution: N images of C channels of H x W, K
// filters of R x S, moved by Stride over a border of Pad zeros.
type ConvGeometry struct {
	N, C, H, W  int
	K, R, S     int
	Stride, Pad int
}

// P is the height of the maps.
func (g ConvGeometry) P() int { return (g.H+2*g.Pad-g.R)/g.Stride + 1 }

// Q is the width of the maps.
func (g ConvGeometry) Q() int { return (g.W+2*g.Pad-g.S)/g.Stride + 1 }

// Conv2D is the cross-correlation of images (N, C, H, W) with weights
// (K, C, R, S), zero-padded by pad on all sides.
func Conv2D(images, weights *Node, stride, pad int) *Node {
	return apply(ConvOp{ToMaps, stride, pad, images.Shape(), weights.Shape()}, images, weights)
}

func (o ConvOp) with(r Role, in ...*Node) *Node {
	o.Role = r
	return apply(o, in...)
}

func (o ConvOp) String() string {
	return attributes(o.Role.String(), o.Stride, o.Pad, []int(o.Images), []int(o.Weights))
}

// Geometry is the sizes of a convolution; an error where they do not fit.
func (o ConvOp) Geometry() (ConvGeometry, error) {
	x, w := o.Images, o.Weights
	if len(x) != 4 || len(w) != 4 || x[1] != w[1] {
		return ConvGeometry{}, fmt.Errorf("images %v and weights %v", x, w)
	}
	g := ConvGeometry{N: x[0], C: x[1], H: x[2], W: x[3], K: w[0], R: w[2], S: w[3], Stride: o.Stride, Pad: o.Pad}
	if o.Stride < 1 || o.Pad < 0 || g.P() < 1 || g.Q() < 1 {
		return ConvGeometry{}, fmt.Errorf("stride %d, pad %d on images %v and weights %v", o.Stride, o.Pad, x, w)
	}
	return g, nil
}

// Shape implements Operation.
func (o ConvOp) Shape(in []tensor.Shape) (tensor.Shape, error) {
	if err := expect(in, 2); err != nil {
		return nil, err
	}
	g, err := o.Geometry()
	if err != nil {
		return nil, err
	}
	maps := tensor.Shape{g.N, g.K, g.P(), g.Q()}
	want := [...][3]tensor.Shape{
		ToMaps:    {o.Images, o.Weights, maps},
		ToImages:  {maps, o.Weights, o.Images},
		ToWeights: {o.Images, maps, o.Weights},
	}[o.Role]
	if !sameShape(in[0], want[0]) || !sameShape(in[1], want[1]) {
		return nil, fmt.Errorf("inputs %v and %v, want %v and %v", in[0], in[1], want[0], want[1])
	}
	return want[2].Clone(), nil
}

// Derive implements Operation.
func (o ConvOp) Derive(in []*Node, out, grad *Node) []*Node {
	switch o.Role {
	case ToMaps:
		return []*Node{o.with(ToImages, grad, in[1]), o.with(ToWeights, in[0], grad)}
	case ToImages:
		return []*Node{o.with(ToMaps, grad, in[1]), o.with(ToWeights, grad, in[0])}
	default:
		return []*Node{o.with(ToImages, in[1], grad), o.with(ToMaps, in[0], grad)}
	}
}

// Reference implements Operation.
func (o ConvOp) Reference(in []Array, out Array) {
	g, err := o.Geometry()
	if err != nil {
		panic(&ShapeError{o.String(), err})
	}
	roles := [...][3][]float64{ToMaps: {in[0].Data, in[1].Data, out.Data}, ToImages: {out.Data, in[1].Data, in[0].Data},
		ToWeights: {in[0].Data, out.Data, in[1].Data}}[o.Role]
	x, w, y := roles[0], roles[1], roles[2]
	eachIndex(tensor.Shape{g.N, g.K, g.P(), g.Q()}, func(at int, i []int) {
		eachIndex(tensor.Shape{g.C, g.R, g.S}, func(_ int, j []int) {
			row, col := i[2]*g.Stride+j[1]-g.Pad, i[3]*g.Stride+j[2]-g.Pad
			if row < 0 || row >= g.H || col < 0 || col >= g.W {
				return
			}
			xi := ((i[0]*g.C+j[0])*g.H+row)*g.W + col
			wi := ((i[1]*g.C+j[0])*g.R+j[1])*g.S + j[2]
			switch o.Role {
			case ToMaps:
				y[at] += x[xi] * w[wi]
			case ToImages:
				x[xi] += y[at] * w[wi]
			default:
				w[wi] += x[xi] * y[at]
			}
		})
	})
}
