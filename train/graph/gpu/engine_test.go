package gpu

import (
	"testing"

	"github.com/distillmesh/distillmesh/train/gpu/opencl"
	"github.com/distillmesh/distillmesh/train/gpu/ptxtest"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/graph/enginetest"
)

func TestEngineOnOpenCLPassesTheSuite(t *testing.T) {
	found, err := opencl.List()
	if err != nil {
		t.Skipf("no OpenCL: %v", err)
	}
	for _, f := range found {
		t.Logf("%+v", f.Info)
	}
	d, err := found[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(d)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	enginetest.Run(t, func() graph.Engine { return keep{e} })
}

// keep is an engine that stays open.
type keep struct{ *Engine }

func (keep) Close() {}

func TestEngineOnPTXPassesTheSuite(t *testing.T) {
	enginetest.Run(t, func() graph.Engine {
		e, err := New(ptxtest.New())
		if err != nil {
			t.Fatal(err)
		}
		return e
	})
}
