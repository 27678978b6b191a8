package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/state"
	"github.com/distillmesh/distillmesh/p2p"
	"github.com/distillmesh/distillmesh/p2p/blocks"
	"github.com/distillmesh/distillmesh/p2p/ledger"
	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/gpu"
	"github.com/distillmesh/distillmesh/train/gpu/driver"
)

func TestErrorsOfOtherPackagesHaveCodesAndHints(t *testing.T) {
	place := files.Error{Path: "x.csv", Line: 3}
	for name, c := range map[string]struct {
		err  error
		code api.Code
		hint bool
	}{
		"a full store":             {&blocks.FullError{NeedBytes: 1}, api.CodeRefused, true},
		"content that was refused": {fmt.Errorf("fetch: %w", blocks.ErrRefused), api.CodeVerify, true},
		"a fetch that stalled":     {p2p.ErrStalled, api.CodeStalled, true},
		"a file that is not there": {&fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}, api.CodeUsage, true},
		"an interruption":          {fmt.Errorf("fetch: %w", context.Canceled), api.CodeStopped, true},
		"a data file with a place": {fmt.Errorf("add: %w", place.Because(files.ErrValue, "mend line 3")), api.CodeUsage,
			true},
		"an error with a code": {fmt.Errorf("x: %w", api.Fail(api.CodePartly, "again", "y")), api.CodePartly, true},
		"anything else":        {errors.New("x"), api.CodeFailed, false},
	} {
		got := Describe(c.err)
		if got.Code != c.code || (got.Hint != "") != c.hint || got.Message != c.err.Error() || !errors.Is(got, c.err) {
			t.Errorf("%s: %+v", name, *got)
		}
	}
	if got := Describe(place.Because(files.ErrValue, "mend line 3")); got.Hint != "mend line 3" {
		t.Errorf("the hint of a data file is %q", got.Hint)
	}
}

func TestEveryCauseIsFoundByItself(t *testing.T) {
	for _, c := range causes {
		if got := Describe(c.Is); got.Code != c.Code || got.Hint != c.Hint || got.Hint == "" {
			t.Errorf("%v is described as %+v", c.Is, *got)
		}
	}
}

func TestOnlyNewTrafficIsAdded(t *testing.T) {
	m := traffic{byProtocol: map[protocol.ID]ledger.Count{"/x": {In: 3, Out: 1}}, total: ledger.Count{In: 3, Out: 1}}
	if _, ok := m.since(nil, ledger.Count{In: 3, Out: 1}); ok {
		t.Error("nothing moved, and it counts")
	}
	now := map[protocol.ID]ledger.Count{"/x": {In: 5, Out: 1}, "/y": {In: 0, Out: 4}}
	got, ok := m.since(now, ledger.Count{In: 5, Out: 5})
	if !ok || got.In != 2 || got.Out != 4 || got.ByProtocol["/x"] != (state.Moved{In: 2}) ||
		got.ByProtocol["/y"] != (state.Moved{Out: 4}) {
		t.Errorf("moved %+v, %t", got, ok)
	}
}

func TestAutoIsATrainerWhereAGPUPassesItsSelfTest(t *testing.T) {
	defer func(old func() (gpu.Device, gpu.Found, error)) { usableGPU = old }(usableGPU)
	found := gpu.Device{Info: driver.Info{ID: "cuda:0", Name: "NVIDIA H200"}}
	for _, c := range []struct {
		name, configured, want, reason string
		device                         gpu.Device
		err                            error
	}{
		{"a GPU", "auto", RoleTrainer, "cuda:0, NVIDIA H200, passed", found, nil},
		{"a GPU that computes wrongly", "auto", RoleEdge, "computes wrongly", found, errors.New("the GPU computes wrongly")},
		{"a GPU, declined", "edge", RoleEdge, "", found, nil},
		{"no GPU, and a trainer all the same", "trainer", RoleTrainer, "", gpu.Device{}, gpu.ErrNone},
	} {
		usableGPU = func() (gpu.Device, gpu.Found, error) {
			return c.device, gpu.Found{Devices: []gpu.Device{found}}, c.err
		}
		role, reason := ResolveRole(c.configured)
		if role != c.want || !strings.Contains(reason, c.reason) || c.reason == "" && reason != "" {
			t.Errorf("%s: %s, %q", c.name, role, reason)
		}
	}
}
