// Package device opens the engine that a person asked for by name.
package device

import (
	"errors"
	"fmt"
	"strings"

	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/graph/cpu"
	"github.com/distillmesh/distillmesh/train/graph/tape"
)

// The devices.
const (
	Auto     = "auto"     // the fastest there is; empty means it too
	CPU      = "cpu"      // this computer's processor
	Gorgonia = "gorgonia" // float64 references on Gorgonia's tape machine, to check results by; very slow
)

// Names lists the devices, for flags and messages.
var Names = []string{Auto, CPU, Gorgonia}

// ErrUnavailable means that the device asked for cannot be had here.
var ErrUnavailable = errors.New("no such device")

// Choice is where work is to run. The zero value is the fastest device there is, on
// all cores.
type Choice struct {
	Name    string `json:"device,omitempty"`  // one of Names
	Workers int    `json:"workers,omitempty"` // cores of the processor; 0 for all
}

// Check fails with ErrUnavailable unless Open could give the device.
func (c Choice) Check() error {
	switch c.Name {
	case "", Auto, CPU, Gorgonia:
		return nil
	}
	return fmt.Errorf("%w: %q: there are %s", ErrUnavailable, c.Name, strings.Join(Names, ", "))
}

// Open is an engine on the device. Results of the processor do not depend on the
// number of workers.
func (c Choice) Open() (graph.Engine, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	if c.Name == Gorgonia {
		return tape.Engine{}, nil
	}
	return cpu.New(c.Workers), nil
}

// Explain says what was chosen and why, in one line.
func (c Choice) Explain() string {
	switch c.Name {
	case Gorgonia:
		return "gorgonia: float64 references, to check results by"
	case CPU:
		return "cpu, as asked"
	}
	return "cpu: this program has no engine for GPUs"
}
