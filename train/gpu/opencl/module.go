package opencl

import (
	"fmt"
	"strings"
	"unsafe"

	"github.com/distillmesh/distillmesh/train/gpu/driver"
)

// module is a built program with the kernels asked for so far.
type module struct {
	*device
	program uintptr
	kernels map[string]*kernel
}

// kernel is an entry of a module, with an object of OpenCL for launches that are not recorded.
type kernel struct {
	of     *module
	name   string
	object uintptr
}

// options forbid what would make results depend on the driver's mood, and allow fused multiply-adds.
const options = "-cl-std=CL1.2 -cl-mad-enable\x00"

// Build implements driver.Device.
func (d *device) Build(source string) (driver.Module, error) {
	text, length := []byte(source), uintptr(len(source))
	start := uintptr(unsafe.Pointer(unsafe.SliceData(text)))
	starts := [1]uintptr{start}
	m := &module{device: d, kernels: make(map[string]*kernel)}
	var status int32
	m.program = d.createProgramWithSource.Call(d.context, 1, uintptr(unsafe.Pointer(&starts)),
		uintptr(unsafe.Pointer(&length)), uintptr(unsafe.Pointer(&status)), uintptr(unsafe.Pointer(&text[0])))
	if err := check("clCreateProgramWithSource", uintptr(status)); err != nil {
		return nil, err
	}
	flags := []byte(options)
	err := check("clBuildProgram", d.buildProgram.Call(m.program, 1, uintptr(unsafe.Pointer(&d.id)),
		uintptr(unsafe.Pointer(&flags[0])), 0, 0))
	if err != nil {
		log := m.log()
		m.Free()
		return nil, fmt.Errorf("%w: %w: %s", driver.ErrBuild, err, log)
	}
	return m, nil
}

// log is what the compiler says, at most its last 2,000 characters.
func (m *module) log() string {
	text := make([]byte, 1<<16)
	var n uint64
	m.getProgramBuildInfo.Call(m.program, m.id, programLog, uintptr(len(text)), uintptr(unsafe.Pointer(&text[0])),
		uintptr(unsafe.Pointer(&n)))
	out := strings.TrimSpace(strings.TrimRight(string(text[:min(n, uint64(len(text)))]), "\x00"))
	return out[max(0, len(out)-2000):]
}

// Free implements driver.Module.
func (m *module) Free() {
	for _, k := range m.kernels {
		m.releaseKernel.Call(k.object)
	}
	m.releaseProgram.Call(m.program)
}

// Kernel implements driver.Module.
func (m *module) Kernel(name string) (driver.Kernel, error) {
	if k := m.kernels[name]; k != nil {
		return k, nil
	}
	object, err := m.make(name)
	if err != nil {
		return nil, err
	}
	k := &kernel{m, name, object}
	m.kernels[name] = k
	return k, nil
}

// make is an object of a kernel, with arguments of its own.
func (m *module) make(name string) (uintptr, error) {
	text := append([]byte(name), 0)
	var status int32
	object := m.createKernel.Call(m.program, uintptr(unsafe.Pointer(&text[0])), uintptr(unsafe.Pointer(&status)))
	if err := check("clCreateKernel "+name, uintptr(status)); err != nil {
		return 0, err
	}
	return object, nil
}

// Name implements driver.Kernel.
func (k *kernel) Name() string { return k.name }

// Launch implements driver.Device.
func (d *device) Launch(launches ...driver.Launch) error {
	for i := range launches {
		l := &launches[i]
		k, err := d.own(l)
		if err != nil {
			return err
		}
		if err := d.setArguments(k.object, l); err != nil {
			return err
		}
		if err := d.enqueue(k.object, l.Groups); err != nil {
			return err
		}
	}
	return nil
}

func (d *device) own(l *driver.Launch) (*kernel, error) {
	k, ok := l.Kernel.(*kernel)
	if !ok || k.of.device != d {
		return nil, fmt.Errorf("launch of a kernel of another device")
	}
	return k, nil
}

func (d *device) setArguments(object uintptr, l *driver.Launch) error {
	for i, a := range l.Args {
		var status uintptr
		if b, ok := a.Buffer.(*buffer); ok {
			status = d.setKernelArg.Call(object, uintptr(i), 8, uintptr(unsafe.Pointer(&b.object)))
		} else if a.Buffer != nil {
			return fmt.Errorf("launch of %s with a buffer of another device", l.Kernel.Name())
		} else {
			status = d.setKernelArg.Call(object, uintptr(i), uintptr(len(a.Bytes)), uintptr(unsafe.Pointer(&a.Bytes[0])))
		}
		if err := check(fmt.Sprintf("clSetKernelArg %s %d", l.Kernel.Name(), i), status); err != nil {
			return err
		}
	}
	return nil
}

func (d *device) enqueue(object uintptr, groups [3]int) error {
	local := [3]uintptr{driver.GroupSize, 1, 1}
	global := [3]uintptr{uintptr(groups[0]) * driver.GroupSize, uintptr(groups[1]), uintptr(groups[2])}
	return check("clEnqueueNDRangeKernel", d.enqueueNDRangeKernel.Call(d.queue, object, 3, 0,
		uintptr(unsafe.Pointer(&global)), uintptr(unsafe.Pointer(&local)), 0, 0, 0))
}

// recording is launches whose kernels have their arguments already.
type recording struct {
	*device
	objects []uintptr
	groups  [][3]int
}

// Record implements driver.Device.
func (d *device) Record(launches []driver.Launch) (driver.Recording, error) {
	r := &recording{device: d}
	for i := range launches {
		l := &launches[i]
		k, err := d.own(l)
		if err != nil {
			r.Free()
			return nil, err
		}
		object, err := k.of.make(k.name)
		if err != nil {
			r.Free()
			return nil, err
		}
		r.objects, r.groups = append(r.objects, object), append(r.groups, l.Groups)
		if err := d.setArguments(object, l); err != nil {
			r.Free()
			return nil, err
		}
	}
	return r, nil
}

// Run implements driver.Recording.
func (r *recording) Run() error {
	for i, object := range r.objects {
		if err := r.enqueue(object, r.groups[i]); err != nil {
			return err
		}
	}
	return check("clFlush", r.flush.Call(r.queue))
}

// Free implements driver.Recording.
func (r *recording) Free() {
	for _, object := range r.objects {
		r.releaseKernel.Call(object)
	}
	r.objects, r.groups = nil, nil
}
