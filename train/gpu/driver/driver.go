// Package driver is what the engine needs of a GPU, whichever library drives it:
// memory, kernels, and lists of launches that are replayed as one.
package driver

import (
	"errors"
	"fmt"
)

// Errors of devices.
var (
	// ErrMemory means that the device has not enough memory left. The device goes on.
	ErrMemory = errors.New("out of GPU memory")
	// ErrLost means that the device no longer answers: reset, unplugged, stopped by a watchdog
	// or by an error of a kernel. Nothing on it can be read any more.
	ErrLost = errors.New("GPU lost")
	// ErrBuild means that the driver refused kernels.
	ErrBuild = errors.New("the GPU's driver refused a kernel")
)

// Language is what a device's kernels are written in.
type Language int

// The languages.
const (
	OpenCL Language = iota // OpenCL C 1.2
	PTX                    // NVIDIA's assembly language
)

// Info describes a device.
type Info struct {
	Name    string // as the driver has it: NVIDIA H200
	ID      string // cuda:0, opencl:1
	UUID    string // of an NVIDIA device or slice of one; else empty
	Memory  int64  // bytes in all
	Version string // driver and compute capability, or version of OpenCL
	Units   int    // multiprocessors or compute units
	CPU     bool   // a processor that OpenCL offers as a device
}

// Limits are what every kernel of this program keeps to.
const (
	GroupSize  = 256      // work items of a group
	LocalBytes = 32 << 10 // local memory of a group
)

// Groups is how many groups do n items.
func Groups(n int) int { return (n + GroupSize - 1) / GroupSize }

// Device is an opened GPU. One goroutine at a time may use it. Work is queued: what it
// did wrong is known at the next Read or Sync.
type Device interface {
	Info() Info
	// Language says in what Build wants its source.
	Language() Language
	// Alloc is memory for n values of four bytes, zero at first. It fails with ErrMemory.
	Alloc(n int) (Buffer, error)
	// Build makes kernels of a source. It fails with ErrBuild and the driver's words.
	Build(source string) (Module, error)
	// Launch queues launches, in order.
	Launch(launches ...Launch) error
	// Record prepares launches to be queued together, in order.
	Record(launches []Launch) (Recording, error)
	// Sync waits until all queued work is done.
	Sync() error
	// Close frees the device and everything on it.
	Close()
}

// Buffer is memory of a device. Offsets count values of four bytes.
type Buffer interface {
	Len() int
	// Write queues a copy to the device; the values may be reused at once.
	Write(at int, values []float32) error
	// Read waits for queued work, then copies from the device.
	Read(at int, into []float32) error
	// Copy queues a copy of n values of another buffer of the device, or of this one where the
	// two places do not overlap.
	Copy(at int, from Buffer, place, n int) error
	Free()
}

// Module is built kernels.
type Module interface {
	// Kernel is one by name; an error where the module has none of that name.
	Kernel(name string) (Kernel, error)
	Free()
}

// Kernel is an entry of a module. A group has GroupSize work items in a row.
type Kernel interface{ Name() string }

// Recording is a list of launches.
type Recording interface {
	// Run queues all launches once.
	Run() error
	Free()
}

// Launch is a kernel with the number of its groups and its arguments.
type Launch struct {
	Kernel Kernel
	Groups [3]int
	Args   []Arg
}

// Arg is an argument: a buffer, or bytes.
type Arg struct {
	Buffer Buffer
	Bytes  []byte
}

// Pointer is a buffer as an argument.
func Pointer(b Buffer) Arg { return Arg{Buffer: b} }

// Words are 32-bit numbers as an argument, several for a structure of them.
func Words(values ...uint32) Arg {
	bytes := make([]byte, 0, 4*len(values))
	for _, v := range values {
		bytes = append(bytes, byte(v), byte(v>>8), byte(v>>16), byte(v>>24))
	}
	return Arg{Bytes: bytes}
}

// Long is a 64-bit number as an argument.
func Long(v int) Arg {
	return Words(uint32(uint64(v)), uint32(uint64(v)>>32))
}

// CheckSpan is an error unless n values from a place on lie within a buffer.
func CheckSpan(b Buffer, at, n int) error {
	if at < 0 || n < 0 || at > b.Len() || n > b.Len()-at {
		return fmt.Errorf("values %d to %d of a buffer of %d", at, at+n, b.Len())
	}
	return nil
}
