package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// maxRequestBytes bounds one request: a model of the largest network that a
// verb hands over, in base64.
const maxRequestBytes = 1 << 30

// message is one line of an answer: progress lines, then a result or an error.
type message struct {
	Progress *Progress       `json:"progress,omitempty"`
	Result   json.RawMessage `json:"result,omitempty"`
	Error    *Error          `json:"error,omitempty"`
}

// server answers operations over HTTP on the home's Unix socket. Who can open
// the socket owns the node: file permissions are the access control.
type server struct {
	node *Node
	http *http.Server
	path string
	done chan struct{}
}

func serve(n *Node, path string) (*server, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove the old API socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on the API socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	s := &server{node: n, path: path, done: make(chan struct{})}
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(s.done)
		s.http.Serve(l) // ends with ErrServerClosed
	}()
	return s, nil
}

// Close ends running operations and waits for them.
func (s *server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	<-s.done
	return err
}

// ServeHTTP implements http.Handler: POST /v1/NAME with the request as JSON,
// answered by lines of JSON.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Path[min(len("/v1/"), len(r.URL.Path)):]
	run, ok := operations[name]
	if !ok || r.Method != http.MethodPost {
		http.Error(w, "no such operation", http.StatusNotFound)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequestBytes))
	if err != nil {
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := &lineWriter{w: w, rc: http.NewResponseController(w)}
	ctx, cancel := s.node.scope(r.Context())
	defer cancel()
	res, err := run(s.node, ctx, body, func(p Progress) { out.send(message{Progress: &p}) })
	if err != nil {
		out.send(message{Error: Describe(err)})
		return
	}
	raw, err := json.Marshal(res)
	if err != nil {
		out.send(message{Error: Describe(err)})
		return
	}
	out.send(message{Result: raw})
}

// lineWriter writes one JSON document a line and flushes it.
type lineWriter struct {
	mu sync.Mutex
	w  io.Writer
	rc *http.ResponseController
}

func (l *lineWriter) send(m message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if json.NewEncoder(l.w).Encode(m) == nil {
		l.rc.Flush() // a client that left is noticed through the request's context
	}
}
