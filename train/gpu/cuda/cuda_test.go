package cuda

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/gpu/cudatest"
	"github.com/distillmesh/distillmesh/train/gpu/driver"
)

func TestMain(m *testing.M) { cudatest.Main(m) }

// fill is a kernel that writes value + the number of the item to a buffer, from a place on.
const fill = `
.version 6.3
.target sm_50
.address_size 64
.visible .entry fill(
	.param .u64 fill_0,
	.param .u64 fill_1,
	.param .align 4 .b8 fill_2[8]
)
.reqntid 256, 1, 1
{
	mov.u32 %r1, %tid.x;
	mov.u32 %r2, %ctaid.x;
	shl.b32 %r2, %r2, 8;
	add.s32 %r1, %r1, %r2;
	ld.param.u64 %rd1, [fill_0];
	ld.param.u64 %rd2, [fill_1];
	ld.param.f32 %f1, [fill_2];
	ld.param.f32 %f2, [fill_2+4];
	mul.wide.u32 %rd3, %r1, 4;
	add.s64 %rd1, %rd1, %rd3;
	shl.b64 %rd2, %rd2, 2;
	add.s64 %rd1, %rd1, %rd2;
	cvt.rn.f32.u32 %f3, %r1;
	fma.rn.f32 %f1, %f3, %f2, %f1;
	st.global.f32 [%rd1], %f1;
	ret;
}
`

