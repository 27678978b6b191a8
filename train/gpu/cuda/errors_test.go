package cuda

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/gpu/cudatest"
	"github.com/distillmesh/distillmesh/train/gpu/driver"
	"github.com/distillmesh/distillmesh/train/gpu/library"
)

// said is an error unless a message is one line that has all of some texts.
func said(t *testing.T, err error, texts ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%q does not say %q", err, text)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("%q has several lines", err)
	}
}

func TestADriverThatDoesNotStartSaysWhyAndWhatToDo(t *testing.T) {
	s := cudatest.New(t)
	for name, c := range map[string]struct {
		code  int
		texts []string
	}{
		"no device":              {100, []string{"no CUDA-capable device is detected", "is one assigned to this machine"}},
		"after an update":        {803, []string{"driver / cuda driver combination", "restart"}},
		"compatibility library":  {804, []string{"forward compatibility", "LD_LIBRARY_PATH"}},
		"an MPS daemon is gone":  {805, []string{"MPS client failed to connect", "CUDA_MPS_PIPE_DIRECTORY"}},
		"an MPS daemon is full":  {808, []string{"MPS client", "serves no more clients"}},
		"an MPS daemon has died": {810, []string{"MPS client has been terminated", "ended this client"}},
		"a code of the future":   {12345, []string{"unknown error (CUDA error 12345)"}},
	} {
		t.Run(name, func(t *testing.T) {
			s.Init(c.code, 1, 12040)
			found, err := List()
			if len(found) > 0 {
				t.Errorf("listed %v", found)
			}
			said(t, err, append(c.texts, "cuInit")...)
		})
	}
}

func TestADeviceFileThatThisUserMayNotOpenIsNamed(t *testing.T) {
	s := cudatest.New(t)
	defer func(old func(string) error) { tryOpen = old }(tryOpen)
	s.Init(noDevice, 1, 12040)
	tryOpen = func(name string) error { return &os.PathError{Op: "open", Path: name, Err: os.ErrPermission} }
	_, err := List()
	said(t, err, "no CUDA-capable device", "no permission for /dev/nvidiactl")
	tryOpen = func(name string) error { return &os.PathError{Op: "open", Path: name, Err: os.ErrNotExist} }
	if _, err := List(); strings.Contains(err.Error(), "permission") {
		t.Errorf("without device files: %v", err)
	}
}

func TestEveryCallOfTheListMayFail(t *testing.T) {
	s := cudatest.New(t)
	for _, call := range []string{"cuDriverGetVersion", "cuDeviceGetCount"} {
		s.Fail(call, 1, 999)
		_, err := List()
		said(t, err, call, "CUDA error 999")
	}
	for _, call := range []string{"cuDeviceGet", "cuDeviceGetName", "cuDeviceTotalMem_v2", "cuDeviceGetUuid_v2"} {
		s.Reset()
		s.Init(success, 2, 12040)
		s.Fail(call, 1, unavailable)
		found, err := List()
		if err != nil || len(found) != 2 || found[1].Reason != "" || found[0].ID != "cuda:0" {
			t.Fatalf("%s: %+v, %v", call, found, err)
		}
		said(t, errors.New(found[0].Reason), strings.TrimSuffix(call, "_v2"), "busy or unavailable",
			"another process has the GPU")
		if _, err := found[0].Open(); err == nil {
			t.Errorf("%s: opened all the same", call)
		}
	}
}

func TestADeviceThatCannotBeOpenedLeavesNothing(t *testing.T) {
	s := cudatest.New(t)
	found, err := List()
	if err != nil {
		t.Fatal(err)
	}
	for call, code := range map[string]int{"cuCtxCreate_v2": 46, "cuStreamCreate": outOfMemory} {
		s.Fail(call, 1, code)
		if _, err := found[0].Open(); err == nil {
			t.Errorf("%s: opened", call)
		} else {
			said(t, err, "cuda:0", strings.TrimSuffix(call, "_v2"))
		}
		if n := s.Count("contexts"); n != 0 {
			t.Errorf("%s: %d contexts are left", call, n)
		}
	}
}

