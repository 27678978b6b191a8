package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// Limits of one request.
const (
	// MaxRequestBytes bounds the JSON of a request: registered data repeat their
	// task once per part.
	MaxRequestBytes = 64 << 20
	// MaxFileBytes bounds all files beside a request or result together: a model
	// of the largest network.
	MaxFileBytes = 1 << 30
)

// pathPrefix stands before the operation's name. Its number rises when requests or
// answers of an operation change their form: a command and a running node that
// differ in it must not talk to each other.
const pathPrefix = "/v2/"

// otherVersion is what both sides say then.
const otherVersion = "the running node and this command are of different versions of the program"

// shutdownWait is how long Close waits for running operations before it cancels them.
const shutdownWait = time.Second

// message is one line of an answer: progress lines, then a result or an error.
type message struct {
	Progress *Progress       `json:"progress,omitempty"`
	Result   json.RawMessage `json:"result,omitempty"`
	Files    bool            `json:"files,omitempty"` // an archive follows the result
	Error    *Error          `json:"error,omitempty"`
}

// ServerOptions configure a Server.
type ServerOptions struct {
	// Table does the operations.
	Table *Table
	// Describe gives the code and hint of an error that has none; nil for Describe
	// of this package.
	Describe func(error) *Error
	// Spool is the folder where files that are sent along wait while an operation
	// reads them; empty for the system's.
	Spool string
	Log   *slog.Logger

	maxRequest, maxFiles int64 // tests lower them
}

// Server answers operations over HTTP: POST /v2/NAME with the request as JSON, for
// operations that take files as a line of JSON and a tar archive; answered by lines
// of JSON, after the result by a tar archive where it says so.
type Server struct {
	opt     ServerOptions
	http    *http.Server
	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	done    chan struct{} // closed when no connection is accepted any more
	mu      sync.Mutex    // guards closed against running
	closed  bool
	running sync.WaitGroup // operations
}

// Listen opens a Unix socket that only its owner may use. File permissions are
// the access control. A socket that an earlier process left is replaced.
func Listen(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove the old API socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on the API socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Serve answers on a listener until Close, which closes it too.
func Serve(l net.Listener, opt ServerOptions) *Server {
	if opt.maxRequest == 0 {
		opt.maxRequest = MaxRequestBytes
	}
	if opt.maxFiles == 0 {
		opt.maxFiles = MaxFileBytes
	}
	if opt.Describe == nil {
		opt.Describe = func(err error) *Error { return Describe(err) }
	}
	s := &Server{opt: opt, done: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(s.done)
		s.http.Serve(l) // ends with ErrServerClosed
	}()
	return s
}

// Close cancels running operations and waits for them.
func (s *Server) Close() error {
	s.cancel()
	ctx, cancel := context.WithTimeout(context.Background(), shutdownWait)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	<-s.done
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.running.Wait()
	return err
}

// begin counts an operation, unless the server has closed.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.running.Add(1)
	}
	return !s.closed
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, ok := strings.CutPrefix(r.URL.Path, pathPrefix)
	h, known := s.opt.Table.handlers[name]
	switch {
	case !ok:
		http.Error(w, otherVersion+"; stop the node and start it again", http.StatusNotFound)
		return
	case !known:
		http.Error(w, "no such operation", http.StatusNotFound)
		return
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "operations are called by POST", http.StatusMethodNotAllowed)
		return
	case !s.begin():
		http.Error(w, "the node is stopping", http.StatusServiceUnavailable)
		return
	}
	defer s.running.Done()
	in, remove, err := s.input(w, r, h)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		http.Error(w, tooLarge.Error(), http.StatusRequestEntityTooLarge)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := &answer{w: w, flush: http.NewResponseController(w).Flush}
	defer out.close()
	if err != nil {
		out.send(message{Error: s.opt.Describe(err)})
		return
	}
	in.report = func(p Progress) { out.send(message{Progress: &p}) }
	s.answer(r.Context(), h, in, remove, out)
}

// answer runs an operation and sends its outcome. Uploaded files are removed
// before.
func (s *Server) answer(request context.Context, h Handler, in input, remove func(), out *answer) {
	ctx, cancel := context.WithCancel(request)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
	res, err := s.run(ctx, h, in)
	remove()
	if err != nil {
		out.send(message{Error: s.opt.Describe(err)})
		return
	}
	raw, err := json.Marshal(res.result)
	if err != nil {
		out.send(message{Error: s.opt.Describe(err)})
		return
	}
	out.send(message{Result: raw, Files: res.files != nil})
	if res.files == nil {
		return
	}
	if err := out.sendFiles(res.files); err != nil { // the archive is cut short, which the client notices
		s.opt.Log.Warn("cannot send the files of an answer", "operation", h.name, "error", err)
		panic(http.ErrAbortHandler)
	}
}

// run calls the operation. A panic is a failure of this operation alone.
func (s *Server) run(ctx context.Context, h Handler, in input) (out output, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.opt.Log.Error("operation panicked", "operation", h.name, "panic", p, "stack", string(debug.Stack()))
			err = Fail(CodeFailed, "see the log of the node", "%s: internal error: %v", h.name, p)
		}
	}()
	return h.run(ctx, in)
}

// input reads what an operation is given. remove deletes the files that were sent
// along.
func (s *Server) input(w http.ResponseWriter, r *http.Request, h Handler) (in input, remove func(), err error) {
	remove = func() {}
	if !h.files {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.opt.maxRequest))
		return input{request: json.RawMessage(body)}, remove, err
	}
	body := bufio.NewReader(http.MaxBytesReader(w, r.Body, s.opt.maxRequest+s.opt.maxFiles))
	line, err := readLine(body, s.opt.maxRequest)
	if err != nil {
		return in, nil, err
	}
	var files fs.FS
	if files, remove, err = spool(body, s.opt.maxFiles, s.opt.Spool); errors.Is(err, errFiles) {
		err = Fail(CodeUsage, "", "request of %s: %w", h.name, err)
	}
	return input{request: json.RawMessage(line), files: files}, remove, err
}

// readLine reads a line of at most limit bytes, or an incomplete last one.
func readLine(r *bufio.Reader, most int64) (line []byte, err error) {
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case int64(len(line)) > most:
			return nil, &http.MaxBytesError{Limit: most}
		case err == nil || errors.Is(err, io.EOF):
			return line, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

// answer writes one JSON document a line and flushes it.
type answer struct {
	mu    sync.Mutex
	w     io.Writer
	flush func() error
	ended bool
}

func (a *answer) send(m message) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended {
		return // a report after its operation has ended
	}
	if json.NewEncoder(a.w).Encode(m) == nil {
		a.flush() // a client that left is noticed through the request's context
	}
}

func (a *answer) sendFiles(files fs.FS) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended = true
	return writeFiles(a.w, files)
}

func (a *answer) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended = true
}
