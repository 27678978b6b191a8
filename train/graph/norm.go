package graph

import (
	"fmt"

	"gorgonia.org/tensor"
)

// normEpsilon is added to a variance before the square root, as in PyTorch.
const normEpsilon = 1e-5

// Rsqrt is 1 / sqrt(x).
func Rsqrt(x *Node) *Node { return apply(MapOp{ReciprocalRoot, 0}, x) }

// Power is x^c for x > 0.
func Power(x *Node, c float64) *Node { return apply(MapOp{PowerOf, c}, x) }

// InstanceNorm standardizes each map of x, (N, C, H, W), by its own mean and
// (biased) variance, then scales and shifts each channel:
//
//	y = (x - mean) / sqrt(var + 1e-5) gain + bias
//
// with gain and bias of shape (C).
func InstanceNorm(x, gain, bias *Node) *Node {
	s := x.Shape()
	if len(s) != 4 || !sameShape(gain.Shape(), tensor.Shape{s[1]}) || !sameShape(bias.Shape(), tensor.Shape{s[1]}) {
		panic(&ShapeError{"instance-norm", fmt.Errorf("maps %v, gain %v, bias %v", s, gain.Shape(), bias.Shape())})
	}
	channel := []int{1, s[1], 1, 1}
	centered := Sub(x, GlobalMean(x))
	inverse := Rsqrt(Offset(GlobalMean(Mul(centered, centered)), normEpsilon))
	return Add(Mul(centered, Mul(inverse, Reshape(gain, channel...))), Reshape(bias, channel...))
}

// ChannelSumOp adds up neighboring channels of (N, C, H, W). Its derivative
// sums in the other direction.
type ChannelSumOp struct{ Before, After int }

// LocalResponseNorm divides x, (N, C, H, W), by a function of its neighbors in
// size channels, as PyTorch's layer of the same name:
//
//	y[c] = x[c] / (k + alpha/size sum_j x[j]^2)^beta
//
// j from c - size/2 to c + (size-1)/2.
func LocalResponseNorm(x *Node, size int, alpha, beta, k float64) *Node {
	sum := apply(ChannelSumOp{size / 2, (size - 1) / 2}, Mul(x, x))
	return Mul(x, Power(Offset(Scale(sum, alpha/float64(size)), k), -beta))
}

func (o ChannelSumOp) String() string { return attributes("channel-sum", o.Before, o.After) }

// Shape implements Operation.
func (o ChannelSumOp) Shape(in []tensor.Shape) (tensor.Shape, error) {
	if err := expect(in, 1); err != nil {
		return nil, err
	}
	if len(in[0]) != 4 || o.Before < 0 || o.After < 0 {
		return nil, fmt.Errorf("%d channels before and %d after in %v", o.Before, o.After, in[0])
	}
	return in[0].Clone(), nil
}

// Derive implements Operation.
func (o ChannelSumOp) Derive(in []*Node, out, grad *Node) []*Node {
	return []*Node{apply(ChannelSumOp{o.After, o.Before}, grad)}
}

// Reference implements Operation.
func (o ChannelSumOp) Reference(in []Array, out Array) {
	area := out.Shape[2] * out.Shape[3]
	eachIndex(out.Shape, func(at int, i []int) {
		for c := max(0, i[1]-o.Before); c <= min(out.Shape[1]-1, i[1]+o.After); c++ {
			out.Data[at] += in[0].Data[at+(c-i[1])*area]
		}
	})
}
