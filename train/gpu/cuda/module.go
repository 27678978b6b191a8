package cuda

import (
	"fmt"
	"runtime"
	"strings"
	"unsafe"

	"github.com/distillmesh/distillmesh/train/gpu/driver"
)

// module is loaded kernels.
type module struct {
	*device
	handle  uintptr
	kernels map[string]*kernel
}

// kernel is an entry of a module.
type kernel struct {
	of       *module
	name     string
	function uintptr
}

// Options of cuda.h for what the driver's compiler says of an error.
const (
	jitErrorLog     = 5
	jitErrorLogSize = 6
)

// Build implements driver.Device. The driver compiles the PTX for its GPU, and keeps the result in its own
// cache on disk.
func (d *device) Build(source string) (driver.Module, error) {
	text, log := append([]byte(source), 0), make([]byte, 8192)
	options := [2]uint32{jitErrorLog, jitErrorLogSize}
	values := [2]uintptr{uintptr(unsafe.Pointer(&log[0])), uintptr(len(log))}
	m := &module{device: d, kernels: make(map[string]*kernel)}
	err := d.call("cuModuleLoadDataEx", func() uintptr {
		return d.moduleLoad.Call(uintptr(unsafe.Pointer(&m.handle)), uintptr(unsafe.Pointer(&text[0])), 2,
			uintptr(unsafe.Pointer(&options)), uintptr(unsafe.Pointer(&values)), uintptr(unsafe.Pointer(&log[0])))
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w %s", driver.ErrBuild, err, strings.TrimSpace(goString(&log[0])))
	}
	return m, nil
}

// Free implements driver.Module.
func (m *module) Free() {
	_ = m.call("cuModuleUnload", func() uintptr { return m.moduleUnload.Call(m.handle) })
}

// Kernel implements driver.Module.
func (m *module) Kernel(name string) (driver.Kernel, error) {
	if k := m.kernels[name]; k != nil {
		return k, nil
	}
	k, text := &kernel{of: m, name: name}, append([]byte(name), 0)
	err := m.call("cuModuleGetFunction "+name, func() uintptr {
		return m.moduleGetFunction.Call(uintptr(unsafe.Pointer(&k.function)), m.handle, uintptr(unsafe.Pointer(&text[0])))
	})
	if err != nil {
		return nil, err
	}
	m.kernels[name] = k
	return k, nil
}

// Name implements driver.Kernel.
func (k *kernel) Name() string { return k.name }

// arguments is where a launch's arguments lie while the driver copies them: used again by every launch.
type arguments struct {
	addresses []uint64
	pointers  []uintptr
	call      [11]uintptr
}

// set puts the arguments of a launch on a device in place.
func (a *arguments) set(d *device, l *driver.Launch) error {
	if n := len(l.Args); len(a.pointers) < n {
		a.addresses, a.pointers = make([]uint64, n), make([]uintptr, n)
	}
	for i := range l.Args {
		arg := &l.Args[i]
		if arg.Buffer == nil {
			a.pointers[i] = uintptr(unsafe.Pointer(unsafe.SliceData(arg.Bytes)))
			continue
		}
		b, ok := arg.Buffer.(*buffer)
		if !ok || b.device != d {
			return fmt.Errorf("launch of %s with a buffer of another device", l.Kernel.Name())
		}
		a.addresses[i] = uint64(b.address)
		a.pointers[i] = uintptr(unsafe.Pointer(&a.addresses[i]))
	}
	return nil
}

// Launch implements driver.Device.
func (d *device) Launch(launches ...driver.Launch) error {
	if err := d.enter(); err != nil {
		return err
	}
	defer d.leave()
	return d.launch(launches)
}

// launch is Launch with the context at hand.
func (d *device) launch(launches []driver.Launch) error {
	for i := range launches {
		if err := d.one(&launches[i]); err != nil {
			return err
		}
	}
	return nil
}

func (d *device) one(l *driver.Launch) error {
	k, ok := l.Kernel.(*kernel)
	if !ok || k.of.device != d {
		return fmt.Errorf("launch of a kernel of another device")
	}
	if err := d.arguments.set(d, l); err != nil {
		return err
	}
	a := &d.arguments
	a.call = [11]uintptr{k.function, uintptr(l.Groups[0]), uintptr(l.Groups[1]), uintptr(l.Groups[2]),
		driver.GroupSize, 1, 1, 0, d.stream, uintptr(unsafe.Pointer(unsafe.SliceData(a.pointers))), 0}
	r := d.launchKernel.Call(a.call[:]...)
	runtime.KeepAlive(l) // of whose arguments only addresses were left
	if uint32(r) != success {
		return d.failure("cuLaunchKernel "+k.name, uintptr(uint32(r)))
	}
	return nil
}

// recording is launches as a graph of the driver, made executable.
type recording struct {
	*device
	executable uintptr
	call       [2]uintptr
}

// captureThread lets other threads go on calling the driver meanwhile.
const captureThread = 1

// Record implements driver.Device.
func (d *device) Record(launches []driver.Launch) (driver.Recording, error) {
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.leave()
	graph, err := d.capture(launches)
	if graph != 0 {
		defer d.graphDestroy.Call(graph)
	}
	if err != nil {
		return nil, err
	}
	r := &recording{device: d}
	err = d.check("cuGraphInstantiate", d.graphInstantiate.Call(uintptr(unsafe.Pointer(&r.executable)), graph, 0))
	if err != nil {
		return nil, err
	}
	r.call = [2]uintptr{r.executable, d.stream}
	d.recordings[r] = true
	return r, nil
}

// capture is launches as a graph. Whatever happens, the stream captures nothing afterwards.
func (d *device) capture(launches []driver.Launch) (graph uintptr, err error) {
	if err := d.check("cuStreamBeginCapture", d.beginCapture.Call(d.stream, captureThread)); err != nil {
		return 0, err
	}
	failed := d.launch(launches)
	err = d.check("cuStreamEndCapture", d.endCapture.Call(d.stream, uintptr(unsafe.Pointer(&graph))))
	if failed != nil {
		err = failed // of which the end of the capture only says that it was before
	}
	return graph, err
}

// Run implements driver.Recording.
func (r *recording) Run() error {
	if err := r.enter(); err != nil {
		return err
	}
	defer r.leave()
	if r.executable == 0 {
		return fmt.Errorf("run of launches that were freed")
	}
	if s := r.graphLaunch.Call(r.call[:]...); uint32(s) != success {
		return r.failure("cuGraphLaunch", uintptr(uint32(s)))
	}
	return nil
}

// Free implements driver.Recording.
func (r *recording) Free() {
	if r.executable != 0 && r.enter() == nil {
		r.destroy()
		r.leave()
	}
}

func (r *recording) destroy() {
	r.graphExecDestroy.Call(r.executable)
	r.executable = 0
	delete(r.recordings, r)
}
