package opencl

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/gpu/driver"
	"github.com/distillmesh/distillmesh/train/gpu/library"
)

// first is the first device, opened, or skips.
func first(t *testing.T) driver.Device {
	t.Helper()
	found, err := List()
	if err != nil {
		t.Skipf("no OpenCL (Debian: pocl-opencl-icd): %v", err)
	}
	d, err := found[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func alloc(t *testing.T, d driver.Device, n int) driver.Buffer {
	t.Helper()
	b, err := d.Alloc(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Free)
	return b
}

const source = `
__kernel __attribute__((reqd_work_group_size(256, 1, 1)))
void scale(__global float *x, float by, ulong from) {
	x[from + get_global_id(0)] *= by + get_group_id(1) + get_group_id(2);
}
`

func TestDevicesAreDescribed(t *testing.T) {
	info := first(t).Info()
	if info.ID != "opencl:0" || info.Name == "" || info.Memory <= 0 || info.Units < 1 || !strings.HasPrefix(info.Version,
		"OpenCL ") {
		t.Errorf("described as %+v", info)
	}
}

func TestBuffersStartAtZeroAndKeepValues(t *testing.T) {
	d := first(t)
	a, b, out := alloc(t, d, 10), alloc(t, d, 10), make([]float32, 10)
	if err := a.Read(0, out); err != nil || slices.ContainsFunc(out, func(v float32) bool { return v != 0 }) {
		t.Errorf("a new buffer holds %v, %v", out, err)
	}
	err := errors.Join(a.Write(2, []float32{1, 2, 3}), b.Copy(5, a, 3, 2), b.Read(0, out), a.Write(10, nil), a.Read(10,
		nil), d.Sync())
	if err != nil || out[5] != 2 || out[6] != 3 || out[4] != 0 {
		t.Errorf("copied %v, %v", out, err)
	}
	for what, err := range map[string]error{"write": a.Write(8, out[:3]), "read": a.Read(-1, out[:1]),
		"copy to":   a.Copy(9, b, 0, 2),
		"copy from": a.Copy(0, b, 9, 2)} {
		if err == nil {
			t.Errorf("%s beyond the buffer", what)
		}
	}
}

func TestLaunchesAndRecordingsRunInOrder(t *testing.T) {
	d := first(t)
	m, err := d.Build(source)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Free()
	k, err := m.Kernel("scale")
	if err != nil {
		t.Fatal(err)
	}
	b, values := alloc(t, d, 512), make([]float32, 512)
	for i := range values {
		values[i] = 1
	}
	launch := func(by float32, from int) driver.Launch {
		return driver.Launch{Kernel: k, Groups: [3]int{1, 1, 1}, Args: []driver.Arg{driver.Pointer(b), number(by),
			driver.Long(from)}}
	}
	one := launch(3, 0)
	if err := errors.Join(b.Write(0, values), d.Launch(one)); err != nil {
		t.Fatal(err)
	}
	r, err := d.Record([]driver.Launch{launch(2, 0), launch(5, 256)})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Free()
	if err := errors.Join(r.Run(), r.Run(), b.Read(0, values)); err != nil {
		t.Fatal(err)
	}
	if values[0] != 12 || values[255] != 12 || values[256] != 25 || values[511] != 25 {
		t.Errorf("values %v %v %v %v", values[0], values[255], values[256], values[511])
	}
}

func number(v float32) driver.Arg {
	return driver.Words(map[float32]uint32{2: 0x40000000, 3: 0x40400000, 5: 0x40a00000}[v])
}

func TestWhatADriverRefusesIsSaid(t *testing.T) {
	d := first(t)
	if _, err := d.Build("__kernel void broken( {"); !errors.Is(err, driver.ErrBuild) || len(err.Error()) < 40 {
		t.Errorf("a broken kernel: %v", err)
	}
	m, err := d.Build(source)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Free()
	if _, err := m.Kernel("other"); err == nil {
		t.Error("a kernel that is not there was found")
	}
	if _, err := d.Alloc(math.MaxInt / 8); !errors.Is(err, driver.ErrMemory) {
		t.Errorf("an exabyte: %v", err)
	}
	k, err := m.Kernel("scale")
	if err != nil {
		t.Fatal(err)
	}
	bad := driver.Launch{Kernel: k, Groups: [3]int{1, 1, 1}, Args: []driver.Arg{driver.Words(1, 2, 3)}}
	if err := d.Launch(bad); err == nil {
		t.Error("an argument of the wrong size was taken")
	}
	other := first(t)
	good := driver.Launch{Kernel: k, Groups: [3]int{1, 1, 1}}
	if err := other.Launch(good); err == nil {
		t.Error("a kernel of another device was launched")
	}
	if _, err := other.Record([]driver.Launch{good}); err == nil {
		t.Error("a kernel of another device was recorded")
	}
	if err := alloc(t, d, 1).Copy(0, nil, 0, 1); err == nil {
		t.Error("copied from nothing")
	}
}

func TestErrorsHaveTheirKind(t *testing.T) {
	for code, kind := range map[int32]error{memoryAllocation: driver.ErrMemory, outOfResources: driver.ErrLost} {
		if err := check("call", uintptr(uint32(code))); !errors.Is(err, kind) {
			t.Errorf("%d: %v", code, err)
		}
	}
	if err := check("clBuildProgram", 0); err != nil {
		t.Error(err)
	}
	if err := check("call", ^uintptr(998)); err == nil || !strings.Contains(err.Error(), "-999") {
		t.Errorf("an unknown code: %v", err)
	}
}

func TestALibraryThatIsNotOpenCLIsRefused(t *testing.T) {
	if _, err := loadFrom("libc.so.6"); !errors.Is(err, library.ErrAbsent) || !strings.Contains(err.Error(),
		"clBuildProgram") && library.Built {
		t.Errorf("got %v", err)
	}
	bad := Found{Reason: "too old"}
	if _, err := bad.Open(); err == nil {
		t.Error("a device that cannot be used was opened")
	}
}

func TestTheListIsTheSameEachTime(t *testing.T) {
	first(t)
	one, err := List()
	if err != nil {
		t.Fatal(err)
	}
	two, err := List()
	if err != nil || len(one) != len(two) || one[0].Info != two[0].Info {
		t.Errorf("%+v, then %+v, %v", one, two, err)
	}
}