func TestWithoutMemoryTheDeviceGoesOn(t *testing.T) {
	s, d := opened(t)
	s.Device(0, "small", 1<<20, 9, 0, 4)
	k, kept := filler(t, d), alloc(t, d, 256)
	before := s.Count("bytes")
	_, err := d.Alloc(1 << 20)
	said(t, err, "4194304 bytes, 1047552 of 1048576 free", "out of memory")
	if !errors.Is(err, driver.ErrMemory) || errors.Is(err, driver.ErrLost) || s.Count("bytes") != before {
		t.Errorf("%v, %d bytes, %d before", err, s.Count("bytes"), before)
	}
	s.Fail("cuMemsetD32Async", 1, outOfMemory)
	s.Fail("cuMemGetInfo_v2", 1, 999)
	if _, err := d.Alloc(10); !errors.Is(err, driver.ErrMemory) || s.Count("bytes") != before {
		t.Errorf("memory that cannot be cleared: %v, %d bytes", err, s.Count("bytes"))
	}
	if _, err := d.Alloc(1 << 20); !errors.Is(err, driver.ErrMemory) {
		t.Errorf("%v", err)
	}
	for range 3 { // a graph that finds no memory, too
		s.Fail("cuGraphInstantiateWithFlags", 1, outOfMemory)
		if _, err := d.Record([]driver.Launch{filling(k, kept, 0, 1, 1)}); !errors.Is(err, driver.ErrMemory) {
			t.Errorf("%v", err)
		}
	}
	got := make([]float32, 256)
	if err := errors.Join(d.Launch(filling(k, kept, 0, 1, 1)), kept.Read(0, got)); err != nil || got[255] != 256 {
		t.Errorf("afterwards: %v, %v", got[255], err)
	}
	if n := s.Count("graphs") + s.Count("executables"); n != 0 {
		t.Errorf("%d graphs are left", n)
	}
}

func TestADeviceIsLostByAnErrorOfAKernel(t *testing.T) {
	for code, texts := range map[int][]string{illegalAddress: {"illegal memory access"},
		launchTimeout: {"timed out", "a watchdog stopped a kernel"}, eccUncorrectable: {"ECC"}} {
		s, d := opened(t)
		k, b := filler(t, d), alloc(t, d, 256)
		r, err := d.Record([]driver.Launch{filling(k, b, 0, 1, 1)})
		if err != nil {
			t.Fatal(err)
		}
		s.Fail("kernel", 2, code)
		if err := errors.Join(r.Run(), r.Run()); err != nil {
			t.Errorf("an error was known before the work was waited for: %v", err)
		}
		err = d.Sync()
		said(t, err, append(texts, "cuStreamSynchronize")...)
		_, failed := d.Alloc(1)
		for what, err := range map[string]error{"sync": err, "alloc": failed, "run": r.Run(),
			"write": b.Write(0, []float32{1}), "read": b.Read(0, make([]float32, 1)), "launch": d.Launch(filling(k, b, 0, 1,
				1)), "sync again": d.Sync()} {
			if !errors.Is(err, driver.ErrLost) {
				t.Errorf("%s after error %d: %v", what, code, err)
			}
		}
		r.Free()
		d.Close()
		if n := s.Count("contexts"); n != 0 {
			t.Errorf("%d contexts of a lost device are left", n)
		}
	}
}

func TestMemoryThatWasFreedEndsTheDeviceAndNothingElse(t *testing.T) {
	s, d := opened(t)
	k, kept, freed := filler(t, d), alloc(t, d, 256), alloc(t, d, 256)
	r, err := d.Record([]driver.Launch{filling(k, kept, 0, 1, 1), filling(k, freed, 0, 1, 1)})
	if err != nil {
		t.Fatal(err)
	}
	freed.Free()
	if err := errors.Join(r.Run(), d.Sync()); !errors.Is(err, driver.ErrLost) {
		t.Errorf("a kernel wrote to freed memory: %v", err)
	}
	found, err := List()
	if err != nil {
		t.Fatal(err)
	}
	again, err := found[0].Open() // a new context
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	b, got := alloc(t, again, 256), make([]float32, 256)
	k = filler(t, again)
	if err := errors.Join(again.Launch(filling(k, b, 0, 3, 0)), b.Read(0, got)); err != nil || got[7] != 3 {
		t.Errorf("after opening it again: %v, %v", got[7], err)
	}
	d.Close()
	if n := s.Count("executables"); n != 0 {
		t.Errorf("%d executables outlived their device", n)
	}
}

