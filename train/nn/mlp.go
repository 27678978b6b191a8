package nn

import (
	"fmt"

	"github.com/distillmesh/distillmesh/train/graph"
)

// mlpWidth is the width of both hidden layers: the "2NN" that federated
// averaging was introduced with (McMahan et al. 2017), 199,210 parameters for
// 28x28 images and ten classes.
const mlpWidth = 200

// mlp is a perceptron with two hidden layers and ReLU, for samples of any shape.
func mlp(n *Network, option string) error {
	if option != "" {
		return fmt.Errorf("%w: mlp takes no option", ErrUnknown)
	}
	n.linear("fc1", n.Shape.Size(), mlpWidth)
	n.linear("fc2", mlpWidth, mlpWidth)
	n.linear("fc3", mlpWidth, n.Classes)
	n.features = func(x *graph.Node, p []*graph.Node) *graph.Node {
		x = graph.Relu(applyLinear(flatten(x), p[0], p[1]))
		return graph.Relu(applyLinear(x, p[2], p[3]))
	}
	return nil
}
