package opencl

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/distillmesh/distillmesh/train/gpu/driver"
	"github.com/distillmesh/distillmesh/train/gpu/library"
)

// functions are those of OpenCL 1.2 that this package calls.
type functions struct {
	getPlatformIDs, getPlatformInfo, getDeviceIDs, getDeviceInfo           library.Function
	createContext, releaseContext, createCommandQueue, releaseCommandQueue library.Function
	createBuffer, releaseMemObject                                         library.Function
	enqueueWriteBuffer, enqueueReadBuffer, enqueueCopyBuffer               library.Function
	enqueueFillBuffer, enqueueNDRangeKernel, finish, flush                 library.Function
	createProgramWithSource, buildProgram, getProgramBuildInfo             library.Function
	releaseProgram, createKernel, releaseKernel, setKernelArg              library.Function
}

func (f *functions) table() map[string]*library.Function {
	return map[string]*library.Function{
		"clGetPlatformIDs": &f.getPlatformIDs, "clGetPlatformInfo": &f.getPlatformInfo,
		"clGetDeviceIDs": &f.getDeviceIDs, "clGetDeviceInfo": &f.getDeviceInfo,
		"clCreateContext": &f.createContext, "clReleaseContext": &f.releaseContext,
		"clCreateCommandQueue": &f.createCommandQueue, "clReleaseCommandQueue": &f.releaseCommandQueue,
		"clCreateBuffer": &f.createBuffer, "clReleaseMemObject": &f.releaseMemObject,
		"clEnqueueWriteBuffer": &f.enqueueWriteBuffer, "clEnqueueReadBuffer": &f.enqueueReadBuffer,
		"clEnqueueCopyBuffer": &f.enqueueCopyBuffer, "clEnqueueFillBuffer": &f.enqueueFillBuffer,
		"clEnqueueNDRangeKernel": &f.enqueueNDRangeKernel, "clFinish": &f.finish, "clFlush": &f.flush,
		"clCreateProgramWithSource": &f.createProgramWithSource, "clBuildProgram": &f.buildProgram,
		"clGetProgramBuildInfo": &f.getProgramBuildInfo, "clReleaseProgram": &f.releaseProgram,
		"clCreateKernel": &f.createKernel, "clReleaseKernel": &f.releaseKernel, "clSetKernelArg": &f.setKernelArg,
	}
}

// names are those of the loader of OpenCL's drivers, by system.
func names() []string {
	switch runtime.GOOS {
	case "windows":
		return []string{"OpenCL.dll"}
	case "darwin":
		return []string{"/System/Library/Frameworks/OpenCL.framework/OpenCL"}
	}
	return []string{"libOpenCL.so.1", "libOpenCL.so"}
}

// load finds the functions, once.
var load = sync.OnceValues(func() (*functions, error) { return loadFrom(names()...) })

func loadFrom(names ...string) (*functions, error) {
	l, err := library.Open(names...)
	if err != nil {
		return nil, err
	}
	f := new(functions)
	return f, l.Bind(f.table())
}

// Constants of cl.h.
const (
	success             = 0
	deviceNotFound      = -1
	deviceNotAvailable  = -2
	memoryAllocation    = -4
	outOfResources      = -5
	outOfHostMemory     = -6
	buildFailure        = -11
	invalidBufferSize   = -61
	noPlatform          = -1001
	platformVersion     = 0x0901
	platformName        = 0x0902
	deviceType          = 0x1000
	deviceUnits         = 0x1002
	deviceGroupSize     = 0x1004
	deviceAllocation    = 0x1010
	deviceMemory        = 0x101F
	deviceLocal         = 0x1023
	deviceAvailable     = 0x1027
	deviceCompiler      = 0x1028
	deviceName          = 0x102B
	deviceDriver        = 0x102D
	deviceVersion       = 0x102F
	typeCPU             = 1 << 1
	typeAll             = 0xFFFFFFFF
	readWrite           = 1
	programLog          = 0x1183
	invalidCommandQueue = -36
)

// ErrNoDriver means that OpenCL's library knows no driver of a device, as where it came with another program.
var ErrNoDriver = errors.New("no driver for OpenCL")

// statusError is an error of OpenCL.
type statusError struct {
	call string
	code int32
}

// Error implements error.
func (e *statusError) Error() string {
	name, ok := map[int32]string{deviceNotFound: "no device found", deviceNotAvailable: "device not available",
		memoryAllocation: "memory could not be had", outOfResources: "out of resources, or the device failed",
		outOfHostMemory: "out of the host's memory", buildFailure: "a kernel was refused",
		invalidBufferSize: "a buffer larger than the device allows", invalidCommandQueue: "the queue is no longer valid",
		noPlatform: "no driver of a device is installed, or an MPS daemon serves the GPU"}[e.code]
	if !ok {
		return fmt.Sprintf("%s: OpenCL error %d", e.call, e.code)
	}
	return fmt.Sprintf("%s: %s (OpenCL error %d)", e.call, name, e.code)
}

// Unwrap is the kind of error that callers know.
func (e *statusError) Unwrap() error {
	switch e.code {
	case memoryAllocation, outOfHostMemory, invalidBufferSize:
		return driver.ErrMemory
	case noPlatform:
		return ErrNoDriver
	case outOfResources, deviceNotAvailable, invalidCommandQueue:
		return driver.ErrLost
	}
	return nil
}

// check is an error unless a status is success.
func check(call string, status uintptr) error {
	if int32(status) == success {
		return nil
	}
	return &statusError{call, int32(status)}
}
