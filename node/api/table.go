package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
)

// Table is the operations that a process answers. It runs them in this process;
// with Online and Close beside it, it is a Conn.
type Table struct{ handlers map[string]Handler }

// Handler is one operation with the function that does it, without its types.
type Handler struct {
	name  string
	run   func(ctx context.Context, in input) (output, error)
	files bool // it takes files
}

// input is what a handler is given.
type input struct {
	request any   // of its type, or json.RawMessage
	files   fs.FS // nil for none
	report  Report
}

// output is what it returns.
type output struct {
	result any
	assign func(to any) bool // writes the result to a pointer of its type
	files  fs.FS             // nil for none
}

func give[Res any](res Res, files fs.FS) output {
	return output{result: res, files: files, assign: func(to any) bool {
		p, ok := to.(*Res)
		if ok {
			*p = res
		}
		return ok
	}}
}

// NewTable puts operations together. Two of one name are a mistake of the
// program: it panics.
func NewTable(all ...Handler) *Table {
	t := &Table{handlers: map[string]Handler{}}
	for _, h := range all {
		if _, twice := t.handlers[h.name]; twice {
			panic(fmt.Sprintf("api: two operations are called %q", h.name))
		}
		t.handlers[h.name] = h
	}
	return t
}

// Handle binds an operation to the function that does it.
func Handle[Req, Res any](op Op[Req, Res], run func(context.Context, Req, Report) (Res, error)) Handler {
	return Handler{name: string(op), run: func(ctx context.Context, in input) (output, error) {
		req, err := decode[Req](string(op), in.request)
		if err != nil {
			return output{}, err
		}
		res, err := run(ctx, req, in.report)
		return give(res, nil), err
	}}
}

// HandleUpload binds an operation that takes files. They can be read until run
// returns.
func HandleUpload[Req, Res any](op Upload[Req, Res], run func(context.Context, Req, fs.FS, Report) (Res,
	error)) Handler {
	return Handler{name: string(op), files: true, run: func(ctx context.Context, in input) (output, error) {
		req, err := decode[Req](string(op), in.request)
		if err != nil {
			return output{}, err
		}
		if in.files == nil {
			return output{}, Fail(CodeUsage, "", "request of %s: no files were sent along", op)
		}
		res, err := run(ctx, req, in.files, in.report)
		return give(res, nil), err
	}}
}

// HandleDownload binds an operation that gives files. They are read after run has
// returned, while its context lasts.
func HandleDownload[Req, Res any](op Download[Req, Res], run func(context.Context, Req, Report) (Res, fs.FS,
	error)) Handler {
	return Handler{name: string(op), run: func(ctx context.Context, in input) (output, error) {
		req, err := decode[Req](string(op), in.request)
		if err != nil {
			return output{}, err
		}
		res, files, err := run(ctx, req, in.report)
		return give(res, files), err
	}}
}

// decode gives a request its type: of this process it has it, of another it is JSON.
func decode[Req any](op string, request any) (req Req, err error) {
	switch v := request.(type) {
	case Req:
		return v, nil
	case json.RawMessage:
		err = json.Unmarshal(v, &req)
	default:
		err = fmt.Errorf("is %T, want %T", request, req)
	}
	if err != nil {
		return req, Fail(CodeUsage, "", "request of %s: %w", op, err)
	}
	return req, nil
}

// Call implements Conn in the process that has the table.
func (t *Table) Call(ctx context.Context, c *Call) error {
	h, ok := t.handlers[c.Op]
	if !ok {
		return Fail(CodeFailed, "", "no operation %q", c.Op)
	}
	out, err := h.run(ctx, input{request: c.Request, files: c.Files, report: c.Report})
	if err != nil {
		return err
	}
	if out.files != nil {
		if c.Received, err = readAll(out.files); err != nil {
			return fmt.Errorf("read the files of %s: %w", c.Op, err)
		}
	}
	if !out.assign(c.Result) {
		return Fail(CodeFailed, "", "result of %s: is %T, want %T", c.Op, out.result, c.Result)
	}
	return nil
}
