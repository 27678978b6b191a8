package engine

import (
	"errors"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/device"
)

func TestDevicesOpenByName(t *testing.T) {
	for name, want := range map[string]string{"": "cpu ", device.Auto: "cpu ", device.CPU: "cpu ",
		device.Gorgonia: "gorgonia"} {
		e, err := Open(device.Choice{Name: name, Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(e.Name(), want) {
			t.Errorf("%q opens %s", name, e.Name())
		}
		e.Close()
	}
}

func TestADeviceThatIsNotThereIsAnError(t *testing.T) {
	for _, name := range []string{"cuda:99", "opencl:99", "gpu", "CPU"} {
		if _, err := Open(device.Choice{Name: name}); !errors.Is(err, device.ErrUnavailable) ||
			!strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
