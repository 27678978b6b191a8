package nn

import (
	"fmt"

	"github.com/distillmesh/distillmesh/train/graph"
)

// alexnet is FedD3's network for CIFAR-10 (fedd3.md 1.5): two 5x5 convolutions
// to 64 maps with overlapping max-pooling and response norm, the second pair
// the other way round, then 384, 192 and the classes. 1,756,426 parameters for
// 3x32x32 and ten classes.
func alexnet(n *Network, option string) error {
	const maps = 64
	if option != "" {
		return fmt.Errorf("%w: alexnet takes no option", ErrUnknown)
	}
	if n.Shape.H < 4 || n.Shape.W < 4 {
		return fmt.Errorf("%w: %v, want at least 4 x 4 values per channel", ErrShape, n.Shape)
	}
	h, w := halfUp(halfUp(n.Shape.H)), halfUp(halfUp(n.Shape.W))
	n.conv("conv1", n.Shape.C, maps, 5)
	n.conv("conv2", maps, maps, 5)
	n.linear("fc1", maps*h*w, 384)
	n.linear("fc2", 384, 192)
	n.linear("fc3", 192, n.Classes)
	norm := func(x *graph.Node) *graph.Node { return graph.LocalResponseNorm(x, 4, 0.001/9, 0.75, 1) }
	pool := func(x *graph.Node) *graph.Node { return graph.MaxPoolPadded(x, 3, 2, 1) }
	n.features = func(x *graph.Node, p []*graph.Node) *graph.Node {
		x = norm(pool(graph.Relu(applyConv(x, p[0], p[1], 2))))
		x = pool(norm(graph.Relu(applyConv(x, p[2], p[3], 2))))
		x = graph.Relu(applyLinear(flatten(x), p[4], p[5]))
		return graph.Relu(applyLinear(x, p[6], p[7]))
	}
	return nil
}

// halfUp is the side of maps after windows of 3, 2 apart, with a margin of 1:
// half, rounded up.
func halfUp(side int) int { return (side + 1) / 2 }
