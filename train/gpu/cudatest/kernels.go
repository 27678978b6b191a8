//go:build linux && (amd64 || arm64) && !nogpu

package cudatest

import (
	"fmt"
	"unsafe"

	"github.com/ebitengine/purego"

	"github.com/distillmesh/distillmesh/train/gpu/ptxtest"
)

// Codes of the driver's.
const (
	invalidPTX     = 218
	illegalAddress = 700
	launchFailed   = 719
)

// launch is what the library says of one.
type launch struct {
	module  uintptr
	kernel  *byte
	grid    [3]uint64
	params  *byte
	sizes   *int32
	count   uint64
	buffers *buffer
	held    uint64
}

type buffer struct {
	start, bytes uint64
	host         *byte
	context      uintptr
}

// register has the library call this process for what PTX means.
func (d *Driver) register() {
	d.lib.Find("standin_callbacks").Call(purego.NewCallback(d.load), purego.NewCallback(d.params),
		purego.NewCallback(d.run))
}

// load parses the text of a module.
func (d *Driver) load(module uintptr, text, log *byte, size uintptr) uintptr {
	d.mu.Lock()
	defer d.mu.Unlock()
	t, err := ptxtest.Parse(goString(text))
	if err != nil {
		if log != nil && size > 0 {
			copy(unsafe.Slice(log, size-1), "ptxas fatal : "+err.Error())
		}
		return invalidPTX
	}
	t.Break(d.broken)
	d.texts[module] = t
	return 0
}

// params writes the sizes of a kernel's parameters and returns their number, -1 where there is no such kernel.
func (d *Driver) params(module uintptr, kernel *byte, sizes *int32, most uintptr) uintptr {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.texts[module]
	if t == nil {
		return ^uintptr(0)
	}
	have, err := t.Params(goString(kernel))
	if err != nil || len(have) > int(most) {
		return ^uintptr(0)
	}
	for i, n := range have {
		unsafe.Slice(sizes, most)[i] = int32(n)
	}
	return uintptr(len(have))
}

// run runs a launch on the library's memory. What is wrong with it ends the context.
func (d *Driver) run(l *launch) uintptr {
	d.mu.Lock()
	t := d.texts[l.module]
	d.mu.Unlock()
	if t == nil {
		return launchFailed
	}
	var params [][]byte
	at := 0
	for _, n := range unsafe.Slice(l.sizes, l.count) {
		params = append(params, unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(l.params), at)), n))
		at += int(n)
	}
	err := t.Run(goString(l.kernel), [3]int{int(l.grid[0]), int(l.grid[1]), int(l.grid[2])}, params, l.memory())
	if err != nil {
		d.mu.Lock()
		d.errs = append(d.errs, err)
		d.mu.Unlock()
		return illegalAddress
	}
	return 0
}

// memory finds an address in the library's buffers, the last one first.
func (l *launch) memory() ptxtest.Memory {
	buffers, last := unsafe.Slice(l.buffers, l.held), 0
	return func(address uint64, n int) ([]byte, error) {
		for i := range buffers {
			at := (last + i) % len(buffers)
			if b := &buffers[at]; address >= b.start && address+uint64(n) <= b.start+b.bytes {
				last = at
				return unsafe.Slice(b.host, b.bytes)[address-b.start:], nil
			}
		}
		return nil, fmt.Errorf("address %#x is in no buffer", address)
	}
}
