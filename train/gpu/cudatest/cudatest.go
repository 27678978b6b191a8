// Package cudatest is a stand-in for the library of CUDA's driver, for tests on computers without a GPU: it checks
// every call, counts what is alive and what was done wrongly, fails when told to, and runs kernels by package
// ptxtest. It is written in C and compiled by the test.
package cudatest

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/distillmesh/distillmesh/train/gpu/library"
	"github.com/distillmesh/distillmesh/train/gpu/ptxtest"
)

//go:embed library/libcuda.c
var source string

// Variable is the environment variable that names the library to package cuda.
const Variable = "DISTILLMESH_CUDA_LIBRARY"

// Driver controls the stand-in that this process has loaded.
type Driver struct {
	path string
	lib  *library.Library

	mu     sync.Mutex
	texts  map[uintptr]*ptxtest.Text // of modules
	broken string
	errs   []error
}

// shared is the one stand-in of this process: a library is loaded once, and callbacks are never freed.
var shared struct {
	sync.Mutex
	driver *Driver
	err    error
}

// Main runs the tests of a package with the stand-in as CUDA's driver. Where it cannot be compiled, New skips.
func Main(m *testing.M) {
	dir, err := os.MkdirTemp("", "cudatest")
	if err != nil {
		panic(err)
	}
	d, err := prepare(filepath.Join(dir, "libcuda.so"))
	if err == nil {
		err = os.Setenv(Variable, d.path)
	}
	shared.driver, shared.err = d, err
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// New is the stand-in in its first state, with one device, or skips. Only packages whose TestMain is Main have it.
// The test fails if something was done wrongly until its end.
func New(t testing.TB) *Driver {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.err != nil {
		t.Skip(shared.err)
	}
	d := shared.driver
	d.Reset()
	t.Cleanup(func() {
		if n := d.Count("misuses"); n > 0 {
			t.Errorf("%d calls that the driver's documentation forbids: %s", n, d.Misuses())
		}
	})
	return d
}

// Compile writes the library to a path; definitions leave functions out: WITHOUT_GRAPHS, OLD_UUID.
func Compile(path string, definitions ...string) error {
	if runtime.GOOS != "linux" || !library.Built {
		return errors.New("the stand-in for CUDA's driver is for Linux, and programs with GPUs")
	}
	compiler, err := exec.LookPath("cc")
	if err != nil {
		return errors.New("no C compiler to make the stand-in for CUDA's driver with (Debian: gcc)")
	}
	args := []string{"-shared", "-fPIC", "-O2", "-o", path, "-x", "c", "-"}
	for _, d := range definitions {
		args = append(args, "-D"+d)
	}
	c := exec.Command(compiler, args...)
	c.Stdin = strings.NewReader(source)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("compile the stand-in: %w: %s", err, out)
	}
	return nil
}

// prepare compiles and loads the library, whose kernels this process runs.
func prepare(path string) (*Driver, error) {
	if err := Compile(path); err != nil {
		return nil, err
	}
	lib, err := library.Open(path)
	if err != nil {
		return nil, err
	}
	d := &Driver{path: path, lib: lib, texts: make(map[uintptr]*ptxtest.Text)}
	d.register()
	return d, nil
}

// Path is where the library is.
func (d *Driver) Path() string { return d.path }

// Reset forgets everything: devices that are open have no context any more.
func (d *Driver) Reset() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.texts)
	d.broken, d.errs = "", nil
	d.lib.Find("standin_reset").Call()
}

// Init sets what cuInit returns, the number of devices, at most 4, and the version of CUDA, 12040 for 12.4.
func (d *Driver) Init(code, devices, version int) {
	d.lib.Find("standin_init").Call(uintptr(code), uintptr(devices), uintptr(version))
}

// Device describes a device.
func (d *Driver) Device(number int, name string, memory int64, major, minor, units int) {
	text := append([]byte(name), 0)
	d.lib.Find("standin_device").Call(uintptr(number), uintptr(unsafe.Pointer(&text[0])), uintptr(memory), uintptr(major),
		uintptr(minor), uintptr(units))
}

// Fail makes the nth next call of a function fail with a code: cuMemAlloc_v2. The name kernel stands for a kernel
// that runs, whose code is the error that ends its context.
func (d *Driver) Fail(function string, nth, code int) {
	text := append([]byte(function), 0)
	if d.lib.Find("standin_fail").Call(uintptr(unsafe.Pointer(&text[0])), uintptr(nth), uintptr(code)) == 0 {
		panic("too many failures")
	}
}

// Break makes an instruction of kernels that are loaded from now on compute wrongly.
func (d *Driver) Break(instruction string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.broken = instruction
}

// Discard makes the stand-in forget launches, instead of running them, for measurements.
func (d *Driver) Discard() { d.lib.Find("standin_running").Call(0) }

// Count is the number of what is alive (contexts, streams, buffers, bytes, modules, graphs, executables), or was done:
// launches, runs of kernels, misuses, and abandoned streams and buffers, which ended with their context.
func (d *Driver) Count(what string) int {
	text := append([]byte(what), 0)
	n := int(d.lib.Find("standin_count").Call(uintptr(unsafe.Pointer(&text[0]))))
	if n < 0 {
		panic("nothing is counted as " + what)
	}
	return n
}

// Misuses says what was done wrongly, and what kernels did.
func (d *Driver) Misuses() string {
	address := d.lib.Find("standin_misuses").Call()
	d.mu.Lock()
	defer d.mu.Unlock()
	return goString(pointer(address)) + fmt.Sprint(d.errs)
}

// pointer is memory of C's.
func pointer(address uintptr) *byte { return *(**byte)(unsafe.Pointer(&address)) }

// goString copies C's text.
func goString(text *byte) string {
	n := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(text), n)) != 0 {
		n++
	}
	return string(unsafe.Slice(text, n))
}
