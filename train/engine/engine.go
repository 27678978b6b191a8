// Package engine opens the engine of a device.
package engine

import (
	"errors"
	"fmt"
	"sync"

	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/gpu"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/graph/cpu"
	offload "github.com/distillmesh/distillmesh/train/graph/gpu"
	"github.com/distillmesh/distillmesh/train/graph/tape"
)

// Open is an engine on the device. Results of the processor do not depend on the
// number of workers. It fails with device.ErrUnavailable.
func Open(c device.Choice) (graph.Engine, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	switch {
	case c.Name == device.Gorgonia:
		return tape.Engine{}, nil
	case !c.GPU():
		return cpu.New(c.Workers), nil
	}
	if g, together := c.Group.(*offload.Group); together {
		if e, err := g.Join(); !errors.Is(err, offload.ErrFull) {
			return e, err
		}
	}
	h, err := host(c.Chosen())
	if err != nil {
		return nil, err
	}
	e, err := h.Engine()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", device.ErrUnavailable, err)
	}
	return e, nil
}

// hosts are the GPUs that this process has opened. They stay open: opening one and building its kernels takes
// seconds.
var hosts = struct {
	sync.Mutex
	opened map[string]*offload.Host
}{opened: make(map[string]*offload.Host)}

// host is an opened GPU that has passed its self-test. One that was lost is opened again, and one that could not be
// opened is tried again: processes of days live through a driver's reset, and other programs' use of all memory.
func host(id string) (*offload.Host, error) {
	hosts.Lock()
	defer hosts.Unlock()
	h := hosts.opened[id]
	if h != nil && h.Lost() {
		delete(hosts.opened, id)
		h.Close()
		h = nil
	}
	if h != nil {
		return h, nil
	}
	found, err := gpu.Find().ByID(id)
	if err == nil {
		h, err = openHost(found)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", device.ErrUnavailable, err)
	}
	hosts.opened[id] = h
	return h, nil
}

func openHost(found gpu.Device) (*offload.Host, error) {
	d, err := found.Open()
	if err != nil {
		return nil, err
	}
	h := offload.NewHost(d)
	if err := h.SelfTest(); err != nil {
		h.Close()
		return nil, fmt.Errorf("%s %s failed its self-test: %w", found.ID, found.Name, err)
	}
	return h, nil
}

// Resolve decides what auto stands for: a GPU that passes its self-test, else the processor. The reason is one
// line, empty where no GPU has a driver. Other choices stay as they are; they fail with device.ErrUnavailable where
// the device cannot be had.
func Resolve(c device.Choice) (device.Choice, string, error) {
	if err := c.Check(); err != nil {
		return c, "", err
	}
	if c.Name != device.Auto {
		if c.GPU() {
			h, err := host(c.Name)
			if err != nil {
				return c, "", err
			}
			return c, h.Info().Name + ", which passed its self-test", nil
		}
		return c, "", nil
	}
	c.Found = device.CPU
	found := gpu.Find()
	best, err := first(found, func(d gpu.Device) error {
		_, err := host(d.ID)
		return err
	})
	switch {
	case err == nil:
		c.Found = best.ID
		return c, best.Name + ", which passed its self-test", nil
	case found.WithoutGPU():
		return c, "", nil
	}
	return c, err.Error(), nil
}

// Usable is the GPU that auto would choose among those found, opened, tested and closed again; the error says why
// there is none. It is for a process that computes nothing on it itself.
func Usable(found gpu.Found) (gpu.Device, error) {
	return first(found, func(d gpu.Device) error {
		h, err := openHost(d)
		if err == nil {
			h.Close()
		}
		return err
	})
}

// first is the first GPU that opens. Where none does, it is the first that was tried, and the error says why of each.
func first(found gpu.Found, open func(gpu.Device) error) (gpu.Device, error) {
	list, err := found.Candidates()
	if err != nil {
		return gpu.Device{}, err
	}
	var failed error
	for _, d := range list {
		err := open(d)
		switch {
		case err == nil:
			return d, nil
		case failed == nil:
			failed = err
		default:
			failed = fmt.Errorf("%w; %w", failed, err)
		}
	}
	return list[0], failed
}

// Together is a choice whose engines compute side by side, n at most at the same time: one replay for all that
// run equal programs. The processor needs no such thing, and gets its choice back.
func Together(c device.Choice, n int) (device.Choice, error) {
	if !c.GPU() || n < 2 {
		return c, nil
	}
	h, err := host(c.Chosen())
	if err != nil {
		return c, err
	}
	g, err := h.Group(n)
	if err != nil {
		return c, fmt.Errorf("%w: %w", device.ErrUnavailable, err)
	}
	c.Group = g
	return c, nil
}
