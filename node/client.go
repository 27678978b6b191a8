package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Client talks to the node that runs on a home.
type Client struct{ http *http.Client }

// dialHome connects to the running node of a home, or returns an error.
func dialHome(ctx context.Context, h Home) (*Client, error) {
	path, err := h.socketPath()
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: 2 * time.Second}
	conn, err := dialer.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	conn.Close()
	return &Client{http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dialer.DialContext(ctx, "unix", path) },
	}}}, nil
}

// Online implements Conn: a node that answers takes part in a mesh.
func (c *Client) Online() bool { return true }

// Close implements Conn.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

func (c *Client) call(ctx context.Context, name string, req, res any, report Report) error {
	body, err := json.Marshal(req)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://node/v1/"+name, bytes.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return errors.Join(ctx.Err(), fmt.Errorf("ask the node: %w", err))
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
		return fmt.Errorf("ask the node: %s: %s", answer.Status, bytes.TrimSpace(text))
	}
	for dec := json.NewDecoder(answer.Body); ; {
		var m message
		if err := dec.Decode(&m); err != nil {
			return errors.Join(ctx.Err(), fmt.Errorf("ask the node: it ended the answer early: %w", err))
		}
		switch {
		case m.Error != nil:
			return m.Error
		case m.Result != nil:
			return json.Unmarshal(m.Result, res)
		case m.Progress != nil:
			report.say(*m.Progress)
		}
	}
}

// Connect reaches the node of a home: the running one over its socket, else
// the home itself, opened without a mesh for as long as the verb runs.
func Connect(ctx context.Context, h Home, log *slog.Logger) (Conn, error) {
	if err := h.check(); err != nil {
		return nil, err
	}
	if c, err := dialHome(ctx, h); err == nil {
		return c, nil
	}
	n, err := OpenOffline(ctx, h, log)
	var e *Error
	if errors.As(err, &e) && e.Code == CodeBusy {
		// The node may have just started, or another verb holds the home for
		// a moment: try again for a while.
		return waitForHome(ctx, h, log, e)
	}
	if err != nil {
		return nil, err
	}
	return n, nil
}

// homeWait is how long a verb waits for a home that another one holds.
const homeWait = 10 * time.Second

func waitForHome(ctx context.Context, h Home, log *slog.Logger, busy error) (Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, homeWait)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, busy
		case <-tick.C:
		}
		if c, err := dialHome(ctx, h); err == nil {
			return c, nil
		}
		if n, err := OpenOffline(ctx, h, log); err == nil {
			return n, nil
		}
	}
}

// NeedsMesh is the error of an operation that only a running node can do.
func NeedsMesh(what string) *Error {
	return Fail(CodeNotRunning, "start the node in another shell: 'distillmesh run'", "%s needs the mesh, and no node runs on this home", what)
}
