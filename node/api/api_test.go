package api

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
)

// host is a fake of what operations work on.
type host struct {
	greeting string
	mu       sync.Mutex
	entered  chan struct{} // closed when wait has begun
	ended    error         // why wait ended
}

type greetRequest struct {
	Name string `json:"name"`
}

type greetResult struct {
	Text  string   `json:"text"`
	Words []string `json:"words"`
}

var (
	greet = Op[greetRequest, greetResult]("greet")
	empty = Op[None, []string]("empty")
	steps = Op[int, int]("steps")
	fails = Op[string, None]("fails")
	wait  = Op[None, None]("wait")
	store = Upload[greetRequest, map[string]string]("store")
	read  = Download[greetRequest, greetResult]("read")
)

var errKnown = errors.New("the disk is full")

var described = []Cause{{errKnown, CodeRefused, "free some space"}}

func (h *host) table() *Table {
	return NewTable(
		Handle(greet, h.greet),
		Handle(empty, func(context.Context, None, Report) ([]string, error) { return nil, nil }),
		Handle(steps, h.steps),
		Handle(fails, h.fails),
		Handle(wait, h.wait),
		HandleUpload(store, h.store),
		HandleDownload(read, h.read),
	)
}

func (h *host) greet(_ context.Context, req greetRequest, _ Report) (greetResult, error) {
	return greetResult{Text: h.greeting + ", " + req.Name, Words: []string{h.greeting, req.Name}}, nil
}

func (h *host) steps(_ context.Context, n int, report Report) (int, error) {
	for i := range n {
		report.Say(Progress{Stage: "step", Done: int64(i + 1), Total: int64(n), Unit: "B"})
	}
	report.Note("%d steps", n)
	return n, nil
}

func (h *host) fails(_ context.Context, how string, _ Report) (None, error) {
	switch how {
	case "with a code":
		return None{}, Fail(CodeNotFound, "list them with 'ls'", "no %s", "such set")
	case "wrapped":
		return None{}, fmt.Errorf("gather: %w", Fail(CodePartly, "run it again", "2 of 3 failed"))
	case "with a known cause":
		return None{}, Describe(fmt.Errorf("write: %w", errKnown), described...)
	case "canceled":
		return None{}, fmt.Errorf("fetch: %w", context.Canceled)
	case "panics":
		panic("index out of range")
	}
	return None{}, errors.New(how)
}

func (h *host) wait(ctx context.Context, _ None, report Report) (None, error) {
	report.Stage("waiting")
	close(h.entered)
	<-ctx.Done()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = ctx.Err()
	return None{}, ctx.Err()
}

// store gives back what it was sent, read twice.
func (h *host) store(_ context.Context, req greetRequest, files fs.FS, report Report) (map[string]string, error) {
	out := map[string]string{"": req.Name}
	for range 2 {
		all, err := readAll(files)
		if err != nil {
			return nil, err
		}
		for name, content := range all {
			out[name] = string(content)
		}
	}
	report.Note("stored")
	return out, nil
}

func (h *host) read(_ context.Context, req greetRequest, _ Report) (greetResult, fs.FS, error) {
	switch req.Name {
	case "nothing":
		return greetResult{}, nil, Fail(CodeNotFound, "", "nothing is here")
	case "broken":
		return greetResult{Text: req.Name}, fstest.MapFS{"a": {Data: []byte("1")}, "folder/b": {}}, nil
	}
	files := fstest.MapFS{"a": {Data: []byte("first")}, "b": {Data: []byte(strings.Repeat("x", 1<<17))}}
	return greetResult{Text: req.Name}, files, nil
}

// local is a connection to a table in this process.
type local struct{ *Table }

func (local) Online() bool { return false }
func (local) Close() error { return nil }

// socket serves a host on a Unix socket, and connects to it.
func socket(t *testing.T, h *host, change func(*ServerOptions)) (*Server, *Client, string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "api") // a test's own folder may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "api.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	opt := ServerOptions{Table: h.table(), Spool: filepath.Join(dir, "spool"), Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&opt)
	}
	s := Serve(l, opt)
	t.Cleanup(func() { s.Close() })
	c, err := Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return s, c, path
}

// everywhere runs a test in process and over the socket.
func everywhere(t *testing.T, test func(t *testing.T, c Conn)) {
	t.Run("in this process", func(t *testing.T) { test(t, local{(&host{greeting: "hello"}).table()}) })
	t.Run("over a socket", func(t *testing.T) {
		_, c, _ := socket(t, &host{greeting: "hello"}, nil)
		test(t, c)
	})
}

func TestAnOperationGivesItsResult(t *testing.T) {
	everywhere(t, func(t *testing.T, c Conn) {
		got, err := greet.Do(t.Context(), c, greetRequest{"<world> \n"}, nil)
		if err != nil || got.Text != "hello, <world> \n" || len(got.Words) != 2 {
			t.Errorf("got %+v, %v", got, err)
		}
		list, err := empty.Do(t.Context(), c, None{}, nil)
		if err != nil || len(list) != 0 {
			t.Errorf("an empty list: %v, %v", list, err)
		}
	})
}

func TestProgressArrivesInOrderBeforeTheResult(t *testing.T) {
	everywhere(t, func(t *testing.T, c Conn) {
		var got []Progress
		n, err := steps.Do(t.Context(), c, 3, func(p Progress) { got = append(got, p) })
		if err != nil || n != 3 || len(got) != 4 {
			t.Fatalf("%d, %v, reported %v", n, err, got)
		}
		for i, p := range got[:3] {
			if p != (Progress{Stage: "step", Done: int64(i + 1), Total: 3, Unit: "B"}) {
				t.Errorf("step %d is %+v", i, p)
			}
		}
		if got[3] != (Progress{Note: "3 steps"}) {
			t.Errorf("note %+v", got[3])
		}
		if n, err := steps.Do(t.Context(), c, 2, nil); err != nil || n != 2 {
			t.Errorf("without a report: %d, %v", n, err)
		}
	})
}

