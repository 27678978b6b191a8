package registry

import (
	"errors"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/distilltest"
)

// quick are settings under which a long method shows the same in less time.
var quick = map[string]map[string]string{"dm": {"iterations": "60"}, "dc": {"iterations": "30"}, "dsa": {"iterations": "30"},
	"att":   {"iterations": "6", "cap": "3", "experts": "2", "max-start": "2", "span": "1", "width": "4"},
	"mtt":   {"iterations": "6", "cap": "3", "experts": "2", "max-start": "2", "span": "1", "width": "4"},
	"tesla": {"iterations": "6", "cap": "3", "experts": "2", "max-start": "2", "span": "1", "width": "4"}}

func TestEveryMethodConforms(t *testing.T) {
	for _, m := range Methods() {
		m, err := m.With(quick[m.Name()])
		if err != nil {
			t.Fatal(err)
		}
		t.Run(m.Name(), func(t *testing.T) { distilltest.Run(t, m) })
	}
}

func TestUnknownMethodNamesTheKnownOnes(t *testing.T) {
	if _, err := Method("gmn"); !errors.Is(err, distill.ErrUnknown) {
		t.Errorf("got %v", err)
	}
}
