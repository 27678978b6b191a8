package graph

import (
	"fmt"

	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/kernel"
)

// Convolution and its two gradients are three linear maps between images x
// (N, C, H, W), weights w (K, C, R, S) and maps y (N, K, P, Q): they share one
// trilinear form, so each one's derivatives are the other two.

// role says which of the three a convolution computes from the other two.
type role int

const (
	toMaps role = iota
	toImages
	toWeights
)

func (r role) String() string { return [...]string{"conv", "conv-images", "conv-weights"}[r] }

// convolution is one of the three maps. images and weights are the full shapes
// of x and w, whichever of them is the result.
type convolution struct {
	role            role
	stride, pad     int
	images, weights tensor.Shape
}

// Conv2D is the cross-correlation of images (N, C, H, W) with weights
// (K, C, R, S), zero-padded by pad on all sides.
func Conv2D(images, weights *Node, stride, pad int) *Node {
	return apply(convolution{toMaps, stride, pad, images.Shape(), weights.Shape()}, images, weights)
}

func (o convolution) with(r role, in ...*Node) *Node {
	o.role = r
	return apply(o, in...)
}

func (o convolution) String() string {
	return attributes(o.role.String(), o.stride, o.pad, []int(o.images), []int(o.weights))
}

func (o convolution) geometry() (kernel.Conv, error) {
	x, w := o.images, o.weights
	if len(x) != 4 || len(w) != 4 || x[1] != w[1] {
		return kernel.Conv{}, fmt.Errorf("images %v and weights %v", x, w)
	}
	g := kernel.Conv{N: x[0], C: x[1], H: x[2], W: x[3], K: w[0], R: w[2], S: w[3], Stride: o.stride, Pad: o.pad}
	if o.stride < 1 || o.pad < 0 || g.P() < 1 || g.Q() < 1 {
		return kernel.Conv{}, fmt.Errorf("stride %d, pad %d on images %v and weights %v", o.stride, o.pad, x, w)
	}
	return g, nil
}

func (o convolution) shape(in []tensor.Shape) (tensor.Shape, error) {
	if err := expect(in, 2); err != nil {
		return nil, err
	}
	g, err := o.geometry()
	if err != nil {
		return nil, err
	}
	maps := tensor.Shape{g.N, g.K, g.P(), g.Q()}
	want := [...][3]tensor.Shape{
		toMaps:    {o.images, o.weights, maps},
		toImages:  {maps, o.weights, o.images},
		toWeights: {o.images, maps, o.weights},
	}[o.role]
	if !sameShape(in[0], want[0]) || !sameShape(in[1], want[1]) {
		return nil, fmt.Errorf("inputs %v and %v, want %v and %v", in[0], in[1], want[0], want[1])
	}
	return want[2].Clone(), nil
}

func (o convolution) derive(in []*Node, out, grad *Node) []*Node {
	switch o.role {
	case toMaps:
		return []*Node{o.with(toImages, grad, in[1]), o.with(toWeights, in[0], grad)}
	case toImages:
		return []*Node{o.with(toMaps, grad, in[1]), o.with(toWeights, grad, in[0])}
	default:
		return []*Node{o.with(toImages, in[1], grad), o.with(toMaps, in[0], grad)}
	}
}

func (o convolution) bind(in []tensor.Shape, out tensor.Shape) run {
	g, err := o.geometry()
	if err != nil {
		panic(&ShapeError{o.String(), err}) // shape has accepted it before
	}
	switch o.role {
	case toMaps:
		k := kernel.NewConvMaps(g)
		return func(p *kernel.Pool, in [][]float32, out []float32) { k.Run(p, in[0], in[1], out) }
	case toImages:
		k := kernel.NewConvImages(g)
		return func(p *kernel.Pool, in [][]float32, out []float32) { k.Run(p, in[0], in[1], out) }
	default:
		k := kernel.NewConvWeights(g)
		return func(p *kernel.Pool, in [][]float32, out []float32) { k.Run(p, in[0], in[1], out) }
	}
}

func (o convolution) reference(in []Array, out Array) {
	g, err := o.geometry()
	if err != nil {
		panic(&ShapeError{o.String(), err})
	}
	roles := [...][3][]float64{toMaps: {in[0].Data, in[1].Data, out.Data}, toImages: {out.Data, in[1].Data, in[0].Data},
		toWeights: {in[0].Data, out.Data, in[1].Data}}[o.role]
	x, w, y := roles[0], roles[1], roles[2]
	eachIndex(tensor.Shape{g.N, g.K, g.P(), g.Q()}, func(at int, i []int) {
		eachIndex(tensor.Shape{g.C, g.R, g.S}, func(_ int, j []int) {
			row, col := i[2]*g.Stride+j[1]-g.Pad, i[3]*g.Stride+j[2]-g.Pad
			if row < 0 || row >= g.H || col < 0 || col >= g.W {
				return
			}
			xi := ((i[0]*g.C+j[0])*g.H+row)*g.W + col
			wi := ((i[1]*g.C+j[0])*g.R+j[1])*g.S + j[2]
			switch o.role {
			case toMaps:
				y[at] += x[xi] * w[wi]
			case toImages:
				x[xi] += y[at] * w[wi]
			default:
				w[wi] += x[xi] * y[at]
			}
		})
	})
}
