package device

import (
	"errors"
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
	for _, name := range []string{"cuda:0", "gpu", "CPU"} {
		if err := (Choice{Name: name}).Check(); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
