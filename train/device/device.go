// Package device names the devices that can compute, for flags, plans and
// requests. Package engine opens them.
package device

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/distillmesh/distillmesh/train/parallel"
)

// The devices.
const (
	Auto     = "auto"     // a GPU where one can be used, else the processor; package engine decides
	CPU      = "cpu"      // this computer's processor; the empty name means it too
	Gorgonia = "gorgonia" // float64 references on Gorgonia's tape machine, to check results by; very slow
)

// Names lists the devices, for flags and messages.
var Names = []string{Auto, CPU, "cuda:N", "opencl:N", Gorgonia}

// ErrUnavailable means that the requested device is not available, or not for this
// work.
var ErrUnavailable = errors.New("device not available")

// MaxWorkers is the largest number of workers that may be asked for.
const MaxWorkers = 1024

// ErrWorkers means that a number of workers is none.
var ErrWorkers = errors.New("number of workers")

// Choice is where work runs. The zero value is the processor, on all cores.
type Choice struct {
	Name    string `json:"device,omitempty"`  // auto, cpu, gorgonia, or the ID of a GPU: cuda:0, opencl:1
	Workers int    `json:"workers,omitempty"` // cores of the processor; 0 for all
	// Found is what auto stands for here, where package engine has decided it.
	Found string `json:"-"`
	// Group, where it is not nil, is what package engine made for runs that compute side by side on a GPU.
	Group any `json:"-"`
}

// Chosen is the name, or what auto stands for.
func (c Choice) Chosen() string {
	switch {
	case c.Name == Auto && c.Found != "":
		return c.Found
	case c.Name == "" || c.Name == Auto:
		return CPU
	}
	return c.Name
}

// Lanes is how many runs of a study, a ranking or a method compute side by side on a GPU: small networks leave most
// of it idle.
const Lanes = 16

// Runs is how many runs to do at the same time: one per core, or Lanes on a GPU.
func (c Choice) Runs() int {
	if c.GPU() {
		return Lanes
	}
	return parallel.Workers(c.Workers)
}

// With is the same device with a number of workers.
func (c Choice) With(workers int) Choice {
	c.Workers = workers
	return c
}

// Check fails with ErrUnavailable unless the name is one of a device, here or elsewhere, and with ErrWorkers
// unless Workers is 0 to MaxWorkers.
func (c Choice) Check() error {
	if c.Workers < 0 || c.Workers > MaxWorkers {
		return fmt.Errorf("%w: %d, want 1 to %d, or 0 for all cores", ErrWorkers, c.Workers, MaxWorkers)
	}
	switch c.Name {
	case "", Auto, CPU, Gorgonia:
		return nil
	}
	if isGPU(c.Name) {
		return nil
	}
	return fmt.Errorf("%w: %q: there are %s", ErrUnavailable, c.Name, strings.Join(Names, ", "))
}

// GPU reports whether a GPU was chosen.
func (c Choice) GPU() bool { return isGPU(c.Chosen()) }

func isGPU(name string) bool {
	kind, number, ok := strings.Cut(name, ":")
	n, err := strconv.Atoi(number)
	return ok && (kind == "cuda" || kind == "opencl") && err == nil && n >= 0 && n < 1024 && strconv.Itoa(n) == number
}

// Engine is the name of the engine if its results may differ from those of the
// processor, whose engine has none: an empty name. It stands for every GPU of a kind.
func (c Choice) Engine() string {
	if c.Chosen() == CPU {
		return ""
	}
	kind, _, _ := strings.Cut(c.Chosen(), ":")
	return kind
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
// for. It is for work that has no other: name says which. Auto asks for none.
func (c Choice) RequireCPU(name string) error {
	if e := c.Engine(); e != "" && c.Name != Auto {
		return fmt.Errorf("%w: %s is computed on the processor alone, not by %s", ErrUnavailable, name, e)
	}
	return nil
}
