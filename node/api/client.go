package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// dialTimeout is how long a node may take to accept a connection.
const dialTimeout = 2 * time.Second

// Client is a Conn to the process that serves operations on a Unix socket.
type Client struct {
	http *http.Client
	most int64 // limit of the bytes of files in an answer
}

// Dial connects to the socket at path. It fails when no process listens there.
func Dial(ctx context.Context, path string) (*Client, error) {
	dialer := net.Dialer{Timeout: dialTimeout}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return dialer.DialContext(ctx, "unix", path) }
	conn, err := dial(ctx, "", "")
	if err != nil {
		return nil, err
	}
	conn.Close()
	return &Client{http: &http.Client{Transport: &http.Transport{DialContext: dial}}, most: MaxFileBytes}, nil
}

// Online implements Conn: a node that answers is online.
func (c *Client) Online() bool { return true }

// Close implements Conn.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// Call implements Conn.
func (c *Client) Call(ctx context.Context, call *Call) error {
	body, err := json.Marshal(call.Request)
	if err != nil {
		return err
	}
	stream := newRequestBody(body, call)
	defer stream.Close()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://node"+pathPrefix+call.Op, stream)
	if err != nil {
		return err
	}
	if call.Files == nil {
		r.ContentLength = int64(len(body))
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return errors.Join(ctx.Err(), fmt.Errorf("ask the node: %w", err))
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusNotFound {
		return Fail(CodeFailed, "stop the node and start it again with 'distillmesh run'", otherVersion)
	}
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
		return fmt.Errorf("ask the node: %s: %s", answer.Status, bytes.TrimSpace(text))
	}
	return c.receive(ctx, answer.Body, call)
}

// receive reads the lines of an answer until its result or error, and the files
// behind the result.
func (c *Client) receive(ctx context.Context, body io.Reader, call *Call) error {
	for dec := json.NewDecoder(body); ; {
		var m message
		if err := dec.Decode(&m); err != nil {
			return endedEarly(ctx, err)
		}
		switch {
		case m.Error != nil:
			return m.Error
		case m.Result != nil:
			if m.Files {
				var err error
				if call.Received, err = c.receiveFiles(dec, body); err != nil {
					return endedEarly(ctx, err)
				}
			}
			return json.Unmarshal(m.Result, call.Result)
		case m.Progress != nil:
			call.Report.Say(*m.Progress)
		}
	}
}

// receiveFiles reads the archive behind the line that dec has read last.
func (c *Client) receiveFiles(dec *json.Decoder, body io.Reader) (map[string][]byte, error) {
	rest := io.MultiReader(dec.Buffered(), body)
	if _, err := io.ReadFull(rest, make([]byte, 1)); err != nil { // the end of the line
		return nil, err
	}
	return collect(rest, c.most)
}

func endedEarly(ctx context.Context, err error) error {
	return errors.Join(ctx.Err(), fmt.Errorf("ask the node: it ended the answer early: %w", err))
}

// requestBody is a request as it is sent: the JSON alone, or a line of it and the
// files, written while it is read.
type requestBody struct {
	io.Reader
	pipe    *io.PipeReader // nil without files
	written chan struct{}
}

func newRequestBody(body []byte, call *Call) *requestBody {
	if call.Files == nil {
		return &requestBody{Reader: bytes.NewReader(body)}
	}
	r, w := io.Pipe()
	b := &requestBody{Reader: r, pipe: r, written: make(chan struct{})}
	go func() {
		defer close(b.written)
		_, err := w.Write(append(body, '\n'))
		if err == nil {
			err = writeFiles(w, call.Files)
		}
		w.CloseWithError(err)
	}()
	return b
}

// Close stops sending and waits until no file is being read.
func (b *requestBody) Close() error {
	if b.pipe != nil {
		b.pipe.Close()
		<-b.written
	}
	return nil
}
