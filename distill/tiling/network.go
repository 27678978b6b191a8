package tiling

import (
	"fmt"

	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/nn"
)

// Network is the ConvNet of a width with which a method compares tiles and
// samples. It fails with nn.ErrShape if they are too small, or not images.
func Network(s *data.Samples, width int) (*nn.Network, error) {
	if s.Shape.IsTable() {
		return nil, fmt.Errorf("%w: the method needs images, these are rows of a table", nn.ErrShape)
	}
	return nn.ConvNet3(s.Shape, s.Classes, width, 1)
}