// opened is the first device of the stand-in.
func opened(t testing.TB) (*cudatest.Driver, driver.Device) {
	t.Helper()
	s := cudatest.New(t)
	found, err := List()
	if err != nil {
		t.Fatal(err)
	}
	d, err := found[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return s, d
}

func alloc(t testing.TB, d driver.Device, n int) driver.Buffer {
	t.Helper()
	b, err := d.Alloc(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Free)
	return b
}

// filler is the kernel, built.
func filler(t testing.TB, d driver.Device) driver.Kernel {
	t.Helper()
	m, err := d.Build(fill)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Free)
	k, err := m.Kernel("fill")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// filling writes value, value + step, ... to 256 values of a buffer.
func filling(k driver.Kernel, b driver.Buffer, at int, value, step float32) driver.Launch {
	return driver.Launch{Kernel: k, Groups: [3]int{1, 1, 1},
		Args: []driver.Arg{driver.Pointer(b), driver.Long(at), floats(value, step)}}
}

func TestDevicesAreDescribed(t *testing.T) {
	s := cudatest.New(t)
	s.Init(success, 3, 11080)
	s.Device(1, "NVIDIA H200", 150754820096, 9, 0, 132)
	s.Device(2, "Tesla K40", 12<<30, 3, 5, 15)
	found, err := List()
	if err != nil || len(found) != 3 {
		t.Fatalf("%v, %v", found, err)
	}
	want := driver.Info{Name: "NVIDIA H200", ID: "cuda:1", UUID: "GPU-01122334-4556-6778-899a-abbccddeef00",
		Memory: 150754820096, Version: "compute capability 9.0, driver for CUDA 11.8", Units: 132}
	if found[1].Info != want || found[1].Reason != "" {
		t.Errorf("%+v, want %+v", found[1], want)
	}
	if found[0].ID != "cuda:0" || found[2].ID != "cuda:2" || found[0].UUID == found[1].UUID {
		t.Errorf("%+v", found)
	}
	if found[2].Reason != "compute capability 3.5, 5.0 is needed" {
		t.Errorf("an old GPU: %q", found[2].Reason)
	}
	if _, err := found[2].Open(); err == nil {
		t.Error("an old GPU was opened")
	}
	s.Init(success, 0, 12040)
	if found, err = List(); err != nil || len(found) != 0 {
		t.Errorf("a driver without a device: %v, %v", found, err)
	}
	d, err := (Found{Info: want, api: must(t), device: 0}).Open()
	if err == nil {
		d.Close()
		t.Error("opened a device that is gone")
	}
}

func must(t *testing.T) *functions {
	t.Helper()
	f, err := load()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestBuffersStartAtZeroAndKeepValues(t *testing.T) {
	s, d := opened(t)
	if d.Language() != driver.PTX || d.Info().ID != "cuda:0" {
		t.Errorf("%v, %+v", d.Language(), d.Info())
	}
	a, b, out := alloc(t, d, 10), alloc(t, d, 10), make([]float32, 10)
	if err := a.Read(0, out); err != nil || slices.ContainsFunc(out, func(v float32) bool { return v != 0 }) {
		t.Errorf("a new buffer holds %v, %v", out, err)
	}
	values := []float32{1, 2, 3}
	err := a.Write(2, values)
	clear(values) // the driver has copied them
	err = errors.Join(err, b.Copy(5, a, 3, 2), a.Copy(0, a, 2, 2), b.Read(0, out), a.Write(10, nil), a.Read(10, nil),
		b.Copy(10, a, 10, 0), d.Sync())
	if err != nil || !slices.Equal(out, []float32{0, 0, 0, 0, 0, 2, 3, 0, 0, 0}) {
		t.Errorf("copied %v, %v", out, err)
	}
	if err := a.Read(0, out[:4]); err != nil || !slices.Equal(out[:4], []float32{1, 2, 1, 2}) {
		t.Errorf("copied within a buffer: %v, %v", out[:4], err)
	}
	for what, err := range map[string]error{"write": a.Write(8, out[:3]), "read": a.Read(-1, out[:1]),
		"copy to": a.Copy(9, b, 0, 2), "copy from": a.Copy(0, b, 9, 2), "copy of another driver": a.Copy(0, nil, 0, 1)} {
		if err == nil {
			t.Errorf("%s beyond the buffer", what)
		}
	}
	none := alloc(t, d, 0)
	if err := errors.Join(none.Read(0, nil), none.Write(0, nil)); err != nil || none.Len() != 0 {
		t.Errorf("a buffer of nothing: %v", err)
	}
	a.Free()
	a.Free()
	if n := s.Count("buffers"); n != 2 {
		t.Errorf("%d buffers are alive, want 2", n)
	}
}

func TestLaunchesAndRecordingsRunInOrderWithTheirArguments(t *testing.T) {
	s, d := opened(t)
	k, b, got := filler(t, d), alloc(t, d, 1024), make([]float32, 1024)
	wide := filling(k, b, 256, 1000, 0.5)
	wide.Groups[0] = 2
	if err := d.Launch(filling(k, b, 0, 5, 0), filling(k, b, 0, 7, -1), wide); err != nil {
		t.Fatal(err)
	}
	if n := s.Count("runs"); n != 0 {
		t.Errorf("%d kernels have run before anybody waits", n)
	}
	if err := b.Read(0, got); err != nil || got[0] != 7 || got[255] != -248 || got[256] != 1000 || got[767] != 1255.5 ||
		got[768] != 0 {
		t.Errorf("%v ... %v %v ... %v %v, %v", got[0], got[255], got[256], got[767], got[768], err)
	}
	again := []driver.Launch{filling(k, b, 0, 5, 0), filling(k, b, 0, 7, 1)}
	r, err := d.Record(again)
	if err != nil {
		t.Fatal(err)
	}
	clear(again[1].Args[2].Bytes) // the graph has copied them
	runs := s.Count("runs")
	err = errors.Join(b.Write(0, make([]float32, 1024)), r.Run(), b.Write(3, []float32{-1}), r.Run(), b.Read(0, got))
	if err != nil || got[3] != 10 || got[256] != 0 || s.Count("runs") != runs+4 {
		t.Errorf("replayed twice: %v %v, %d kernels, %v", got[3], got[256], s.Count("runs")-runs, err)
	}
	if n := s.Count("graphs"); n != 0 || s.Count("executables") != 1 {
		t.Errorf("%d graphs, %d executables are alive", n, s.Count("executables"))
	}
	r.Free()
	r.Free()
	if err := r.Run(); err == nil {
		t.Error("launches that were freed ran")
	}
	if n := s.Count("executables"); n != 0 {
		t.Errorf("%d executables are left", n)
	}
}

func TestADriversLimitsOfAGridAreErrors(t *testing.T) {
	s, d := opened(t)
	k, b := filler(t, d), alloc(t, d, 256)
	l := filling(k, b, 0, 1, 1)
	for _, groups := range [][3]int{{0, 1, 1}, {1, 65536, 1}, {1, 1, 65536}} {
		l.Groups = groups
		said(t, d.Launch(l), "cuLaunchKernel fill", "invalid argument")
	}
	if n := s.Count("misuses"); n != 3 {
		t.Errorf("%d misuses are counted", n)
	}
	s.Reset()
}

// A device is used by one goroutine at a time, on whatever thread of the system it is.
func TestAnyThreadMayUseADevice(t *testing.T) {
	_, d := opened(t)
	k, b := filler(t, d), alloc(t, d, 256)
	found, err := List()
	if err != nil {
		t.Fatal(err)
	}
	other, err := found[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	for i := range 20 {
		done := make(chan error)
		go func() {
			runtime.LockOSThread() // and never unlocks: the thread ends with the goroutine
			got := make([]float32, 256)
			theirs, err := other.Alloc(1) // another context is current
			if err != nil {
				done <- err
				return
			}
			theirs.Free()
			r, err := d.Record([]driver.Launch{filling(k, b, 0, float32(i), 1)})
			if err != nil {
				done <- err
				return
			}
			err = errors.Join(r.Run(), b.Read(0, got))
			if r.Free(); err == nil && got[1] != float32(i+1) {
				err = fmt.Errorf("thread %d read %v", i, got[1])
			}
			done <- err
		}()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	theirs := alloc(t, other, 256)
	if err := d.Launch(filling(k, theirs, 0, 1, 1)); err == nil {
		t.Error("a kernel got memory of another device")
	}
	if err := b.Copy(0, theirs, 0, 1); err == nil {
		t.Error("memory of another device was copied")
	}
	if err := other.Launch(filling(k, b, 0, 1, 1)); err == nil {
		t.Error("a kernel of another device was launched")
	}
}

func TestClosingADeviceFreesAllOfIt(t *testing.T) {
	s, d := opened(t)
	m, err := d.Build(fill)
	if err != nil {
		t.Fatal(err)
	}
	k, err := m.Kernel("fill")
	if err != nil {
		t.Fatal(err)
	}
	b, err := d.Alloc(256)
	if err != nil {
		t.Fatal(err)
	}
	r, err := d.Record([]driver.Launch{filling(k, b, 0, 1, 1)})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Run(), d.Sync()); err != nil {
		t.Fatal(err)
	}
	d.Close()
	d.Close()
	for _, what := range []string{"contexts", "streams", "buffers", "bytes", "modules", "graphs", "executables"} {
		if n := s.Count(what); n != 0 {
			t.Errorf("%d %s are left", n, what)
		}
	}
	for what, err := range map[string]error{"run": r.Run(), "read": b.Read(0, make([]float32, 1)), "sync": d.Sync(),
		"launch": d.Launch(filling(k, b, 0, 1, 1))} {
		if !errors.Is(err, driver.ErrLost) || !strings.Contains(err.Error(), "cuda:0 was closed") {
			t.Errorf("%s after the end: %v", what, err)
		}
	}
	r.Free()
	b.Free()
	m.Free()
}

func TestNothingIsAllocatedPerLaunch(t *testing.T) {
	s, d := opened(t)
	s.Discard()
	k, b := filler(t, d), alloc(t, d, 256)
	launches := []driver.Launch{filling(k, b, 0, 1, 1), filling(k, b, 0, 2, 1)}
	r, err := d.Record(launches)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Free()
	for what, f := range map[string]func() error{"a launch": func() error { return d.Launch(launches...) },
		"a replay": r.Run} {
		if n := testing.AllocsPerRun(200, func() { err = f() }); n > 0 || err != nil {
			t.Errorf("%v allocations for %s, %v", n, what, err)
		}
	}
}

// BenchmarkLaunch queues what a step of a small network does: some 50 launches.
func BenchmarkLaunch(b *testing.B) {
	for _, n := range []int{1, 50} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s, d := opened(b)
			s.Discard()
			launches := slices.Repeat([]driver.Launch{filling(filler(b, d), alloc(b, d, 256), 0, 1, 2)}, n)
			b.ReportAllocs()
			for b.Loop() {
				if err := d.Launch(launches...); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/launch")
		})
	}
}

func BenchmarkReplay(b *testing.B) {
	s, d := opened(b)
	s.Discard()
	r, err := d.Record(slices.Repeat([]driver.Launch{filling(filler(b, d), alloc(b, d, 256), 0, 1, 2)}, 50))
	if err != nil {
		b.Fatal(err)
	}
	defer r.Free()
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Run(); err != nil {
			b.Fatal(err)
		}
	}
}

func floats(values ...float32) driver.Arg {
	words := make([]uint32, len(values))
	for i, v := range values {
		words[i] = math.Float32bits(v)
	}
	return driver.Words(words...)
}