func TestErrorsCrossTheSocketUnchanged(t *testing.T) {
	h := &host{}
	_, c, _ := socket(t, h, nil)
	for how, want := range map[string]Error{
		"with a code":        {Code: CodeNotFound, Message: "no such set", Hint: "list them with 'ls'"},
		"wrapped":            {Code: CodePartly, Message: "gather: 2 of 3 failed", Hint: "run it again"},
		"with a known cause": {Code: CodeRefused, Message: "write: the disk is full", Hint: "free some space"},
		"canceled":           {Code: CodeStopped, Message: "fetch: context canceled", Hint: canceled.Hint},
		"unheard of":         {Code: CodeFailed, Message: "unheard of"},
		"panics": {Code: CodeFailed, Message: "fails: internal error: index out of range",
			Hint: "see the log of the node"},
	} {
		t.Run(how, func(t *testing.T) {
			_, err := fails.Do(t.Context(), c, how, nil)
			var got *Error
			if !errors.As(err, &got) || *got != want {
				t.Errorf("got %#v, want %#v", err, want)
			}
			if again := Describe(err, described...); *again != want {
				t.Errorf("described again it is %+v", *again)
			}
			if how == "panics" {
				return
			}
			_, here := fails.Do(t.Context(), local{h.table()}, how, nil)
			if d := Describe(here, described...); d.Code != want.Code || d.Message != want.Message ||
				d.Hint != want.Hint {
				t.Errorf("in this process it is %+v, over the socket %+v", *d, want)
			}
		})
	}
	if n, err := steps.Do(t.Context(), c, 1, nil); err != nil || n != 1 {
		t.Errorf("after a panic: %d, %v", n, err)
	}
}

func TestFilesTravelBesideARequest(t *testing.T) {
	big := strings.Repeat("0123456789abcdef", 1<<16)
	everywhere(t, func(t *testing.T, c Conn) {
		files := fstest.MapFS{"a.json": {Data: []byte("{}")}, "b.bin": {Data: []byte(big)}, "none": {}}
		var notes int
		got, err := store.Do(t.Context(), c, greetRequest{"me"}, files, func(Progress) { notes++ })
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 4 || got[""] != "me" || got["a.json"] != "{}" || got["b.bin"] != big || notes != 1 {
			t.Errorf("got %d files, %d notes", len(got), notes)
		}
	})
}

func TestFilesOfARequestAreDeletedAfterIt(t *testing.T) {
	spool := filepath.Join(t.TempDir(), "spool")
	s, c, _ := socket(t, &host{}, func(o *ServerOptions) { o.Spool = spool })
	if _, err := store.Do(t.Context(), c, greetRequest{}, fstest.MapFS{"a": {Data: []byte("1")}}, nil); err != nil {
		t.Fatal(err)
	}
	s.Close() // waits for the operation
	left, err := os.ReadDir(spool)
	if err != nil || len(left) != 0 {
		t.Errorf("left in the spool: %v, %v", left, err)
	}
}

func TestFilesTravelBesideAResult(t *testing.T) {
	everywhere(t, func(t *testing.T, c Conn) {
		got, files, err := read.Do(t.Context(), c, greetRequest{"set"}, nil)
		if err != nil || got.Text != "set" || len(files) != 2 || string(files["a"]) != "first" ||
			len(files["b"]) != 1<<17 {
			t.Errorf("got %+v, %d files, %v", got, len(files), err)
		}
		_, files, err = read.Do(t.Context(), c, greetRequest{"nothing"}, nil)
		if Describe(err).Code != CodeNotFound || files != nil {
			t.Errorf("of nothing: %v, %d files", err, len(files))
		}
		if _, files, err = read.Do(t.Context(), c, greetRequest{"broken"}, nil); err == nil {
			t.Errorf("files that cannot be read arrived as %d", len(files))
		}
	})
}

func TestACanceledCallEndsItsOperation(t *testing.T) {
	h := &host{entered: make(chan struct{})}
	s, c, _ := socket(t, h, nil)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-h.entered
		cancel()
	}()
	if _, err := wait.Do(ctx, c, None{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	s.Close() // waits for the operation
	if h.ended != context.Canceled {
		t.Errorf("the operation ended with %v", h.ended)
	}
}

func TestClosingTheServerCancelsWhatRuns(t *testing.T) {
	h := &host{entered: make(chan struct{})}
	s, c, path := socket(t, h, nil)
	closed := make(chan error, 1)
	go func() {
		<-h.entered
		closed <- s.Close()
	}()
	_, err := wait.Do(t.Context(), c, None{}, nil)
	if got := Describe(err); got.Code != CodeStopped || got.Hint == "" {
		t.Errorf("the caller gets %+v", *got)
	}
	if err := <-closed; err != nil {
		t.Errorf("close: %v", err)
	}
	if h.ended == nil {
		t.Error("Close returned before the operation did")
	}
	if c, err := Dial(t.Context(), path); err == nil {
		c.Close()
		t.Error("a closed server accepts connections")
	}
}

func TestASocketLeftBehindIsReplaced(t *testing.T) {
	dir, err := os.MkdirTemp("", "api")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "api.sock")
	old, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	old.(*net.UnixListener).SetUnlinkOnClose(false)
	old.Close()
	if _, err := Dial(t.Context(), path); err == nil {
		t.Error("nobody listens, and still it connects")
	}
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket has mode %v, %v", info.Mode(), err)
	}
}
