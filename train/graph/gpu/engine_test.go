package gpu

import (
	"testing"

	"github.com/distillmesh/distillmesh/train/gpu/opencl"
	"github.com/distillmesh/distillmesh/train/gpu/ptxtest"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/graph/enginetest"
)

// onOpenCL is an engine on the first device that OpenCL lists, or skips.
func onOpenCL(t *testing.T) *Engine {
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

func TestEngineOnOpenCLPassesTheSuite(t *testing.T) {
	e := onOpenCL(t)
	enginetest.Run(t, func() graph.Engine { return shared{e} })
}

func TestEngineOnPTXPassesTheSuite(t *testing.T) {
	e := open(t, ptxtest.New())
	enginetest.Run(t, func() graph.Engine { return shared{e} })
}

// shared is an engine that stays open, with its kernels.
type shared struct{ *Engine }

// Close implements graph.Engine.
func (shared) Close() {}
