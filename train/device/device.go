// Package device names where work is computed: a choice that flags, plans and
// requests carry. Package engine opens it.
package device

import (
	"errors"
	"fmt"
	"strings"
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

// Check fails with ErrUnavailable unless there is such a device.
func (c Choice) Check() error {
	switch c.Name {
	case "", Auto, CPU, Gorgonia:
		return nil
	}
	return fmt.Errorf("%w: %q: there are %s", ErrUnavailable, c.Name, strings.Join(Names, ", "))
}

// Explain says why the device was chosen, in one line.
func (c Choice) Explain() string {
	switch c.Name {
	case Gorgonia:
		return "float64 references, to check results by"
	case CPU:
		return "as asked"
	}
	return "this program has no engine for GPUs"
}
