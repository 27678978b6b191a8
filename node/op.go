package node

import (
	"context"
	"encoding/json"
)

// Progress is one step of a long operation, as people want to see it.
type Progress struct {
	Stage string `json:"stage"`           // what is being done: "fetch bafy..."
	Done  int64  `json:"done"`            // items or bytes so far
	Total int64  `json:"total,omitempty"` // 0 when unknown
	Unit  string `json:"unit,omitempty"`  // "B" for bytes, else the items' name
	Note  string `json:"note,omitempty"`  // a line to keep, such as which model is trained and why; all else is empty then
}

// Report receives progress; nil is allowed everywhere.
type Report func(Progress)

func (r Report) say(p Progress) {
	if r != nil {
		r(p)
	}
}

// Conn is where operations run: a *Node in this process, or a *Client of the
// one that runs in another.
type Conn interface {
	// Online reports whether the node takes part in a mesh.
	Online() bool
	Close() error
}

// Op is one operation of a node, the same in process and over its socket.
type Op[Req, Res any] struct {
	name string
	run  func(n *Node, ctx context.Context, req Req, report Report) (Res, error)
}

// Do runs the operation over a connection.
func (o Op[Req, Res]) Do(ctx context.Context, c Conn, req Req, report Report) (Res, error) {
	if n, ok := c.(*Node); ok {
		return o.run(n, ctx, req, report)
	}
	var res Res
	err := c.(*Client).call(ctx, o.name, req, &res, report)
	return res, err
}

// handler is an operation without its types, as the node's table holds it.
type handler func(n *Node, ctx context.Context, req json.RawMessage, report Report) (any, error)

// operations is the table of everything a node answers.
var operations = map[string]handler{}

// newOp puts an operation into the table.
func newOp[Req, Res any](name string, run func(*Node, context.Context, Req, Report) (Res, error)) Op[Req, Res] {
	operations[name] = func(n *Node, ctx context.Context, raw json.RawMessage, report Report) (any, error) {
		var req Req
		if err := json.Unmarshal(raw, &req); err != nil {
			return nil, Fail(CodeUsage, "", "request of %s: %w", name, err)
		}
		return run(n, ctx, req, report)
	}
	return Op[Req, Res]{name: name, run: run}
}

// None is the request or result of operations that take or give nothing.
type None struct{}
