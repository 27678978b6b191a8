package registry

import (
	"context"
	"math"
	"testing"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/distilltest"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/engine"
)

// TestMethodsOnAGPUStayNearTheProcessor distills by few iterations on both: single precision alone sets them apart.
func TestMethodsOnAGPUStayNearTheProcessor(t *testing.T) {
	on := device.Choice{Name: "opencl:0"}
	if _, _, err := engine.Resolve(on); err != nil {
		t.Skipf("no OpenCL (Debian: pocl-opencl-icd): %v", err)
	}
	trajectories := map[string]string{"iterations": "1", "cap": "2", "experts": "1", "max-start": "1", "span": "1",
		"width": "4"}
	for name, settings := range map[string]map[string]string{"dm": {"iterations": "2", "width": "4", "batch": "8"},
		"dsa": {"iterations": "2", "width": "4", "batch": "8"}, "att": trajectories, "mtt": trajectories,
		"tesla": trajectories} {
		t.Run(name, func(t *testing.T) {
			usual, err := Method(name)
			if err != nil {
				t.Fatal(err)
			}
			m, err := usual.With(settings)
			if err != nil {
				t.Fatal(err)
			}
			req := distill.Request{Samples: distilltest.Samples(data.Shape{C: 1, H: 8, W: 8}, 3, []int{0, 2}, 20), IPC: 1,
				Seed: 3}
			want := images(t, m, req)
			req.Device = on
			got := images(t, m, req)
			far := 0.0
			for i, w := range want {
				far = max(far, math.Abs(float64(got[i]-w)))
			}
			t.Logf("values at most %.1e apart", far)
			if far > 1e-3 {
				t.Errorf("values are up to %v from the processor's", far)
			}
		})
	}
}

func images(t *testing.T, m distill.Method, req distill.Request) []float32 {
	t.Helper()
	r, err := m.Distill(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	return r.Images.X
}
