// Package device names the devices that can compute, for flags, plans and
// requests. Package engine opens them.
package device

import (
	"errors"
	"fmt"
	"strings"
)

// The devices.
const (
	Auto     = "auto"     // the fastest available one; the empty name means it too
	CPU      = "cpu"      // this computer's processor
	Gorgonia = "gorgonia" // float64 references on Gorgonia's tape machine, to check results by; very slow
)

// Names lists the devices, for flags and messages.
var Names = []string{Auto, CPU, Gorgonia}

// ErrUnavailable means that the requested device is not available.
var ErrUnavailable = errors.New("no such device")

// Choice is where work runs. The zero value is the fastest available device, on all
// cores.
type Choice struct {
	Name    string `json:"device,omitempty"`  // one of Names
	Workers int    `json:"workers,omitempty"` // cores of the processor; 0 for all
}

// Check fails with ErrUnavailable unless the device is available.
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
