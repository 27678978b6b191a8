package api

import (
	"context"
	"io/fs"
)

// Conn is where operations run: in this process, or in the one behind a Client.
type Conn interface {
	// Call runs the operation that c names and fills in its result.
	Call(ctx context.Context, c *Call) error
	// Online reports whether the node takes part in a mesh.
	Online() bool
	// Close ends the connection.
	Close() error
}

// Call is one operation to run. The methods of Op, Upload and Download build it
// with the right types.
type Call struct {
	Op      string
	Request any
	Files   fs.FS  // a flat directory sent along; nil for none
	Report  Report // nil for none
	Result  any    // pointer to what the result is written to
	// Received are the files that came with the result, name to content.
	Received map[string][]byte
}

// None is the request or result of operations that take or give nothing.
type None struct{}

// Op is an operation that takes a request and gives a result, both as JSON.
type Op[Req, Res any] string

// Do runs the operation over a connection.
func (o Op[Req, Res]) Do(ctx context.Context, c Conn, req Req, report Report) (Res, error) {
	var res Res
	err := c.Call(ctx, &Call{Op: string(o), Request: req, Report: report, Result: &res})
	return res, err
}

// Upload is an operation that takes a flat directory beside its request. The files
// travel as a stream; neither side holds more than one of them in memory for it.
type Upload[Req, Res any] string

// Do runs the operation over a connection.
func (o Upload[Req, Res]) Do(ctx context.Context, c Conn, req Req, files fs.FS, report Report) (Res, error) {
	var res Res
	err := c.Call(ctx, &Call{Op: string(o), Request: req, Files: files, Report: report, Result: &res})
	return res, err
}

// Download is an operation that gives a flat directory beside its result.
type Download[Req, Res any] string

// Do runs the operation over a connection and returns the files, name to content.
func (o Download[Req, Res]) Do(ctx context.Context, c Conn, req Req, report Report) (Res, map[string][]byte, error) {
	var res Res
	call := &Call{Op: string(o), Request: req, Report: report, Result: &res}
	err := c.Call(ctx, call)
	return res, call.Received, err
}
