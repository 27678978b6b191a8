// Package opencl drives devices through OpenCL 1.2, whose library it loads at run time.
package opencl

import (
	"fmt"
	"strings"
	"unsafe"

	"github.com/distillmesh/distillmesh/train/gpu/driver"
)

// Found is a device that OpenCL lists.
type Found struct {
	driver.Info
	Reason string // why it cannot be used; empty where it can

	api              *functions
	platform, device uintptr
}

// List is the devices of all platforms, in the order of the library: opencl:0 and so on. The error
// says why there are none: no library, or no driver.
func List() ([]Found, error) {
	api, err := load()
	if err != nil {
		return nil, err
	}
	return api.list()
}

func (f *functions) list() (out []Found, err error) {
	platforms, err := handles("clGetPlatformIDs", func(n uintptr, into, count unsafe.Pointer) uintptr {
		return f.getPlatformIDs.Call(n, uintptr(into), uintptr(count))
	})
	if err != nil {
		return nil, err
	}
	for _, platform := range platforms {
		devices, err := handles("clGetDeviceIDs", func(n uintptr, into, count unsafe.Pointer) uintptr {
			return f.getDeviceIDs.Call(platform, typeAll, n, uintptr(into), uintptr(count))
		})
		if err != nil {
			if s, ok := err.(*statusError); ok && s.code == deviceNotFound {
				continue // a platform without a device
			}
			return nil, err
		}
		for _, device := range devices {
			out = append(out, f.found(platform, device, len(out)))
		}
	}
	return out, nil
}

// handles asks a function how many there are, then for all.
func handles(call string, get func(n uintptr, into, count unsafe.Pointer) uintptr) ([]uintptr, error) {
	var n uint32
	if err := check(call, get(0, nil, unsafe.Pointer(&n))); err != nil || n == 0 {
		return nil, err
	}
	out := make([]uintptr, n)
	return out, check(call, get(uintptr(n), unsafe.Pointer(&out[0]), nil))
}

func (f *functions) found(platform, device uintptr, number int) Found {
	d := Found{api: f, platform: platform, device: device}
	kind, group := f.number(device, deviceType), f.number(device, deviceGroupSize)
	d.Info = driver.Info{ID: fmt.Sprint("opencl:", number), Name: f.text(device, deviceName), CPU: kind&typeCPU != 0,
		Memory: int64(f.number(device, deviceMemory)), Units: int(uint32(f.number(device, deviceUnits))),
		Version: f.text(device, deviceVersion) + ", driver " + f.text(device, deviceDriver)}
	switch {
	case uint32(f.number(device, deviceAvailable)) == 0:
		d.Reason = "the driver says that it is not available"
	case uint32(f.number(device, deviceCompiler)) == 0:
		d.Reason = "its driver has no compiler"
	case group < driver.GroupSize:
		d.Reason = fmt.Sprintf("groups of at most %d work items, %d are needed", group, driver.GroupSize)
	case f.number(device, deviceLocal) < driver.LocalBytes:
		d.Reason = fmt.Sprintf("%d bytes of local memory, %d are needed", f.number(device, deviceLocal), driver.LocalBytes)
	}
	return d
}

// number is a property of a device, of at most 64 bits.
func (f *functions) number(device uintptr, property uintptr) (v uint64) {
	if check("clGetDeviceInfo", f.getDeviceInfo.Call(device, property, 8, uintptr(unsafe.Pointer(&v)), 0)) != nil {
		return 0
	}
	return v
}

// text is a property that is text.
func (f *functions) text(device uintptr, property uintptr) string {
	text := make([]byte, 512)
	var n uint64
	status := f.getDeviceInfo.Call(device, property, uintptr(len(text)), uintptr(unsafe.Pointer(&text[0])),
		uintptr(unsafe.Pointer(&n)))
	if check("clGetDeviceInfo", status) != nil || n == 0 || n > uint64(len(text)) {
		return "unknown"
	}
	return strings.Join(strings.Fields(strings.TrimRight(string(text[:n]), "\x00")), " ")
}
