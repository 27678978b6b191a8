package node

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/home"
)

// Connect connects to the node of a home: the running one over its socket, else
// the home itself, opened offline while the verb runs.
func Connect(ctx context.Context, h home.Home, log *slog.Logger) (api.Conn, error) {
	c, err := ConnectNow(ctx, h, log)
	var busy *api.Error
	if errors.As(err, &busy) && busy.Code == api.CodeBusy {
		// The node may have just started, or another verb holds the home for
		// a moment: try again for a while.
		return waitForHome(ctx, h, log, busy)
	}
	return c, err
}

// ConnectNow is Connect without waiting for a home that another process has locked.
func ConnectNow(ctx context.Context, h home.Home, log *slog.Logger) (api.Conn, error) {
	if err := h.Check(); err != nil {
		return nil, err
	}
	if c, err := dial(ctx, h); err == nil {
		return c, nil
	}
	n, err := OpenOffline(h, log)
	if err != nil {
		return nil, err // and not a nil *Node
	}
	return n, nil
}

// dial connects to the running node of a home.
func dial(ctx context.Context, h home.Home) (*api.Client, error) {
	path, err := h.SocketPath()
	if err != nil {
		return nil, err
	}
	return api.Dial(ctx, path)
}

// How long a verb waits for a home that another one has locked, and how often it tries.
const (
	homeWait  = 10 * time.Second
	homeRetry = 100 * time.Millisecond
)

func waitForHome(ctx context.Context, h home.Home, log *slog.Logger, busy error) (api.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, homeWait)
	defer cancel()
	tick := time.NewTicker(homeRetry)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, busy
		case <-tick.C:
		}
		if c, err := ConnectNow(ctx, h, log); err == nil {
			return c, nil
		}
	}
}

// needsMesh is the error of an operation that needs a running node.
func needsMesh(what string) *api.Error {
	return api.Fail(api.CodeNotRunning, "start the node in another shell: 'distillmesh run'",
		"%s needs the mesh, and no node is running on this home", what)
}
