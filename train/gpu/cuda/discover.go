// Package cuda drives NVIDIA's GPUs through the driver's own library, which it loads at run
// time; nothing of the CUDA toolkit is needed. The environment variable DISTILLMESH_CUDA_LIBRARY is the whole path of
// that library where it is in no usual place; it is read when the library is first needed.
package cuda

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"unsafe"

	"github.com/distillmesh/distillmesh/train/gpu/driver"
)

// Found is a device that the driver lists.
type Found struct {
	driver.Info
	Reason string // why it cannot be used; empty where it can

	api    *functions
	device uintptr
}

// Attributes of cuda.h.
const (
	attributeUnits = 16
	attributeMajor = 75
	attributeMinor = 76
)

// leastMajor is the compute capability that the committed PTX is for.
const leastMajor = 5

// List is the GPUs, in the driver's order: cuda:0 and so on. The error says why there are none.
func List() ([]Found, error) {
	f, err := load()
	if err != nil {
		return nil, err
	}
	return f.list()
}

func (f *functions) list() ([]Found, error) {
	if err := f.check("cuInit", f.init.Call(0)); err != nil {
		if denied := unreadable(); denied != "" {
			err = fmt.Errorf("%w; no permission for %s", err, denied)
		}
		return nil, err
	}
	var version, count int32
	if err := f.check("cuDriverGetVersion", f.driverGetVersion.Call(uintptr(unsafe.Pointer(&version)))); err != nil {
		return nil, err
	}
	if err := f.check("cuDeviceGetCount", f.deviceGetCount.Call(uintptr(unsafe.Pointer(&count)))); err != nil {
		return nil, err
	}
	var out []Found
	for i := range count {
		out = append(out, f.found(int(i), int(version)))
	}
	return out, nil
}

// tryOpen opens a device file; a variable, so that tests have such files.
var tryOpen = func(name string) error {
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return file.Close()
}

// unreadable is a device file that this user may not open, where there is one.
func unreadable() string {
	if runtime.GOOS != "linux" {
		return ""
	}
	for _, name := range []string{"/dev/nvidiactl", "/dev/nvidia0"} {
		if errors.Is(tryOpen(name), os.ErrPermission) {
			return name
		}
	}
	return ""
}

// found describes a device. One that does not answer is listed with what the driver says.
func (f *functions) found(number, version int) Found {
	d := Found{api: f, Info: driver.Info{ID: fmt.Sprint("cuda:", number), Name: "unknown"}}
	if err := f.describe(&d, number, version); err != nil {
		d.Reason = strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	return d
}

func (f *functions) describe(d *Found, number, version int) error {
	var device int32
	if err := f.check("cuDeviceGet", f.deviceGet.Call(uintptr(unsafe.Pointer(&device)), uintptr(number))); err != nil {
		return err
	}
	d.device = uintptr(device)
	name := make([]byte, 256)
	var memory uint64
	var uuid [16]byte
	err := errors.Join(
		f.check("cuDeviceGetName", f.deviceGetName.Call(uintptr(unsafe.Pointer(&name[0])), 256, d.device)),
		f.check("cuDeviceTotalMem", f.deviceTotalMem.Call(uintptr(unsafe.Pointer(&memory)), d.device)),
		f.check("cuDeviceGetUuid", f.deviceGetUUID.Call(uintptr(unsafe.Pointer(&uuid)), d.device)))
	if err != nil {
		return err
	}
	major, minor := f.attribute(d.device, attributeMajor), f.attribute(d.device, attributeMinor)
	d.Info = driver.Info{ID: d.ID, Name: goString(&name[0]), Memory: int64(memory),
		UUID:  uuidText(uuid),
		Units: f.attribute(d.device, attributeUnits),
		Version: fmt.Sprintf("compute capability %d.%d, driver for CUDA %d.%d", major, minor, version/1000,
			version%1000/10)}
	if major < leastMajor {
		d.Reason = fmt.Sprintf("compute capability %d.%d, %d.0 is needed", major, minor, leastMajor)
	}
	return nil
}

// uuidText is the usual form: GPU-01234567-89ab-cdef-0123-456789abcdef.
func uuidText(id [16]byte) string {
	t := hex.EncodeToString(id[:])
	return fmt.Sprintf("GPU-%s-%s-%s-%s-%s", t[:8], t[8:12], t[12:16], t[16:20], t[20:])
}

func (f *functions) attribute(device uintptr, which uintptr) int {
	var v int32
	if f.deviceGetAttribute.Call(uintptr(unsafe.Pointer(&v)), which, device) != success {
		return 0
	}
	return int(v)
}
