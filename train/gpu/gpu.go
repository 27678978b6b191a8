// Package gpu finds the GPUs of this computer and opens them: NVIDIA's through CUDA's driver, all
// others through OpenCL.
package gpu

import (
	"errors"
	"fmt"
	"strings"

	"github.com/distillmesh/distillmesh/train/gpu/cuda"
	"github.com/distillmesh/distillmesh/train/gpu/driver"
	"github.com/distillmesh/distillmesh/train/gpu/library"
	"github.com/distillmesh/distillmesh/train/gpu/opencl"
)

// ErrNone means that there is no such GPU here, or that it cannot be used.
var ErrNone = errors.New("no such GPU")

// Errors of a GPU at work, as package driver has them.
var (
	ErrMemory = driver.ErrMemory
	ErrLost   = driver.ErrLost
)

// Device is a device that a driver lists.
type Device struct {
	driver.Info
	// Reason says why it cannot be used; empty where it can.
	Reason string
	open   func() (driver.Device, error)
}

// Found is what was looked for, and found.
type Found struct {
	Devices []Device
	// Absent says, for each driver without devices, why: CUDA: library not loaded.
	Absent []string
}

// Find looks for devices, those of CUDA first, by both drivers.
func Find() Found {
	var f Found
	if !library.Built {
		f.Absent = []string{"this program was built without GPUs (tag nogpu): " + noDriver}
		return f
	}
	own, err := cuda.List()
	for _, d := range own {
		f.Devices = append(f.Devices, Device{d.Info, d.Reason, d.Open})
	}
	f.note("CUDA", len(own), err)
	others, err := opencl.List()
	for _, d := range others {
		f.Devices = append(f.Devices, Device{d.Info, d.Reason, d.Open})
	}
	f.note("OpenCL", len(others), err)
	return f
}

func (f *Found) note(name string, devices int, err error) {
	switch {
	case errors.Is(err, opencl.ErrNoDriver) && len(f.Devices) == 0: // else an MPS daemon may hide devices from it
		f.Absent = append(f.Absent, name+": "+noDriver)
	case err != nil:
		f.Absent = append(f.Absent, name+": "+oneLine(err))
	case devices == 0:
		f.Absent = append(f.Absent, name+": the driver lists no device")
	}
}

// oneLine is an error without line breaks. What every computer without a driver says is short.
func oneLine(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if errors.Is(err, library.ErrAbsent) && strings.Contains(text, "No such file") {
		return noDriver
	}
	return text
}

// noDriver is what is said of a driver that is not there.
const noDriver = "no driver installed"

// NoDriver reports whether no driver is installed, nor was the program built without them.
func (f Found) NoDriver() bool {
	for _, reason := range f.Absent {
		if !strings.HasSuffix(reason, noDriver) {
			return false
		}
	}
	return true
}

// OnlyProcessors reports whether nothing but processors was found, and nothing that failed.
func (f Found) OnlyProcessors() bool {
	for _, d := range f.Devices {
		if !d.CPU {
			return false
		}
	}
	return len(f.Devices) > 0 && f.NoDriver()
}

// WithoutGPU reports whether this is a computer without a GPU, as far as its drivers say: there is nothing to tell
// whoever uses it.
func (f Found) WithoutGPU() bool { return len(f.Devices) == 0 && f.NoDriver() || f.OnlyProcessors() }

// ByID is the device of an ID, such as cuda:0. It fails with ErrNone and the reason.
func (f Found) ByID(id string) (Device, error) {
	var have []string
	for _, d := range f.Devices {
		if d.ID == id {
			if d.Reason != "" {
				return d, fmt.Errorf("%w: %s: %s", ErrNone, id, d.Reason)
			}
			return d, nil
		}
		have = append(have, d.ID)
	}
	kind, _, _ := strings.Cut(id, ":")
	var reasons []string
	for _, absent := range f.Absent {
		if name, _, _ := strings.Cut(absent, ":"); len(have) == 0 || strings.EqualFold(name, kind) {
			reasons = append(reasons, absent)
		}
	}
	if len(have) > 0 {
		reasons = append(reasons, "there are "+strings.Join(have, ", "))
	}
	return Device{}, fmt.Errorf("%w: %s: %s", ErrNone, id, strings.Join(reasons, "; "))
}

// Candidates are the GPUs to try where nobody says which, in this order: those of CUDA, then those of OpenCL that are
// no processors. The error says why there are none.
func (f Found) Candidates() ([]Device, error) {
	var out []Device
	for _, d := range f.Devices {
		if d.Reason == "" && !d.CPU {
			out = append(out, d)
		}
	}
	if len(out) > 0 {
		return out, nil
	}
	reasons := append([]string(nil), f.Absent...)
	for _, d := range f.Devices {
		switch {
		case d.Reason != "":
			reasons = append(reasons, d.ID+": "+d.Reason)
		case d.CPU:
			reasons = append(reasons, d.ID+" is a processor")
		}
	}
	return nil, fmt.Errorf("%w: %s", ErrNone, strings.Join(reasons, "; "))
}

// Open opens the device.
func (d Device) Open() (driver.Device, error) {
	if d.Reason != "" {
		return nil, fmt.Errorf("%w: %s: %s", ErrNone, d.ID, d.Reason)
	}
	o, err := d.open()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNone, err)
	}
	return o, nil
}
