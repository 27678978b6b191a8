package nn

import (
	"fmt"

	"github.com/distillmesh/distillmesh/train/graph"
)

// lenet is LeNet-5 as FedD3 trains it: 5x5 convolutions to 6 (padded by 2) and
// 16 maps, each with ReLU and 2x2 max-pooling, then 120, 84 and the classes.
// 61,706 parameters for 1x28x28 and ten classes.
func lenet(n *Network, option string) error {
	h, w := (n.Shape.H/2-4)/2, (n.Shape.W/2-4)/2
	if option != "" {
		return fmt.Errorf("%w: lenet takes no option", ErrUnknown)
	}
	if h < 1 || w < 1 {
		return fmt.Errorf("%w: %v, want at least 12 x 12 values per channel", ErrShape, n.Shape)
	}
	n.conv("conv1", n.Shape.C, 6, 5)
	n.conv("conv2", 6, 16, 5)
	n.linear("fc1", 16*h*w, 120)
	n.linear("fc2", 120, 84)
	n.linear("fc3", 84, n.Classes)
	n.features = func(x *graph.Node, p []*graph.Node) *graph.Node {
		x = graph.MaxPool(graph.Relu(applyConv(x, p[0], p[1], 2)), 2, 2)
		x = graph.MaxPool(graph.Relu(applyConv(x, p[2], p[3], 0)), 2, 2)
		x = graph.Relu(applyLinear(flatten(x), p[4], p[5]))
		return graph.Relu(applyLinear(x, p[6], p[7]))
	}
	return nil
}
