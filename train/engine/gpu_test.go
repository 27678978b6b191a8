package engine

import (
	"errors"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/gpu"
	"github.com/distillmesh/distillmesh/train/gpu/cudatest"
	"github.com/distillmesh/distillmesh/train/graph"
)

func TestMain(m *testing.M) { cudatest.Main(m) }

// standin is the stand-in for CUDA's driver, with nothing opened on it.
func standin(t *testing.T) *cudatest.Driver {
	t.Helper()
	s := cudatest.New(t)
	forget := func() {
		hosts.Lock()
		defer hosts.Unlock()
		for id, h := range hosts.opened {
			h.Close()
			delete(hosts.opened, id)
		}
	}
	t.Cleanup(forget)
	forget()
	return s
}

// on is an engine of a choice.
func on(t *testing.T, c device.Choice) graph.Engine {
	t.Helper()
	e, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// double compiles and runs x -> 2 x, and returns 2 * 21.
func double(e graph.Engine) (float32, error) {
	g := graph.New()
	x := graph.Input(g, "x", 1)
	p, err := e.Compile(graph.Spec{Inputs: []*graph.Node{x}, Outputs: []*graph.Node{graph.Scale(x, 2)}})
	if err != nil {
		return 0, err
	}
	defer p.Close()
	out := make([]float32, 1)
	return out[0], errors.Join(p.Set(0, []float32{21}), p.Run(), p.Get(0, out), wrong(out[0]))
}

func wrong(v float32) error {
	if v != 42 {
		return errors.New("computed wrongly, or not at all")
	}
	return nil
}

func TestAutoTakesAGPUThatPassesItsSelfTestAndSaysSo(t *testing.T) {
	s := standin(t)
	c, reason, err := Resolve(device.Choice{Name: device.Auto})
	if err != nil || c.Chosen() != "cuda:0" || reason != "Stand-in 0, which passed its self-test" {
		t.Fatalf("chose %s, %q, %v", c.Chosen(), reason, err)
	}
	runs := s.Count("runs")
	if runs == 0 {
		t.Error("the self-test ran nothing on the device")
	}
	e := on(t, c)
	if _, err := double(e); err != nil || e.Name() != "cuda:0 Stand-in 0" || s.Count("runs") != runs+1 {
		t.Errorf("%s, %d kernels, %v", e.Name(), s.Count("runs")-runs, err)
	}
	if c, reason, err = Resolve(device.Choice{Name: "cuda:0"}); err != nil || c.Chosen() != "cuda:0" ||
		!strings.Contains(reason, "passed its self-test") || s.Count("contexts") != 1 {
		t.Errorf("by name: %+v, %q, %v, %d contexts", c, reason, err, s.Count("contexts"))
	}
	if c, reason, err = Resolve(device.Choice{Name: device.CPU}); err != nil || c.Chosen() != device.CPU || reason != "" {
		t.Errorf("the processor by name: %+v, %q, %v", c, reason, err)
	}
}

func TestAutoSkipsAGPUThatIsTooOld(t *testing.T) {
	s := standin(t)
	s.Init(0, 2, 12040)
	s.Device(0, "Tesla K40", 1<<30, 3, 5, 15)
	if c, _, err := Resolve(device.Choice{Name: device.Auto}); err != nil || c.Chosen() != "cuda:1" {
		t.Errorf("chose %s, %v", c.Chosen(), err)
	}
	if _, _, err := Resolve(device.Choice{Name: "cuda:0"}); !errors.Is(err, device.ErrUnavailable) ||
		!strings.Contains(err.Error(), "compute capability 3.5, 5.0 is needed") {
		t.Errorf("by name: %v", err)
	}
}

func TestAutoTakesTheNextGPUWhereTheFirstFails(t *testing.T) {
	s := standin(t)
	s.Init(0, 2, 12040)
	s.Device(0, "taken", 1<<10, 9, 0, 4)
	if c, reason, err := Resolve(device.Choice{Name: device.Auto}); err != nil || c.Chosen() != "cuda:1" ||
		!strings.Contains(reason, "Stand-in 1") {
		t.Errorf("chose %s, %q, %v", c.Chosen(), reason, err)
	}
	if d, err := Usable(gpu.Find()); err != nil || d.ID != "cuda:1" {
		t.Errorf("%s is usable, %v", d.ID, err)
	}
	s.Device(1, "taken", 1<<10, 9, 0, 4)
	d, err := Usable(gpu.Find())
	if err == nil || d.ID != "cuda:0" || !strings.Contains(err.Error(), "cuda:0") || !strings.Contains(err.Error(),
		"cuda:1") {
		t.Errorf("%s is usable, %v", d.ID, err)
	}
}

func TestWhereNoGPUCanBeUsedAutoIsTheProcessorAndANameIsAnError(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(s *cudatest.Driver)
		reason  string
	}{
		"no device": {func(s *cudatest.Driver) { s.Init(100, 0, 12040) }, "no CUDA-capable device is detected"},
		"a driver that lists none": {func(s *cudatest.Driver) { s.Init(0, 0, 12040) },
			"CUDA: the driver lists no device"},
		"an MPS daemon that is gone": {func(s *cudatest.Driver) { s.Init(805, 1, 12040) }, "CUDA_MPS_PIPE_DIRECTORY"},
		"too old":                    {func(s *cudatest.Driver) { s.Device(0, "old", 1<<30, 3, 5, 4) }, "5.0 is needed"},
		"in use": {func(s *cudatest.Driver) { s.Fail("cuCtxCreate_v2", 1, 46) },
			"another process has the GPU for itself"},
		"no memory":              {func(s *cudatest.Driver) { s.Device(0, "full", 1<<10, 9, 0, 4) }, "out of memory"},
		"a kernel that fails":    {func(s *cudatest.Driver) { s.Fail("kernel", 1, 702) }, "a watchdog stopped a kernel"},
		"a driver that is older": {func(s *cudatest.Driver) { s.Fail("cuModuleLoadDataEx", 1, 222) }, "older than needed"},
		"wrong results":          {func(s *cudatest.Driver) { s.Break("fma.rn.f32") }, "failed its self-test"},
	} {
		t.Run(name, func(t *testing.T) {
			s := standin(t)
			c.prepare(s)
			got, reason, err := Resolve(device.Choice{Name: device.Auto})
			if err != nil || got.Chosen() != device.CPU || !strings.Contains(reason, c.reason) ||
				strings.Contains(reason, "\n") {
				t.Errorf("auto chose %s, %q, %v", got.Chosen(), reason, err)
			}
			if _, err := double(on(t, got)); err != nil {
				t.Errorf("the processor: %v", err)
			}
			s.Reset()
			c.prepare(s)
			if _, _, err := Resolve(device.Choice{Name: "cuda:0"}); !errors.Is(err, device.ErrUnavailable) ||
				!strings.Contains(err.Error(), c.reason) {
				t.Errorf("by name: %v", err)
			}
			s.Reset()
			c.prepare(s)
			if d, err := Usable(gpu.Find()); err == nil || !strings.Contains(err.Error(), c.reason) {
				t.Errorf("%s is usable, %v", d.ID, err)
			}
			if n := s.Count("contexts"); n != 0 {
				t.Errorf("%d contexts are left", n)
			}
		})
	}
}

