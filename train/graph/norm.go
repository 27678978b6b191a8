package graph

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"github.com/distillmesh/distillmesh/train/kernel"
)

// normEpsilon is added to a variance before its root is taken, as in PyTorch.
const normEpsilon = 1e-5

// Rsqrt is 1 / sqrt(x).
func Rsqrt(x *Node) *Node { return apply(mapped{&reciprocalRoot, 0}, x) }

// Power is x^c for x > 0.
func Power(x *Node, c float64) *Node { return apply(mapped{&power, c}, x) }

var reciprocalRoot, power mapping

func init() {
	reciprocalRoot = mapping{"rsqrt", kernel.Rsqrt, func(x, c float64) float64 { return 1 / math.Sqrt(x) },
		// Through the result, y = x^-1/2: dy/dx = -y^3 / 2.
		func(x, out, grad *Node, c float64) *Node { return Scale(Mul(grad, Mul(out, Mul(out, out))), -0.5) }}
	power = mapping{"power", kernel.Power, func(x, c float64) float64 { return math.Pow(x, c) },
		func(x, out, grad *Node, c float64) *Node { return Scale(Mul(grad, Power(x, c-1)), c) }}
}

// InstanceNorm standardises each map of x, (N, C, H, W), by its own mean and
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
	centred := Sub(x, GlobalMean(x))
	inverse := Rsqrt(Offset(GlobalMean(Mul(centred, centred)), normEpsilon))
	return Add(Mul(centred, Mul(inverse, Reshape(gain, channel...))), Reshape(bias, channel...))
}

// channelSum adds up neighbouring channels of (N, C, H, W). Its derivative
// looks the other way.
type channelSum struct{ before, after int }

// LocalResponseNorm divides x, (N, C, H, W), by a function of its neighbours in
// size channels, as PyTorch's layer of the same name:
//
//	y[c] = x[c] / (k + alpha/size sum_j x[j]^2)^beta
//
// j from c - size/2 to c + (size-1)/2.
func LocalResponseNorm(x *Node, size int, alpha, beta, k float64) *Node {
	sum := apply(channelSum{size / 2, (size - 1) / 2}, Mul(x, x))
	return Mul(x, Power(Offset(Scale(sum, alpha/float64(size)), k), -beta))
}

func (o channelSum) String() string { return attributes("channel-sum", o.before, o.after) }

func (o channelSum) shape(in []tensor.Shape) (tensor.Shape, error) {
	if err := expect(in, 1); err != nil {
		return nil, err
	}
	if len(in[0]) != 4 || o.before < 0 || o.after < 0 {
		return nil, fmt.Errorf("%d channels before and %d after in %v", o.before, o.after, in[0])
	}
	return in[0].Clone(), nil
}

func (o channelSum) derive(in []*Node, out, grad *Node) []*Node {
	return []*Node{apply(channelSum{o.after, o.before}, grad)}
}

func (o channelSum) bind(in []tensor.Shape, out tensor.Shape) run {
	k := kernel.NewChannelSum(out[0], out[1], out[2]*out[3], o.before, o.after)
	return func(p *kernel.Pool, in [][]float32, out []float32) { k.Run(p, in[0], out) }
}

func (o channelSum) reference(in []Array, out Array) {
	area := out.Shape[2] * out.Shape[3]
	eachIndex(out.Shape, func(at int, i []int) {
		for c := max(0, i[1]-o.before); c <= min(out.Shape[1]-1, i[1]+o.after); c++ {
			out.Data[at] += in[0].Data[at+(c-i[1])*area]
		}
	})
}
