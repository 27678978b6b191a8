package gpu

import (
	"errors"
	"testing"

	"github.com/distillmesh/distillmesh/train/gpu/driver"
	"github.com/distillmesh/distillmesh/train/gpu/ptxtest"
)

func TestSelfTestPassesOnADeviceThatComputesRight(t *testing.T) {
	if err := open(t, ptxtest.New()).SelfTest(); err != nil {
		t.Fatal(err)
	}
}

func TestSelfTestRefusesADeviceThatComputesWrongly(t *testing.T) {
	d := ptxtest.New()
	ptxtest.Break(d, "fma.rn.f32")
	if err := open(t, d).SelfTest(); !errors.Is(err, ErrWrong) {
		t.Fatalf("got %v", err)
	}
}

func open(t *testing.T, d driver.Device) *Host {
	t.Helper()
	h := NewHost(d)
	t.Cleanup(h.Close)
	return h
}
