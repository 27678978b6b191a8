package device

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestDevicesAreKnownByName(t *testing.T) {
	for _, name := range append(Names, "") {
		if err := (Choice{Name: name}).Check(); err != nil {
			t.Error(err)
		}
		if (Choice{Name: name}).Explain() == "" {
			t.Errorf("%q is not explained", name)
		}
	}
	for _, workers := range []int{-1, MaxWorkers + 1, math.MaxInt} {
		if err := (Choice{Workers: workers}).Check(); !errors.Is(err, ErrWorkers) {
			t.Errorf("%d workers: %v", workers, err)
		}
	}
	for _, name := range []string{"cuda:0", "gpu", "CPU"} {
		if err := (Choice{Name: name}).Check(); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWorkOfAnotherEngineIsOtherWork(t *testing.T) {
	for name, want := range map[string]string{"": "id", Auto: "id", CPU: "id", Gorgonia: "id-gorgonia"} {
		c := Choice{Name: name, Workers: 3}
		if got := c.Identity("id"); got != want {
			t.Errorf("%q: identity %q, want %q", name, got, want)
		}
		err := c.RequireCPU("method kip")
		if (name == Gorgonia) != errors.Is(err, ErrUnavailable) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
