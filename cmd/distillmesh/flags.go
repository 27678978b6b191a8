package main

import (
	"errors"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/distillmesh/distillmesh/configs"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/train/data/open"
	"github.com/distillmesh/distillmesh/train/device"
)

// parseBudget reads a number of bytes; empty is none.
func parseBudget(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := configs.ParseSize(s)
	if err != nil || n == 0 {
		return 0, api.Fail(api.CodeUsage, "write --budget 100KB", "budget %q is not a positive number of bytes", s)
	}
	return int64(n), nil
}

// imageBudget reads the number of bytes that decides how many images there are,
// in place of --ipc.
func imageBudget(c *cobra.Command, s string) (int64, error) {
	n, err := parseBudget(s)
	if n > 0 && c.Flags().Changed("ipc") {
		return 0, api.Fail(api.CodeUsage, "give one of them", "--budget decides how many images there are, and so does --ipc")
	}
	return n, err
}

// whiteValue is a flag for the value of white, which must be a valid pixel value.
type whiteValue float64

func (w *whiteValue) String() string { return strconv.FormatFloat(float64(*w), 'g', -1, 64) }
func (w *whiteValue) Type() string   { return "float" }
func (w *whiteValue) Set(s string) error {
	v, err := strconv.ParseFloat(s, 64)
	if err == nil {
		err = open.CheckWhite(v)
	}
	*w = whiteValue(v)
	return err
}

// deviceFlags adds the flag for the compute device.
func deviceFlags(f *pflag.FlagSet, c *device.Choice) {
	f.Var((*deviceValue)(&c.Name), "device",
		"where to compute: auto (a GPU that passes its self-test, else the processor), cpu, a GPU such as cuda:0 or "+
			"opencl:1 ('distillmesh gpu ls'), or gorgonia, which checks results and is very slow (default: auto)")
	coresFlag(f, &c.Workers)
}

// deviceValue is a flag for the name of a known device.
type deviceValue string

func (d *deviceValue) String() string { return string(*d) }
func (d *deviceValue) Type() string   { return "string" }
func (d *deviceValue) Set(s string) error {
	*d = deviceValue(s)
	return nil // availability is checked on use, with its own exit code
}

// coresFlag adds the number of processor cores to use.
func coresFlag(f *pflag.FlagSet, workers *int) {
	f.Var((*coresValue)(workers), "workers", "processor cores to use (default: all)")
}

// coresValue is a flag for a number of cores, 0 for all.
type coresValue int

func (c *coresValue) String() string { return strconv.Itoa(int(*c)) }
func (c *coresValue) Type() string   { return "int" }
func (c *coresValue) Set(s string) error {
	v, err := strconv.Atoi(s)
	if err == nil && v < 0 {
		err = errors.New("want 0 for all, or how many")
	}
	*c = coresValue(v)
	return err
}
