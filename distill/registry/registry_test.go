package registry

import (
	"errors"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/distilltest"
)

func TestEveryMethodConforms(t *testing.T) {
	for _, m := range Methods() {
		t.Run(m.Name(), func(t *testing.T) { distilltest.Run(t, m) })
	}
}

func TestUnknownMethodNamesTheKnownOnes(t *testing.T) {
	if _, err := Method("gmn"); !errors.Is(err, distill.ErrUnknown) {
		t.Errorf("got %v", err)
	}
}
