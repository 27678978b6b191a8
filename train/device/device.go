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

// ErrUnavailable means that the requested device is not available, or not for this
// work.
var ErrUnavailable = errors.New("device not available")

// MaxWorkers is the largest number of workers that may be asked for.
const MaxWorkers = 1024

// ErrWorkers means that a number of workers is none.
var ErrWorkers = errors.New("number of workers")

// Choice is where work runs. The zero value is the fastest available device, on all
// cores.
type Choice struct {
	Name    string `json:"device,omitempty"`  // one of Names
	Workers int    `json:"workers,omitempty"` // cores of the processor; 0 for all
}

// Check fails with ErrUnavailable unless the device is available, and with ErrWorkers
// unless Workers is 0 to MaxWorkers.
func (c Choice) Check() error {
	if c.Workers < 0 || c.Workers > MaxWorkers {
		return fmt.Errorf("%w: %d, want 1 to %d, or 0 for all cores", ErrWorkers, c.Workers, MaxWorkers)
	}
	switch c.Name {
	case "", Auto, CPU, Gorgonia:
		return nil
	}
	return fmt.Errorf("%w: %q: there are %s", ErrUnavailable, c.Name, strings.Join(Names, ", "))
}

// Engine is the name of the engine if its results may differ from those of the
// processor, whose engine has none: an empty name.
func (c Choice) Engine() string {
	switch c.Name {
	case "", Auto, CPU:
		return ""
	}
	return c.Name
}

// Identity is the identity of work on the device, for states and caches: that of the
// same work on the processor, with the name of the engine behind it where it has one.
func (c Choice) Identity(work string) string {
	if e := c.Engine(); e != "" {
		return work + "-" + e
	}
	return work
}

// RequireCPU fails with ErrUnavailable if another engine than the processor's is asked
// for. It is for work that has no other: name says which.
func (c Choice) RequireCPU(name string) error {
	if e := c.Engine(); e != "" {
		return fmt.Errorf("%w: %s is computed on the processor alone, not by %s", ErrUnavailable, name, e)
	}
	return nil
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
