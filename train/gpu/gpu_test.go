package gpu

import (
	"errors"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/gpu/driver"
	"github.com/distillmesh/distillmesh/train/gpu/library"
	"github.com/distillmesh/distillmesh/train/gpu/opencl"
)

func named(id, reason string, processor bool) Device {
	return Device{Info: driver.Info{ID: id, Name: "card " + id, CPU: processor}, Reason: reason}
}

func TestCandidatesAreUsableAndNoProcessors(t *testing.T) {
	none := []string{"CUDA: " + noDriver}
	for _, c := range []struct {
		name    string
		found   Found
		want    string
		because string
	}{
		{"one GPU", Found{Devices: []Device{named("cuda:0", "", false)}}, "cuda:0", ""},
		{"a processor before a GPU", Found{Devices: []Device{named("opencl:0", "", true), named("opencl:1", "", false)}},
			"opencl:1", ""},
		{"an old GPU before a new one", Found{Devices: []Device{named("cuda:0", "too old", false), named("cuda:1", "",
			false)}}, "cuda:1", ""},
		{"an old GPU alone", Found{Devices: []Device{named("cuda:0", "too old", false)}}, "", "cuda:0: too old"},
		{"two GPUs", Found{Devices: []Device{named("cuda:0", "", false), named("opencl:0", "", false)}}, "cuda:0 opencl:0",
			""},
		{"a processor alone", Found{Devices: []Device{named("opencl:0", "", true)}, Absent: none}, "",
			"opencl:0 is a processor"},
		{"nothing", Found{Absent: none}, "", noDriver},
	} {
		list, err := c.found.Candidates()
		var got []string
		for _, d := range list {
			got = append(got, d.ID)
		}
		if strings.Join(got, " ") != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
		if err != nil && (!errors.Is(err, ErrNone) || !strings.Contains(err.Error(), c.because)) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestADeviceThatIsNotThereIsAnErrorThatNamesWhatIs(t *testing.T) {
	f := Found{Devices: []Device{named("cuda:0", "", false), named("cuda:1", "too old", false)},
		Absent: []string{"OpenCL: " + noDriver}}
	if d, err := f.ByID("cuda:0"); err != nil || d.ID != "cuda:0" {
		t.Errorf("cuda:0: %v", err)
	}
	for id, want := range map[string]string{"cuda:1": "too old", "cuda:2": "there are cuda:0, cuda:1"} {
		if _, err := f.ByID(id); !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", id, err)
		}
	}
	f = Found{Devices: []Device{named("opencl:0", "", true)}, Absent: []string{"CUDA: the driver sees no GPU"}}
	if _, err := f.ByID("cuda:0"); !strings.Contains(err.Error(), "the driver sees no GPU; there are opencl:0") {
		t.Errorf("a driver without a device beside another's: %v", err)
	}
	if _, err := f.ByID("opencl:1"); strings.Contains(err.Error(), "CUDA") {
		t.Errorf("the reason of another driver: %v", err)
	}
	if _, err := (Found{Absent: []string{"CUDA: " + noDriver}}).ByID("cuda:0"); !strings.Contains(err.Error(), noDriver) {
		t.Errorf("without a driver: %v", err)
	}
	if _, err := named("cuda:1", "too old", false).Open(); !errors.Is(err, ErrNone) {
		t.Errorf("an old device was opened: %v", err)
	}
}

func TestWhatIsSaidOfDriversIsShort(t *testing.T) {
	for text, want := range map[string]string{
		"libcuda.so: cannot open shared object file: No such file or directory": noDriver,
		"libcuda.so.1: wrong ELF class:\n ELFCLASS32":                           "libcuda.so.1: wrong ELF class: ELFCLASS32",
	} {
		if got := oneLine(errors.Join(library.ErrAbsent, errors.New(text))); !strings.HasSuffix(got, want) {
			t.Errorf("%q became %q", text, got)
		}
	}
	if !(Found{Absent: []string{"CUDA: " + noDriver, "OpenCL: " + noDriver}}).NoDriver() ||
		(Found{Absent: []string{"CUDA: too old"}}).NoDriver() {
		t.Error("no driver and an old one are told apart")
	}
	if !(Found{Devices: []Device{named("opencl:0", "", true)}}).OnlyProcessors() || (Found{}).OnlyProcessors() {
		t.Error("processors alone are recognised")
	}
}

func TestALibraryOfOpenCLWithoutDriversIsNoDriver(t *testing.T) {
	var none, beside Found
	none.note("OpenCL", 0, opencl.ErrNoDriver)
	beside.Devices = []Device{named("cuda:0", "", false)}
	beside.note("OpenCL", 0, opencl.ErrNoDriver)
	if !none.NoDriver() || beside.NoDriver() || len(beside.Absent) != 1 {
		t.Errorf("%v; beside a GPU of CUDA %v", none.Absent, beside.Absent)
	}
}

func TestFindAgreesWithItself(t *testing.T) {
	f := Find()
	if len(f.Devices) == 0 && len(f.Absent) == 0 {
		t.Error("nothing found and nothing said")
	}
	for _, d := range f.Devices {
		if got, err := f.ByID(d.ID); got.Name != d.Name || (err == nil) != (d.Reason == "") {
			t.Errorf("%s: %v", d.ID, err)
		}
	}
}
