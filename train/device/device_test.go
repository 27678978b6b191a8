package device

import (
	"errors"
	"strings"
	"testing"
)

func TestKnownDevicesPassAndAreExplained(t *testing.T) {
	for _, name := range append([]string{""}, Names...) {
		c := Choice{Name: name}
		if err := c.Check(); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if c.Explain() == "" {
			t.Errorf("%q is not explained", name)
		}
	}
}

func TestADeviceThatIsNotKnownIsAnErrorThatListsThose(t *testing.T) {
	for _, name := range []string{"cuda:0", "gpu", "CPU"} {
		err := Choice{Name: name}.Check()
		if !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), Gorgonia) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
