package device

import (
	"errors"
	"strings"
	"testing"
)

func TestDevicesOpenByName(t *testing.T) {
	for name, want := range map[string]string{"": "cpu ", Auto: "cpu ", CPU: "cpu ", Gorgonia: "gorgonia"} {
		e, err := Choice{Name: name, Workers: 1}.Open()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(e.Name(), want) {
			t.Errorf("%q opens %s", name, e.Name())
		}
		if (Choice{Name: name}).Explain() == "" {
			t.Errorf("%q is not explained", name)
		}
		e.Close()
	}
}

func TestADeviceThatIsNotThereIsAnError(t *testing.T) {
	for _, name := range []string{"cuda:0", "gpu", "CPU"} {
		if _, err := (Choice{Name: name}).Open(); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
