package gpu

import (
	"testing"

	"github.com/distillmesh/distillmesh/train/gpu/opencl"
	"github.com/distillmesh/distillmesh/train/gpu/ptxtest"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/graph/enginetest"
)

// onOpenCL is the first device that OpenCL lists, or skips.
func onOpenCL(t *testing.T) *Host {
	t.Helper()
	found, err := opencl.List()
	if err != nil {
		t.Skipf("no OpenCL (Debian: pocl-opencl-icd): %v", err)
	}
	d, err := found[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	return open(t, d)
}

func engineOf(t *testing.T, h *Host) graph.Engine {
	t.Helper()
	e, err := h.Engine()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEngineOnOpenCLPassesTheSuite(t *testing.T) {
	h := onOpenCL(t)
	enginetest.Run(t, func() graph.Engine { return engineOf(t, h) })
}

func TestEngineOnPTXPassesTheSuite(t *testing.T) {
	h := open(t, ptxtest.New())
	enginetest.Run(t, func() graph.Engine { return engineOf(t, h) })
}
