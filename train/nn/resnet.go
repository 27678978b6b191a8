package nn

import (
	"fmt"

	"github.com/distillmesh/distillmesh/train/graph"
)

// resnet18 is the residual network of He et al. 2016 as distillation papers
// use it on small images: a 3x3 stem without pooling, four stages of two
// blocks with 64, 128, 256 and 512 maps, instance norm in the place of batch
// norm, a global mean. Convolutions have no bias. 11,173,962 parameters for
// 3x32x32 and ten classes.
func resnet18(n *Network, option string) error {
	if option != "" {
		return fmt.Errorf("%w: resnet18 takes no option", ErrUnknown)
	}
	return n.resnet(64, 4, 2)
}

// resnet has stages of blocks, the first of the given width and each later one
// twice as wide at half the resolution.
func (n *Network) resnet(width, stages, blocks int) error {
	if n.Shape.H < 8 || n.Shape.W < 8 {
		return fmt.Errorf("%w: %v, want at least 8 x 8 values per channel", ErrShape, n.Shape)
	}
	n.normedConv("stem", n.Shape.C, width, 3)
	var shape []residual
	in := width
	for stage := range stages {
		for b := range blocks {
			r := residual{in: in, out: width << stage, stride: 1}
			if stage > 0 && b == 0 {
				r.stride = 2
			}
			r.params(n, fmt.Sprintf("stage%d.block%d", stage+1, b+1))
			shape, in = append(shape, r), r.out
		}
	}
	n.linear("fc", in, n.Classes)
	n.features = func(x *graph.Node, p []*graph.Node) *graph.Node {
		x = graph.Relu(applyNormedConv(x, p, 1, 1))
		p = p[3:]
		for _, r := range shape {
			x = r.apply(x, p)
			p = p[r.count():]
		}
		return flatten(graph.GlobalMean(x))
	}
	return nil
}

// residual is one block: two normed convolutions and a shortcut around them,
// which is a normed 1x1 convolution where the shape changes.
type residual struct{ in, out, stride int }

func (r residual) straight() bool { return r.in == r.out && r.stride == 1 }

// count is the number of parameter arrays: three per normed convolution.
func (r residual) count() int {
	if r.straight() {
		return 6
	}
	return 9
}

func (r residual) params(n *Network, name string) {
	n.normedConv(name+".a", r.in, r.out, 3)
	n.normedConv(name+".b", r.out, r.out, 3)
	if !r.straight() {
		n.normedConv(name+".around", r.in, r.out, 1)
	}
}

func (r residual) apply(x *graph.Node, p []*graph.Node) *graph.Node {
	y := graph.Relu(applyNormedConv(x, p, r.stride, 1))
	y = applyNormedConv(y, p[3:], 1, 1)
	if !r.straight() {
		x = applyNormedConv(x, p[6:], r.stride, 0)
	}
	return graph.Relu(graph.Add(y, x))
}

// normedConv adds the parameters of a convolution without bias and of the
// instance norm after it.
func (n *Network) normedConv(name string, in, out, size int) {
	n.Params = append(n.Params, Param{Name: name + ".conv.weight", Shape: []int{out, in, size, size},
		FanIn: in * size * size})
	n.norm(name+".norm", out)
}

// applyNormedConv uses the first three of p.
func applyNormedConv(x *graph.Node, p []*graph.Node, stride, pad int) *graph.Node {
	return graph.InstanceNorm(graph.Conv2D(x, p[0], stride, pad), p[1], p[2])
}