func TestUsableClosesTheGPUAgain(t *testing.T) {
	s := standin(t)
	d, err := Usable(gpu.Find())
	if err != nil || d.ID != "cuda:0" || d.Name != "Stand-in 0" {
		t.Errorf("%+v, %v", d, err)
	}
	if n := s.Count("contexts") + s.Count("modules") + s.Count("bytes") + s.Count("executables"); n != 0 {
		t.Errorf("%d things of the device are alive", n)
	}
	if s.Count("runs") == 0 {
		t.Error("nothing was tested")
	}
}

func TestEnginesThatComputeTogetherShareADevice(t *testing.T) {
	s := standin(t)
	c, _, err := Resolve(device.Choice{Name: device.Auto})
	if err != nil {
		t.Fatal(err)
	}
	if c, err = Together(c, 2); err != nil || c.Group == nil {
		t.Fatal(err)
	}
	first := on(t, c)
	second := on(t, c)
	third := on(t, c) // more than there are lanes
	for _, e := range []graph.Engine{first, second, third} {
		if _, err := double(e); err != nil {
			t.Errorf("%s: %v", e.Name(), err)
		}
	}
	if n := s.Count("contexts"); n != 1 {
		t.Errorf("%d contexts", n)
	}
	alone, err := Together(device.Choice{Name: device.CPU}, 8)
	if err != nil || alone.Group != nil {
		t.Errorf("the processor in lanes: %+v, %v", alone, err)
	}
	s.Init(100, 0, 12040)
	if _, err := Together(device.Choice{Name: "cuda:1"}, 2); !errors.Is(err, device.ErrUnavailable) ||
		!errors.Is(err, gpu.ErrNone) && !strings.Contains(err.Error(), "cuda:1") {
		t.Errorf("lanes of a device that is not there: %v", err)
	}
}

func TestALostGPUIsAnErrorAndIsOpenedAgain(t *testing.T) {
	s := standin(t)
	c, _, err := Resolve(device.Choice{Name: "cuda:0"})
	if err != nil {
		t.Fatal(err)
	}
	e := on(t, c)
	s.Fail("kernel", 1, 700)
	if _, err := double(e); !errors.Is(err, gpu.ErrLost) || !strings.Contains(err.Error(), "illegal memory access") {
		t.Errorf("a kernel that failed: %v", err)
	}
	if _, err := double(e); !errors.Is(err, gpu.ErrLost) {
		t.Errorf("afterwards: %v", err)
	}
	again := on(t, c)
	if _, err := double(again); err != nil {
		t.Errorf("after the device was opened again: %v", err)
	}
	if _, err := double(e); !errors.Is(err, gpu.ErrLost) {
		t.Errorf("an engine of the device as it was: %v", err)
	}
	s.Fail("kernel", 1, 702)
	if _, err := double(again); !errors.Is(err, gpu.ErrLost) {
		t.Errorf("a watchdog: %v", err)
	}
	s.Init(100, 0, 12040) // it does not come back
	got, reason, err := Resolve(device.Choice{Name: device.Auto})
	if err != nil || got.Chosen() != device.CPU || !strings.Contains(reason, "no CUDA-capable device") {
		t.Errorf("auto chose %s, %q, %v", got.Chosen(), reason, err)
	}
}
