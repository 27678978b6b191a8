package device

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestDevicesAreKnownByName(t *testing.T) {
	for _, name := range []string{"", Auto, CPU, Gorgonia, "cuda:0", "opencl:12"} {
		if err := (Choice{Name: name}).Check(); err != nil {
			t.Error(err)
		}
	}
	for _, workers := range []int{-1, MaxWorkers + 1, math.MaxInt} {
		if err := (Choice{Workers: workers}).Check(); !errors.Is(err, ErrWorkers) {
			t.Errorf("%d workers: %v", workers, err)
		}
	}
	for _, name := range []string{"cuda", "cuda:", "cuda:-1", "cuda:01", "vulkan:0", "gpu", "CPU"} {
		if err := (Choice{Name: name}).Check(); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWorkOfAnotherEngineIsOtherWork(t *testing.T) {
	for name, want := range map[string]string{"": "id", Auto: "id", CPU: "id", Gorgonia: "id-gorgonia",
		"cuda:1": "id-cuda"} {
		c := Choice{Name: name, Workers: 3}
		if got := c.Identity("id"); got != want {
			t.Errorf("%q: identity %q, want %q", name, got, want)
		}
		err := c.RequireCPU("method kip")
		if (name == Gorgonia || name == "cuda:1") != errors.Is(err, ErrUnavailable) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestAutoIsWhatWasFound(t *testing.T) {
	c := Choice{Name: Auto, Found: "cuda:0"}
	if c.Chosen() != "cuda:0" || !c.GPU() || c.Identity("id") != "id-cuda" {
		t.Errorf("chosen %q, identity %q", c.Chosen(), c.Identity("id"))
	}
	if err := c.RequireCPU("method kip"); err != nil {
		t.Errorf("auto asks for no GPU: %v", err)
	}
}
