package gpu

import (
	"fmt"
	"strings"

	"github.com/distillmesh/distillmesh/train/gpu/driver"
	"github.com/distillmesh/distillmesh/train/gpu/fused"
	"github.com/distillmesh/distillmesh/train/gpu/kernels"
)

// builds are the kernels that a device has been given, each built once.
type builds struct {
	device driver.Device
	fixed  map[string]driver.Module // by unit
	fused  map[string]driver.Kernel // by text
}

func newBuilds(d driver.Device) *builds {
	return &builds{device: d, fixed: make(map[string]driver.Module), fused: make(map[string]driver.Kernel)}
}

// fixedKernel is one of package kernels.
func (b *builds) fixedKernel(name string) (driver.Kernel, error) {
	unit := kernels.UnitOf(name)
	m := b.fixed[unit]
	if m == nil {
		source := kernels.OpenCL(unit)
		if b.device.Language() == driver.PTX {
			source = kernels.PTX(unit)
		}
		var err error
		if m, err = b.device.Build(source); err != nil {
			return nil, fmt.Errorf("kernels %s: %w", unit, err)
		}
		b.fixed[unit] = m
	}
	return m.Kernel(name)
}

// fusedKernels builds those of a program that are new, in one go. They come in the same order.
func (b *builds) fusedKernels(list []*fused.Kernel) ([]driver.Kernel, error) {
	var source strings.Builder
	names := make(map[string]string) // of new ones, by text
	for _, k := range list {
		text := k.Text()
		if b.fused[text] != nil || names[text] != "" {
			continue
		}
		names[text] = fmt.Sprint("fused_", len(b.fused)+len(names))
		if b.device.Language() == driver.PTX {
			source.WriteString(k.PTX(names[text]))
		} else {
			source.WriteString(k.OpenCL(names[text]))
		}
	}
	if len(names) > 0 {
		head := kernels.Prelude()
		if b.device.Language() == driver.PTX {
			head = fused.PTXHeader
		}
		m, err := b.device.Build(head + source.String())
		if err != nil {
			return nil, fmt.Errorf("kernels of a program: %w", err)
		}
		for text, name := range names {
			if b.fused[text], err = m.Kernel(name); err != nil {
				return nil, err
			}
		}
	}
	out := make([]driver.Kernel, len(list))
	for i, k := range list {
		out[i] = b.fused[k.Text()]
	}
	return out, nil
}
