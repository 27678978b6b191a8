package nn

import (
	"fmt"
	"strconv"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
)

// convBlocks is the depth of convnet3.
const convBlocks = 3

// Widths of convnet3: what its plain name means, and the largest.
const (
	convWidth    = 128
	maxConvWidth = 4096
)

// convnet3 is ConvNetD3, the network of most distillation papers: three blocks
// of a 3x3 convolution, instance norm, ReLU and 2x2 mean-pooling, then one
// linear layer. The option is the width; 28 x 28 images get a margin of 3 in
// the first layer, so that their maps are 16, 8 and 4 wide as those of 32 x 32
// images. 317,706 parameters for 1x28x28, 320,010 for 3x32x32, at width 128.
func convnet3(n *Network, option string) error {
	width, pad := convWidth, 1
	if option != "" {
		w, err := strconv.Atoi(option)
		if err != nil || w < 1 || w > maxConvWidth || strconv.Itoa(w) != option {
			return fmt.Errorf("%w: want convnet3:WIDTH, 1 to %d", ErrUnknown, maxConvWidth)
		}
		width = w
	}
	if n.Shape.H == 28 && n.Shape.W == 28 {
		pad = 3
	}
	return n.convnet(width, pad)
}

// ConvNet3 is convnet3 with the margin of the first layer given: distribution
// matching embeds with a margin of 1 whatever the size.
func ConvNet3(shape data.Shape, classes, width, pad int) (*Network, error) {
	n := &Network{Name: fmt.Sprintf("convnet3:%d, margin %d", width, pad), Shape: shape, Classes: classes}
	if err := n.convnet(width, pad); err != nil {
		return nil, fmt.Errorf("%s: %w", n.Name, err)
	}
	return n, nil
}

func (n *Network) convnet(width, pad int) error {
	h, w, in := n.Shape.H+2*(pad-1), n.Shape.W+2*(pad-1), n.Shape.C
	for b := range convBlocks {
		name := fmt.Sprint("block", b+1)
		n.conv(name+".conv", in, width, 3)
		n.norm(name+".norm", width)
		h, w, in = h/2, w/2, width
	}
	if h < 1 || w < 1 {
		return fmt.Errorf("%w: %v, want at least 8 x 8 values per channel", ErrShape, n.Shape)
	}
	n.linear("fc", width*h*w, n.Classes)
	n.features = func(x *graph.Node, p []*graph.Node) *graph.Node {
		for b := range convBlocks {
			p, margin := p[4*b:], 1
			if b == 0 {
				margin = pad
			}
			x = graph.Relu(graph.InstanceNorm(applyConv(x, p[0], p[1], margin), p[2], p[3]))
			x = graph.MeanPool(x, 2)
		}
		return flatten(x)
	}
	return nil
}
