package cuda

import (
	"fmt"
	"runtime"
	"unsafe"

	"github.com/distillmesh/distillmesh/train/gpu/driver"
)

// device is an opened GPU: a context with one stream. The driver keeps a current context per thread
// of the system, so that every call happens on a thread that has it.
type device struct {
	*functions
	info            driver.Info
	context, stream uintptr
	current         [1]uintptr // arguments in place: a call with them allocates nothing
	arguments       arguments
	recordings      map[*recording]bool // those that are not freed
}

var _ driver.Device = (*device)(nil)

// Open opens a device that was found.
func (d Found) Open() (driver.Device, error) {
	if d.Reason != "" {
		return nil, fmt.Errorf("%s: %s", d.ID, d.Reason)
	}
	o := &device{functions: d.api, info: d.Info, recordings: make(map[*recording]bool)}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// 4: the host sleeps while it waits for the GPU, instead of keeping a core busy.
	if err := o.check("cuCtxCreate", o.ctxCreate.Call(uintptr(unsafe.Pointer(&o.context)), 4, d.device)); err != nil {
		return nil, fmt.Errorf("%s: %w", d.ID, err)
	}
	o.current[0] = o.context
	if err := o.check("cuStreamCreate", o.streamCreate.Call(uintptr(unsafe.Pointer(&o.stream)), 1)); err != nil {
		o.ctxDestroy.Call(o.context)
		return nil, fmt.Errorf("%s: %w", d.ID, err)
	}
	return o, nil
}

// enter makes the context current on a thread that the goroutine keeps until leave.
func (d *device) enter() error {
	if d.context == 0 {
		return fmt.Errorf("%w: %s was closed", driver.ErrLost, d.info.ID)
	}
	runtime.LockOSThread()
	if r := d.ctxSetCurrent.Call(d.current[:]...); uint32(r) != success {
		runtime.UnlockOSThread()
		return d.failure("cuCtxSetCurrent", uintptr(uint32(r)))
	}
	return nil
}

func (d *device) leave() { runtime.UnlockOSThread() }

// call calls a function with the context.
func (d *device) call(name string, f func() uintptr) error {
	if err := d.enter(); err != nil {
		return err
	}
	defer d.leave()
	return d.check(name, f())
}

// Info implements driver.Device.
func (d *device) Info() driver.Info { return d.info }

// Language implements driver.Device.
func (d *device) Language() driver.Language { return driver.PTX }

// Sync implements driver.Device.
func (d *device) Sync() error {
	return d.call("cuStreamSynchronize", func() uintptr { return d.streamSynchronize.Call(d.stream) })
}

// Close implements driver.Device. Memory and modules end with the context.
func (d *device) Close() {
	if d.enter() == nil {
		for r := range d.recordings {
			r.destroy()
		}
		d.streamDestroy.Call(d.stream)
		d.leave()
	}
	if d.context != 0 { // one that is lost, too
		d.ctxDestroy.Call(d.context)
		d.context = 0
	}
}

// buffer is memory of a device.
type buffer struct {
	*device
	address uintptr
	n       int
}

// Alloc implements driver.Device.
func (d *device) Alloc(n int) (driver.Buffer, error) {
	b, size := &buffer{device: d, n: n}, uintptr(max(n, 1))
	err := d.call("cuMemAlloc", func() uintptr { return d.memAlloc.Call(uintptr(unsafe.Pointer(&b.address)), 4*size) })
	if err != nil {
		return nil, fmt.Errorf("%d bytes%s: %w", 4*size, d.free(), err)
	}
	err = d.call("cuMemsetD32Async", func() uintptr { return d.memset.Call(b.address, 0, size, d.stream) })
	if err != nil {
		b.Free()
		return nil, fmt.Errorf("%d bytes: %w", 4*size, err)
	}
	return b, nil
}

// free says how much memory is left, where the driver knows.
func (d *device) free() string {
	var free, all uint64
	err := d.call("cuMemGetInfo", func() uintptr {
		return d.memGetInfo.Call(uintptr(unsafe.Pointer(&free)), uintptr(unsafe.Pointer(&all)))
	})
	if err != nil {
		return ""
	}
	return fmt.Sprintf(", %d of %d free", free, all)
}

// Len implements driver.Buffer.
func (b *buffer) Len() int { return b.n }

// Write implements driver.Buffer. Memory that is not pinned is copied aside before the call returns.
func (b *buffer) Write(at int, values []float32) error {
	if err := driver.CheckSpan(b, at, len(values)); err != nil || len(values) == 0 {
		return err
	}
	return b.call("cuMemcpyHtoDAsync", func() uintptr {
		return b.memcpyHtoD.Call(b.address+uintptr(4*at), uintptr(unsafe.Pointer(&values[0])), uintptr(4*len(values)),
			b.stream)
	})
}

// Read implements driver.Buffer.
func (b *buffer) Read(at int, into []float32) error {
	if err := driver.CheckSpan(b, at, len(into)); err != nil || len(into) == 0 {
		return err
	}
	err := b.call("cuMemcpyDtoHAsync", func() uintptr {
		return b.memcpyDtoH.Call(uintptr(unsafe.Pointer(&into[0])), b.address+uintptr(4*at), uintptr(4*len(into)), b.stream)
	})
	if err != nil {
		return err
	}
	err = b.Sync()
	runtime.KeepAlive(into)
	return err
}

// Copy implements driver.Buffer.
func (b *buffer) Copy(at int, from driver.Buffer, place, n int) error {
	other, ok := from.(*buffer)
	if !ok || other.device != b.device {
		return fmt.Errorf("copy from a buffer of another device")
	}
	if err := driver.CheckSpan(b, at, n); err != nil {
		return err
	}
	if err := driver.CheckSpan(other, place, n); err != nil || n == 0 {
		return err
	}
	return b.call("cuMemcpyDtoDAsync", func() uintptr {
		return b.memcpyDtoD.Call(b.address+uintptr(4*at), other.address+uintptr(4*place), uintptr(4*n), b.stream)
	})
}

// Free implements driver.Buffer. The driver waits for queued work that uses the memory.
func (b *buffer) Free() {
	if b.address != 0 {
		_ = b.call("cuMemFree", func() uintptr { return b.memFree.Call(b.address) })
		b.address = 0
	}
}
