// Package ptxtest runs PTX on the processor, slowly and with every access checked, as a device for
// tests: memory out of bounds, races in shared memory, and barriers that not all reach are errors.
package ptxtest

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/distillmesh/distillmesh/train/gpu/driver"
)

// device is a pretended GPU.
type device struct {
	buffers []*buffer // by address
	last    *buffer
	next    uint64
	broken  string // an instruction that computes a little wrongly
}

var _ driver.Device = (*device)(nil)

// New is a device without memory in use.
func New() driver.Device { return &device{next: 1 << 32} }

// Break makes an instruction of the kernels that are built from now on compute wrongly by a hundredth.
func Break(d driver.Device, instruction string) { d.(*device).broken = instruction }

// Info implements driver.Device.
func (*device) Info() driver.Info {
	return driver.Info{Name: "PTX interpreter", ID: "ptx:0", Memory: 1 << 30, Version: "PTX 6.3", Units: 1, CPU: true}
}

// Language implements driver.Device.
func (*device) Language() driver.Language { return driver.PTX }

// Sync implements driver.Device.
func (*device) Sync() error { return nil }

// Close implements driver.Device.
func (*device) Close() {}

// buffer is memory at an address, which no other buffer is near to.
type buffer struct {
	device *device
	start  uint64
	memory []byte
}

// Alloc implements driver.Device.
func (d *device) Alloc(n int) (driver.Buffer, error) {
	b := &buffer{d, d.next, make([]byte, 4*n)}
	d.next += uint64(4*n)/4096*4096 + 8192
	d.buffers = append(d.buffers, b)
	return b, nil
}

// at is n bytes at an address.
func (d *device) at(address uint64, n int) ([]byte, error) {
	b := d.last
	if b == nil || address < b.start || address >= b.start+uint64(len(b.memory)) {
		i, found := slices.BinarySearchFunc(d.buffers, address, func(b *buffer, a uint64) int {
			switch {
			case b.start < a:
				return -1
			case b.start > a:
				return 1
			}
			return 0
		})
		if !found {
			i--
		}
		if i < 0 {
			return nil, fmt.Errorf("address %#x is in no buffer", address)
		}
		b = d.buffers[i]
	}
	if address+uint64(n) > b.start+uint64(len(b.memory)) {
		return nil, fmt.Errorf("address %#x is %d bytes into a buffer of %d", address, address-b.start, len(b.memory))
	}
	d.last = b
	return b.memory[address-b.start:], nil
}

// Len implements driver.Buffer.
func (b *buffer) Len() int { return len(b.memory) / 4 }

// Write implements driver.Buffer.
func (b *buffer) Write(at int, values []float32) error {
	if err := driver.CheckSpan(b, at, len(values)); err != nil {
		return err
	}
	for i, v := range values {
		binary.LittleEndian.PutUint32(b.memory[4*(at+i):], math.Float32bits(v))
	}
	return nil
}

// Read implements driver.Buffer.
func (b *buffer) Read(at int, into []float32) error {
	if err := driver.CheckSpan(b, at, len(into)); err != nil {
		return err
	}
	for i := range into {
		into[i] = math.Float32frombits(binary.LittleEndian.Uint32(b.memory[4*(at+i):]))
	}
	return nil
}

// Copy implements driver.Buffer.
func (b *buffer) Copy(at int, from driver.Buffer, place, n int) error {
	if err := driver.CheckSpan(b, at, n); err != nil {
		return err
	}
	if err := driver.CheckSpan(from, place, n); err != nil {
		return err
	}
	copy(b.memory[4*at:4*(at+n)], from.(*buffer).memory[4*place:])
	return nil
}

// Free implements driver.Buffer.
func (b *buffer) Free() {
	b.device.last = nil
	b.device.buffers = slices.DeleteFunc(b.device.buffers, func(other *buffer) bool { return other == b })
}

// module is a device's kernels.
type module struct{ *Text }

// kernel is one of them.
type kernel struct{ *entry }

// Name implements driver.Kernel.
func (k kernel) Name() string { return k.name }

// Build implements driver.Device.
func (d *device) Build(source string) (driver.Module, error) {
	m, err := Parse(source)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", driver.ErrBuild, err)
	}
	m.Break(d.broken)
	return module{m}, nil
}

// Kernel implements driver.Module.
func (m module) Kernel(name string) (driver.Kernel, error) {
	e, err := m.entry(name)
	if err != nil {
		return nil, err
	}
	return kernel{e}, nil
}

// Free implements driver.Module.
func (module) Free() {}

// Launch implements driver.Device.
func (d *device) Launch(launches ...driver.Launch) error {
	for _, l := range launches {
		params := make([][]byte, len(l.Args))
		for i, a := range l.Args {
			if params[i] = a.Bytes; a.Buffer != nil {
				params[i] = binary.LittleEndian.AppendUint64(nil, a.Buffer.(*buffer).start)
			}
		}
		if err := l.Kernel.(kernel).run(l.Groups, params, d.at); err != nil {
			return err
		}
	}
	return nil
}

// recording is launches to run again.
type recording struct {
	*device
	launches []driver.Launch
}

// Record implements driver.Device.
func (d *device) Record(launches []driver.Launch) (driver.Recording, error) {
	return &recording{d, slices.Clone(launches)}, nil
}

// Run implements driver.Recording.
func (r *recording) Run() error { return r.Launch(r.launches...) }

// Free implements driver.Recording.
func (*recording) Free() {}

// Buffers is the number of buffers that a device holds.
func Buffers(d driver.Device) int { return len(d.(*device).buffers) }
