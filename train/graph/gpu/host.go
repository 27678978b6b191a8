// Package gpu is the engine of expressions on a GPU. A compiled program is a list of launches, replayed
// as one: products and convolutions by fixed kernels, chains of functions of single values and
// their sums by kernels made for the program. Variables, programs and what they compute
// stay on the device.
//
// A device is opened once, as a Host. Its engines share its kernels and its queue. Engines of one
// Group are lanes: where they run equal programs at the same time, one replay computes all of them.
package gpu

import (
	"errors"
	"fmt"
	"sync"

	"github.com/distillmesh/distillmesh/train/gpu/driver"
	"github.com/distillmesh/distillmesh/train/graph"
)

// Host is an opened device with the kernels it has been given. Goroutines may use its engines at
// the same time.
type Host struct {
	mu     sync.Mutex // of everything below, and of all groups
	device driver.Device
	builds *builds
}

// NewHost is a host on an opened device, which Close closes.
func NewHost(d driver.Device) *Host { return &Host{device: d, builds: newBuilds(d)} }

// Info is the device's.
func (h *Host) Info() driver.Info { return h.device.Info() }

// Engine is an engine of its own.
func (h *Host) Engine() (graph.Engine, error) {
	g, err := h.Group(1)
	if err != nil {
		return nil, err
	}
	return g.Join()
}

// Lost reports whether the device no longer answers. It waits for queued work.
func (h *Host) Lost() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return errors.Is(h.device.Sync(), driver.ErrLost)
}

// Close closes the device. What engines of it do afterwards fails.
func (h *Host) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.device.Close()
}

// name is the name of the host's engines.
func (h *Host) name() string { return fmt.Sprintf("%s %s", h.Info().ID, h.Info().Name) }
