package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/distillmesh/distillmesh/distill/text"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/engine"
	"github.com/distillmesh/distillmesh/train/gpu"
)

func (a *app) gpuCommand() *cobra.Command {
	return group("gpu", "The GPUs of this computer", a.gpuList())
}

// gpuRow is a device as gpu ls lists it.
type gpuRow struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Memory  int64  `json:"memory_bytes"`
	Units   int    `json:"units"`
	Version string `json:"version"`
	UUID    string `json:"uuid,omitempty"`
	CPU     bool   `json:"processor,omitempty"`
	Usable  bool   `json:"usable"`
	Reason  string `json:"reason,omitempty"` // why it is not usable
}

func (a *app) gpuList() *cobra.Command {
	var untested bool
	c := &cobra.Command{Use: "ls", Short: "List GPUs, and why one cannot be used", Args: args(0, 0),
		Long: "List the devices of CUDA's and OpenCL's drivers. Each computes a small network as a test, whose result is " +
			"compared with float64.\n'distill', 'train', 'simulate' and 'rank' use the first that passes and is no " +
			"processor; --device ID chooses.",
		RunE: func(_ *cobra.Command, _ []string) error {
			found := gpu.Find()
			rows := make([]gpuRow, 0, len(found.Devices))
			for _, d := range found.Devices {
				r := gpuRow{ID: d.ID, Name: d.Name, Memory: d.Memory, Units: d.Units, Version: d.Version, UUID: d.UUID, CPU: d.CPU,
					Reason: text.Printable(d.Reason)}
				if r.Reason == "" && !untested {
					if _, _, err := engine.Resolve(device.Choice{Name: d.ID}); err != nil {
						r.Reason = text.Printable(err.Error())
					}
				}
				r.Usable = r.Reason == ""
				rows = append(rows, r)
			}
			if a.json {
				return a.document(map[string]any{"devices": rows, "absent": found.Absent})
			}
			a.showGPUs(rows, found, untested)
			return nil
		}}
	c.Flags().BoolVar(&untested, "no-test", false, "list without the test")
	return a.readFlags(c, false)
}

// showGPUs prints a line for each device and for each driver without one.
func (a *app) showGPUs(rows []gpuRow, found gpu.Found, untested bool) {
	for _, r := range rows {
		state := "usable"
		switch {
		case !r.Usable:
			state = "not usable: " + r.Reason
		case untested:
			state = "not tested"
		case r.CPU:
			state = "usable, but a processor: never chosen by auto"
		}
		a.print("%-9s %s, %s, %d units, %s: %s", r.ID, text.Printable(r.Name), text.Bytes(r.Memory), r.Units,
			text.Printable(r.Version), state)
	}
	for _, reason := range found.Absent {
		a.print("-         %s", text.Printable(reason))
	}
}

// onDevice does work, and does it again on the processor where auto chose a GPU that has too little memory, or
// was lost.
func (a *app) onDevice(c *device.Choice, work func() error) error {
	err := work()
	if c.Name == device.Auto && c.GPU() && (errors.Is(err, gpu.ErrMemory) || errors.Is(err, gpu.ErrLost)) {
		a.finish()
		a.tell("%s gave up: %v; the processor does it instead (--device)", c.Chosen(), err)
		c.Found = device.CPU
		err = work()
	}
	return err
}

// settleDevice decides where work runs, and says so where there is something to say: auto chose a GPU, or could use
// none of those there are.
func (a *app) settleDevice(c *device.Choice) error {
	if c.Name == "" {
		c.Name = device.Auto
	}
	chosen, reason, err := engine.Resolve(*c)
	if err != nil {
		return err
	}
	if *c = chosen; reason != "" {
		a.tell("computes on %s: %s (--device)", c.Chosen(), reason)
	}
	return nil
}
