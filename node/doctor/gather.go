package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/home"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/node/state"
	"github.com/distillmesh/distillmesh/node/work"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/engine"
	"github.com/distillmesh/distillmesh/train/gpu"
)

// Connect reaches the node of a home, running or not. It does not wait for a home that
// another process uses.
type Connect func(ctx context.Context, h home.Home) (api.Conn, error)

// Gather collects the facts about a home. It changes nothing.
func Gather(ctx context.Context, h home.Home, connect Connect) *Facts {
	f := &Facts{Home: h, HomeErr: h.Check()}
	_, err := os.Stat(h.File("version"))
	f.Absent = errors.Is(err, os.ErrNotExist)
	if cfg, err := h.Config(); err == nil {
		f.Config = &cfg
	} else {
		f.ConfigErr = err
	}
	if e, err := engine.Open(device.Choice{Workers: 1}); err == nil {
		f.Engine = e.Name()
		e.Close()
	}
	f.GPUs = gpu.Find()
	if d, err := engine.Usable(f.GPUs); err == nil {
		f.GPU = d.ID
	} else {
		f.GPUErr = err
	}
	if f.HomeErr != nil {
		return f
	}
	f.ID, f.IDErr = h.ID()
	f.Mode = openToOthers(h)
	f.Work, f.WorkErr = work.List(h.Path)
	_, f.StateErr = state.Open(h.File(state.FileName))
	if f.ConfigErr == nil && f.IDErr == nil {
		f.ask(ctx, connect)
	}
	return f
}

// ask asks the node.
func (f *Facts) ask(ctx context.Context, connect Connect) {
	c, err := connect(ctx, f.Home)
	if err != nil {
		f.StatusErr = err
		return
	}
	defer c.Close()
	status, err := operations.Status.Do(ctx, c, api.None{}, nil)
	if err != nil {
		f.StatusErr = err
		return
	}
	f.Status = &status
	if c.Online() {
		if peers, err := operations.Peers.Do(ctx, c, api.None{}, nil); err == nil {
			f.Peers = peers
		}
	}
}

// openToOthers lists the files of a home that users other than its owner may access.
func openToOthers(h home.Home) map[string]string {
	out := map[string]string{}
	if runtime.GOOS == "windows" {
		return out // permissions work differently there
	}
	for name, path := range map[string]string{"the folder": h.Path, "identity": h.File("identity")} {
		info, err := os.Stat(path)
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			out[name] = fmt.Sprintf("%#o", info.Mode().Perm())
		}
	}
	return out
}
