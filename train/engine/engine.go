// Package engine opens the engine of a device.
package engine

import (
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/graph/cpu"
	"github.com/distillmesh/distillmesh/train/graph/tape"
)

// Open is an engine on a device. Results of the processor do not depend on the
// number of workers. It fails with device.ErrUnavailable.
func Open(on device.Choice) (graph.Engine, error) {
	if err := on.Check(); err != nil {
		return nil, err
	}
	if on.Name == device.Gorgonia {
		return tape.Engine{}, nil
	}
	return cpu.New(on.Workers), nil
}
