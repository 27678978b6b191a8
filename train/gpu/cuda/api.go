package cuda

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"unsafe"

	"github.com/distillmesh/distillmesh/train/gpu/driver"
	"github.com/distillmesh/distillmesh/train/gpu/library"
)

// functions are those of the driver that this package calls. Names with a version are the
// ones of present headers.
type functions struct {
	init, driverGetVersion, deviceGetCount, deviceGet, deviceGetName, deviceGetUUID library.Function
	deviceTotalMem, deviceGetAttribute, ctxCreate, ctxDestroy, ctxSetCurrent        library.Function
	streamCreate, streamDestroy, streamSynchronize, memAlloc, memFree, memset       library.Function
	memcpyHtoD, memcpyDtoH, memcpyDtoD, moduleLoad, moduleUnload, moduleGetFunction library.Function
	launchKernel, beginCapture, endCapture, graphInstantiate, graphLaunch           library.Function
	graphExecDestroy, graphDestroy, getErrorString, memGetInfo                      library.Function
}

func (f *functions) table() map[string]*library.Function {
	return map[string]*library.Function{
		"cuInit": &f.init, "cuDriverGetVersion": &f.driverGetVersion, "cuDeviceGetCount": &f.deviceGetCount,
		"cuDeviceGet": &f.deviceGet, "cuDeviceGetName": &f.deviceGetName,
		"cuDeviceGetUuid_v2 cuDeviceGetUuid": &f.deviceGetUUID, "cuDeviceTotalMem_v2": &f.deviceTotalMem,
		"cuDeviceGetAttribute": &f.deviceGetAttribute, "cuCtxCreate_v2": &f.ctxCreate, "cuCtxDestroy_v2": &f.ctxDestroy,
		"cuCtxSetCurrent": &f.ctxSetCurrent, "cuStreamCreate": &f.streamCreate, "cuStreamDestroy_v2": &f.streamDestroy,
		"cuStreamSynchronize": &f.streamSynchronize, "cuMemAlloc_v2": &f.memAlloc, "cuMemFree_v2": &f.memFree,
		"cuMemsetD32Async": &f.memset, "cuMemcpyHtoDAsync_v2": &f.memcpyHtoD, "cuMemcpyDtoHAsync_v2": &f.memcpyDtoH,
		"cuMemcpyDtoDAsync_v2": &f.memcpyDtoD, "cuModuleLoadDataEx": &f.moduleLoad, "cuModuleUnload": &f.moduleUnload,
		"cuModuleGetFunction": &f.moduleGetFunction, "cuLaunchKernel": &f.launchKernel,
		"cuStreamBeginCapture_v2": &f.beginCapture, "cuStreamEndCapture": &f.endCapture,
		"cuGraphInstantiateWithFlags": &f.graphInstantiate, "cuGraphLaunch": &f.graphLaunch,
		"cuGraphExecDestroy": &f.graphExecDestroy, "cuGraphDestroy": &f.graphDestroy,
		"cuGetErrorString": &f.getErrorString, "cuMemGetInfo_v2": &f.memGetInfo,
	}
}

// LibraryVariable is the environment variable that may name the driver's library by its whole path, where it is in
// no usual place.
const LibraryVariable = "DISTILLMESH_CUDA_LIBRARY"

// names are those of the driver's library, by system.
func names() []string {
	if runtime.GOOS == "windows" {
		return []string{"nvcuda.dll"}
	}
	return []string{"libcuda.so.1", "libcuda.so"}
}

// load finds the functions, once.
var load = sync.OnceValues(func() (*functions, error) { return loadNamed(os.Getenv(LibraryVariable)) })

// loadNamed takes the library of a whole path; an empty one stands for the usual places.
func loadNamed(path string) (*functions, error) {
	if path == "" {
		return loadFrom(names()...)
	}
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("%s is %s: give the whole path", LibraryVariable, path)
	}
	f, err := loadFrom(path)
	if err != nil { // no ErrAbsent: whoever names a library means it to be there
		return nil, fmt.Errorf("%s: %v", LibraryVariable, err)
	}
	return f, nil
}

func loadFrom(names ...string) (*functions, error) {
	l, err := library.Open(names...)
	if err != nil {
		return nil, err
	}
	f := new(functions)
	if err := l.Bind(f.table()); err != nil {
		return nil, fmt.Errorf("%w; CUDA 11.4 or later is needed", err)
	}
	return f, nil
}

// Results of cuda.h that have a meaning here.
const (
	success          = 0
	outOfMemory      = 2
	noDevice         = 100
	invalidPTX       = 218
	unsupportedPTX   = 222
	driverMismatch   = 803
	compatibility    = 804
	mpsConnection    = 805
	mpsMostClients   = 808
	mpsTerminated    = 810
	illegalAddress   = 700
	outOfResources   = 701
	launchTimeout    = 702
	unavailable      = 46
	eccUncorrectable = 214
)

// hints are what to do about a result.
var hints = map[uintptr]string{
	noDevice:       "the driver sees no GPU: is one assigned to this machine, and may this user open /dev/nvidia0?",
	driverMismatch: "the library and the kernel's module are of different versions: restart after the driver's update",
	compatibility: "libraries for compatibility with newer versions of CUDA do not support this GPU: take them out of " +
		"LD_LIBRARY_PATH",
	mpsConnection: "an MPS daemon was found and does not answer: end it, or set CUDA_MPS_PIPE_DIRECTORY to that of " +
		"a working one",
	mpsMostClients: "the MPS daemon serves no more clients",
	mpsTerminated:  "the MPS daemon ended this client",
	launchTimeout:  "a watchdog stopped a kernel: a GPU that drives a display ends kernels of some seconds",
	unsupportedPTX: "the driver is older than needed",
	unavailable:    "another process has the GPU for itself, or MIG has no slice",
	outOfResources: "a kernel needs more registers or threads than this GPU has",
}

// resultError is an error of the driver.
type resultError struct {
	call, text string
	code       uintptr
}

// Error implements error.
func (e *resultError) Error() string {
	out := fmt.Sprintf("%s: %s (CUDA error %d)", e.call, e.text, e.code)
	if hint := hints[e.code]; hint != "" {
		out += ": " + hint
	}
	return out
}

// Unwrap is the kind of error that callers know.
func (e *resultError) Unwrap() error {
	switch e.code {
	case outOfMemory:
		return driver.ErrMemory
	case invalidPTX, unsupportedPTX:
		return driver.ErrBuild
	case illegalAddress, launchTimeout, eccUncorrectable, unavailable, mpsConnection, mpsTerminated, 709, 714, 715,
		716, 717, 718, 719, 999, 101, 4:
		return driver.ErrLost
	}
	return nil
}

// check is an error unless a result is success.
func (f *functions) check(call string, result uintptr) error {
	if uint32(result) == success {
		return nil
	}
	return f.failure(call, uintptr(uint32(result)))
}

func (f *functions) failure(call string, code uintptr) error {
	var text *byte
	if f.getErrorString.Call(code, uintptr(unsafe.Pointer(&text))) != success || text == nil {
		return &resultError{call, "unknown error", code}
	}
	return &resultError{call, strings.TrimSpace(goString(text)), code}
}

// goString copies C's text, of at most 1,000 bytes.
func goString(text *byte) string {
	out := unsafe.Slice(text, 1000)
	for n, c := range out {
		if c == 0 {
			return string(out[:n])
		}
	}
	return string(out)
}
