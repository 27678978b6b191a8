// Package engine opens the engine of a device.
package engine

import (
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/graph/cpu"
	"github.com/distillmesh/distillmesh/train/graph/tape"
)

// Open is an engine on the device. Results of the processor do not depend on the
// number of workers. It fails with device.ErrUnavailable.
func Open(c device.Choice) (graph.Engine, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	if c.Name == device.Gorgonia {
		return tape.Engine{}, nil
	}
	return cpu.New(c.Workers), nil
}
