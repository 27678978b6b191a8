package opencl

import (
	"fmt"
	"unsafe"

	"github.com/distillmesh/distillmesh/train/gpu/driver"
)

// device is an opened device: a context with one queue, in order.
type device struct {
	*functions
	info           driver.Info
	id             uintptr
	context, queue uintptr
}

var _ driver.Device = (*device)(nil)

// Open opens a device that was found.
func (d Found) Open() (driver.Device, error) {
	if d.Reason != "" {
		return nil, fmt.Errorf("%s: %s", d.ID, d.Reason)
	}
	o := &device{functions: d.api, info: d.Info, id: d.device}
	var status int32
	properties := [3]uintptr{0x1084, d.platform, 0}
	o.context = o.createContext.Call(uintptr(unsafe.Pointer(&properties)), 1, uintptr(unsafe.Pointer(&d.device)), 0, 0,
		uintptr(unsafe.Pointer(&status)))
	if err := check("clCreateContext", uintptr(status)); err != nil {
		return nil, fmt.Errorf("%s: %w", d.ID, err)
	}
	o.queue = o.createCommandQueue.Call(o.context, o.id, 0, uintptr(unsafe.Pointer(&status)))
	if err := check("clCreateCommandQueue", uintptr(status)); err != nil {
		o.releaseContext.Call(o.context)
		return nil, fmt.Errorf("%s: %w", d.ID, err)
	}
	return o, nil
}

// Info implements driver.Device.
func (d *device) Info() driver.Info { return d.info }

// Language implements driver.Device.
func (d *device) Language() driver.Language { return driver.OpenCL }

// Sync implements driver.Device.
func (d *device) Sync() error { return check("clFinish", d.finish.Call(d.queue)) }

// Close implements driver.Device.
func (d *device) Close() {
	d.finish.Call(d.queue)
	d.releaseCommandQueue.Call(d.queue)
	d.releaseContext.Call(d.context)
}

// buffer is memory of a device.
type buffer struct {
	*device
	object uintptr
	n      int
}

// Alloc implements driver.Device.
func (d *device) Alloc(n int) (driver.Buffer, error) {
	b, size := &buffer{device: d, n: n}, 4*uintptr(max(n, 1))
	var status int32
	b.object = d.createBuffer.Call(d.context, readWrite, size, 0, uintptr(unsafe.Pointer(&status)))
	if err := check("clCreateBuffer", uintptr(status)); err != nil {
		return nil, fmt.Errorf("%d bytes: %w", size, err)
	}
	var zero float32
	err := check("clEnqueueFillBuffer", d.enqueueFillBuffer.Call(d.queue, b.object, uintptr(unsafe.Pointer(&zero)), 4, 0,
		size, 0, 0, 0))
	if err != nil {
		b.Free()
		return nil, fmt.Errorf("%d bytes: %w", size, err)
	}
	return b, nil
}

// Len implements driver.Buffer.
func (b *buffer) Len() int { return b.n }

// Write implements driver.Buffer.
func (b *buffer) Write(at int, values []float32) error {
	if err := driver.CheckSpan(b, at, len(values)); err != nil || len(values) == 0 {
		return err
	}
	return check("clEnqueueWriteBuffer", b.enqueueWriteBuffer.Call(b.queue, b.object, 1, uintptr(4*at),
		uintptr(4*len(values)), uintptr(unsafe.Pointer(&values[0])), 0, 0, 0))
}

// Read implements driver.Buffer.
func (b *buffer) Read(at int, into []float32) error {
	if err := driver.CheckSpan(b, at, len(into)); err != nil || len(into) == 0 {
		return err
	}
	return check("clEnqueueReadBuffer", b.enqueueReadBuffer.Call(b.queue, b.object, 1, uintptr(4*at),
		uintptr(4*len(into)), uintptr(unsafe.Pointer(&into[0])), 0, 0, 0))
}

// Copy implements driver.Buffer.
func (b *buffer) Copy(at int, from driver.Buffer, place, n int) error {
	other, ok := from.(*buffer)
	if !ok {
		return fmt.Errorf("copy from a buffer of another device")
	}
	if err := driver.CheckSpan(b, at, n); err != nil {
		return err
	}
	if err := driver.CheckSpan(other, place, n); err != nil || n == 0 {
		return err
	}
	return check("clEnqueueCopyBuffer", b.enqueueCopyBuffer.Call(b.queue, other.object, b.object, uintptr(4*place),
		uintptr(4*at), uintptr(4*n), 0, 0, 0))
}

// Free implements driver.Buffer.
func (b *buffer) Free() {
	b.releaseMemObject.Call(b.object)
	b.object = 0
}
