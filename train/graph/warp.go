package graph

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"
)

// Sampling says how Warp reads an image.
type Sampling struct {
	// H and W are the sides of the result; zero keeps those of the image.
	H, W int
	// Corners puts the coordinates -1 and 1 at the middle of the outermost
	// pixels, instead of their outer edges (PyTorch's align_corners).
	Corners bool
	// Border repeats the outermost pixels outside the image, instead of zero.
	Border bool
}

// WarpOp reads images at affinely transformed positions; with Back, its adjoint,
// it adds values to the positions that would be read. Images is the shape of what is read.
type WarpOp struct {
	Sampling
	Back   bool
	Images tensor.Shape
}

// Warp reads x, (N, C, H, W), bilinearly at the points of a grid transformed by
// each image's matrix. taps, (N, 6), holds the matrices' rows one after the
// other: a pixel of the result at (u, v) in [-1, 1] shows the image at
//
//	(t0 u + t1 v + t2, t3 u + t4 v + t5)
//
// as PyTorch's affine_grid and grid_sample. It is linear in x; the matrices
// have no derivative.
func Warp(x, taps *Node, s Sampling) *Node {
	shape := x.Shape()
	if len(shape) == 4 && s.H == 0 {
		s.H, s.W = shape[2], shape[3]
	}
	return apply(WarpOp{s, false, shape.Clone()}, x, taps)
}

func (o WarpOp) String() string {
	name := "warp"
	if o.Back {
		name = "warp-back"
	}
	return attributes(name, o.H, o.W, o.Corners, o.Border, []int(o.Images))
}

// Shape implements Operation.
func (o WarpOp) Shape(in []tensor.Shape) (tensor.Shape, error) {
	if err := expect(in, 2); err != nil {
		return nil, err
	}
	s := o.Images
	if len(s) != 4 || o.H < 1 || o.W < 1 || !sameShape(in[1], tensor.Shape{s[0], 6}) {
		return nil, fmt.Errorf("images %v to %d x %d by matrices %v", s, o.H, o.W, in[1])
	}
	from, to := s, tensor.Shape{s[0], s[1], o.H, o.W}
	if o.Back {
		from, to = to, from
	}
	if !sameShape(in[0], from) {
		return nil, fmt.Errorf("values %v, want %v", in[0], from)
	}
	return to.Clone(), nil
}

// Derive implements Operation.
func (o WarpOp) Derive(in []*Node, out, grad *Node) []*Node {
	o.Back = !o.Back
	return []*Node{apply(o, grad, in[1]), nil}
}

// Reference implements Operation.
func (o WarpOp) Reference(in []Array, out Array) {
	h, w := o.Images[2], o.Images[3]
	eachIndex(tensor.Shape{o.Images[0], o.Images[1], o.H, o.W}, func(at int, i []int) {
		t := in[1].Data[6*i[0] : 6*i[0]+6]
		u, v := o.coordinate(i[3], o.W), o.coordinate(i[2], o.H)
		col, row := o.pixel(t[0]*u+t[1]*v+t[2], w), o.pixel(t[3]*u+t[4]*v+t[5], h)
		for r := int(math.Floor(row)); r <= int(math.Floor(row))+1; r++ {
			for c := int(math.Floor(col)); c <= int(math.Floor(col))+1; c++ {
				weight := (1 - math.Abs(row-float64(r))) * (1 - math.Abs(col-float64(c)))
				if r < 0 || r >= h || c < 0 || c >= w {
					continue // of weight zero under Border
				}
				place := ((i[0]*o.Images[1]+i[1])*h+r)*w + c
				if o.Back {
					out.Data[place] += weight * in[0].Data[at]
				} else {
					out.Data[at] += weight * in[0].Data[place]
				}
			}
		}
	})
}

// coordinate is the place of pixel i of n in [-1, 1].
func (o WarpOp) coordinate(i, n int) float64 {
	switch {
	case !o.Corners:
		return (2*float64(i)+1)/float64(n) - 1
	case n == 1:
		return -1
	}
	return 2*float64(i)/float64(n-1) - 1
}

// pixel is the reverse, kept inside under Border.
func (o WarpOp) pixel(x float64, n int) float64 {
	at := ((x+1)*float64(n) - 1) / 2
	if o.Corners {
		at = (x + 1) / 2 * float64(n-1)
	}
	if o.Border {
		at = min(max(at, 0), float64(n-1))
	}
	return at
}