func TestPTXThatIsRefusedIsSaidWithTheCompilersWords(t *testing.T) {
	s, d := opened(t)
	_, err := d.Build(strings.Replace(fill, "fma.rn.f32", "fma.rn.f99", 1))
	said(t, err, "cuModuleLoadDataEx", "PTX JIT compilation failed", "ptxas fatal", "unknown instruction fma.rn.f99")
	if !errors.Is(err, driver.ErrBuild) {
		t.Errorf("%v", err)
	}
	for _, code := range []int{invalidPTX, unsupportedPTX} {
		s.Fail("cuModuleLoadDataEx", 1, code)
		if _, err = d.Build(fill); !errors.Is(err, driver.ErrBuild) {
			t.Errorf("%v", err)
		}
		said(t, err, "refused by the stand-in")
	}
	said(t, err, "the driver is older than needed")
	m, err := d.Build(fill)
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Kernel("other")
	said(t, err, "cuModuleGetFunction other", "not found")
	m.Free()
	if n := s.Count("modules"); n != 0 {
		t.Errorf("%d modules are left", n)
	}
}

func TestAnErrorWithinACaptureEndsIt(t *testing.T) {
	s, d := opened(t)
	k, b := filler(t, d), alloc(t, d, 256)
	launches := slices.Repeat([]driver.Launch{filling(k, b, 0, 1, 1)}, 3)
	foreign := filling(k, nil, 0, 1, 1)
	foreign.Args[0].Buffer = struct{ driver.Buffer }{}
	for name, broken := range map[string]func() []driver.Launch{
		"the driver refuses a launch": func() []driver.Launch {
			s.Fail("cuLaunchKernel", 2, outOfResources)
			return launches
		},
		"the capture does not begin": func() []driver.Launch {
			s.Fail("cuStreamBeginCapture_v2", 1, 999)
			return launches
		},
		"a buffer of another device": func() []driver.Launch { return append(slices.Clone(launches), foreign) },
		"a kernel of another device": func() []driver.Launch { return append(slices.Clone(launches), driver.Launch{}) },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := d.Record(broken())
			said(t, err)
			if strings.Contains(err.Error(), "previous error") {
				t.Errorf("the reason was lost: %v", err)
			}
			if n := s.Count("graphs") + s.Count("executables"); n != 0 {
				t.Errorf("%d graphs are left", n)
			}
			r, err := d.Record(launches)
			if err != nil {
				t.Fatalf("the next capture: %v", err)
			}
			defer r.Free()
			if err := errors.Join(r.Run(), d.Sync()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestLibrariesThatAreOldOrNoneAreSaidInOneLine(t *testing.T) {
	s := cudatest.New(t)
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, err := os.ReadFile(s.Path())
	if err != nil {
		t.Fatal(err)
	}
	narrow := slices.Clone(good)
	narrow[4] = 1 // ELFCLASS32
	old := filepath.Join(dir, "libold.so")
	if err := cudatest.Compile(old, "WITHOUT_GRAPHS"); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		path  string
		texts []string
	}{
		"older than CUDA 11.4":          {old, []string{"lacks cuGraphInstantiateWithFlags", "CUDA 11.4 or later is needed"}},
		"of another processor":          {write("lib32.so", narrow), []string{"lib32.so", "wrong ELF class"}},
		"garbage":                       {write("garbage.so", []byte("not a library\nat all")), []string{"garbage.so"}},
		"not there":                     {filepath.Join(dir, "libnone.so"), []string{"libnone.so", "No such file"}},
		"a path that is no whole one":   {"libcuda.so", []string{"give the whole path"}},
		"a library of something else":   {"/proc/self/exe", nil},
		"a folder in place of the file": {dir, nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := loadNamed(c.path)
			said(t, err, append(c.texts, LibraryVariable)...)
			if errors.Is(err, library.ErrAbsent) {
				t.Errorf("%v: a library that was named counts as not installed", err)
			}
		})
	}
	before := filepath.Join(dir, "libuuid.so")
	if err := cudatest.Compile(before, "OLD_UUID"); err != nil {
		t.Fatal(err)
	}
	if _, err := loadNamed(before); err != nil {
		t.Errorf("an older name of a function: %v", err)
	}
}
