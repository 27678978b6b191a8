package api

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// raw sends a request as it is and returns status and body of the answer.
func raw(t *testing.T, path, method, name string, body io.Reader) (int, string) {
	t.Helper()
	c := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}}
	defer c.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://node"+name, body)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, strings.TrimSpace(string(text))
}

func TestTheServerAnswersWhatItDoesNotUnderstand(t *testing.T) {
	_, _, path := socket(t, &host{greeting: "hello"}, func(o *ServerOptions) { o.maxRequest, o.maxFiles = 100, 1000 })
	long := `{"name":"` + strings.Repeat("x", 200) + `"}`
	usage := func(text string) string { return `{"error":{"code":"usage","message":"request of ` + text + `"}}` }
	const cutShort = `{"error":{"code":"failed","message":"receive a: unexpected EOF"}}`
	two := archive(t, file{"a", strings.Repeat("x", 600)}, file{"b", strings.Repeat("x", 600)})
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		want               string
	}{
		"a good request": {"POST", "/v2/greet", `{"name":"you"}`,
			200, `{"result":{"text":"hello, you","words":["hello","you"]}}`},
		"an unknown operation": {"POST", "/v2/frobnicate", `{}`, 404, "no such operation"},
		"no operation":         {"POST", "/v2/", `{}`, 404, "no such operation"},
		"a path outside":       {"POST", "/greet", `{}`, 404, otherVersion + "; stop the node and start it again"},
		"an earlier version": {"POST", "/v1/greet", `{}`,
			404, otherVersion + "; stop the node and start it again"},
		"another method":           {"GET", "/v2/greet", "", 405, "operations are called by POST"},
		"a body that is too large": {"POST", "/v2/greet", long, 413, "http: request body too large"},
		"a line that is too large": {"POST", "/v2/store", long, 413, "http: request body too large"},
		"a request that is no JSON": {"POST", "/v2/greet", `{"name":`,
			200, usage("greet: unexpected end of JSON input")},
		"a request of another type": {"POST", "/v2/steps", `"three"`,
			200, usage("steps: json: cannot unmarshal string into Go value of type int")},
		"an empty request":       {"POST", "/v2/greet", "", 200, usage("greet: unexpected end of JSON input")},
		"files that are missing": {"POST", "/v2/store", "{}\n", 200, usage("store: files sent along: EOF")},
		"files that are no archive": {"POST", "/v2/store", "{}\n" + strings.Repeat("x", 600),
			200, usage("store: files sent along: archive/tar: invalid tar header")},
		"files that are cut short": {"POST", "/v2/store", "{}\n" + archive(t, file{"a", "1234"})[:514], 200, cutShort},
		"files that are too large together": {"POST", "/v2/store", "{}\n" + two[:len(two)-1024],
			413, "http: request body too large"},
		"a file outside of the spool": {"POST", "/v2/store", "{}\n" + archive(t, file{"../a", "1"})[:600],
			200, usage(`store: files sent along: \"../a\" is not a regular file of a flat directory`)},
	} {
		t.Run(name, func(t *testing.T) {
			status, got := raw(t, path, c.method, c.path, strings.NewReader(c.body))
			if status != c.status || got != c.want {
				t.Errorf("%d %s, want %d %s", status, got, c.status, c.want)
			}
		})
	}
}

func TestANodeOfAnotherVersionIsNamed(t *testing.T) {
	l, err := Listen(filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Skipf("no socket in the test's folder: %v", err) // its path may be too long
	}
	earlier := &http.Server{Handler: http.NotFoundHandler()}
	go earlier.Serve(l)
	defer earlier.Close()
	c, err := Dial(t.Context(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = greet.Do(t.Context(), c, greetRequest{}, nil)
	var got *Error
	if !errors.As(err, &got) || got.Message != otherVersion || got.Hint == "" {
		t.Errorf("got %v", err)
	}
}

func TestFilesThatCannotBeKeptFailWithACodeAndAHint(t *testing.T) {
	full := errors.New("the disk is full")
	_, c, _ := socket(t, &host{}, func(o *ServerOptions) {
		o.Spool = filepath.Join(o.Spool, "file")
		if err := errors.Join(os.Mkdir(filepath.Dir(o.Spool), 0o700), os.WriteFile(o.Spool, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		o.Describe = func(err error) *Error {
			return Describe(fmt.Errorf("%w: %w", full, err), Cause{full, CodeFailed, "free some space"})
		}
	})
	_, err := store.Do(t.Context(), c, greetRequest{}, fstest.MapFS{"a": {Data: []byte("1")}}, nil)
	var got *Error
	if !errors.As(err, &got) || got.Hint != "free some space" || !strings.Contains(got.Message, "the disk is full") {
		t.Errorf("got %v", err)
	}
}

type file struct{ name, content string }

func archive(t testing.TB, files ...file) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: f.name, Size: int64(len(f.content)),
			Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestReceivedFilesAreBounded(t *testing.T) {
	many := make([]file, maxFiles+1)
	for i := range many {
		many[i].name = fmt.Sprint("f", i)
	}
	for name, c := range map[string]struct {
		files []file
		want  string
	}{
		"more bytes than allowed": {[]file{{"a", "12345"}, {"b", "123456"}}, "more than 10 bytes"},
		"more files than allowed": {many, "more than 64"},
		"two of one name":         {[]file{{"a", "1"}, {"a", "2"}}, `two are called "a"`},
		"a file in a folder":      {[]file{{"folder/a", "1"}}, "flat directory"},
		"a file with a drive":     {[]file{{"c:a", "1"}}, "flat directory"},
		"the directory as a file": {[]file{{".", "1"}}, "flat directory"},
		"an absolute path":        {[]file{{"/a", "1"}}, "flat directory"},
		"no file":                 {nil, "EOF"},
	} {
		_, err := collect(strings.NewReader(archive(t, c.files...)), 10)
		if !errors.Is(err, errFiles) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	got, err := collect(strings.NewReader(archive(t, file{"a", "12345"}, file{"b", "12345"})), 10)
	if err != nil || len(got) != 2 {
		t.Errorf("as many bytes as allowed: %v, %v", got, err)
	}
}

func TestASpoolThatFailsLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := spool(strings.NewReader(archive(t, file{"a", "1"}, file{"a", "2"})), 10, dir); err == nil {
		t.Fatal("two files of one name were taken")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if _, _, err := spool(strings.NewReader(archive(t, file{"a", "1"})), 10, filepath.Join(dir, "no",
		"folder")); err != nil {
		t.Errorf("a folder that is not there is not made: %v", err)
	}
}

// serveRaw answers every connection with the same bytes.
func serveRaw(t *testing.T, text string) *Client {
	t.Helper()
	dir, err := os.MkdirTemp("", "api")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := Listen(filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter,
		r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, text)
	})}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	c, err := Dial(t.Context(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestAnAnswerThatEndsEarlyIsAnError(t *testing.T) {
	const result = `{"result":{"text":"x"},"files":true}` + "\n"
	whole := archive(t, file{"a", "123"})
	for name, text := range map[string]string{
		"nothing":                      "",
		"progress alone":               `{"progress":{"stage":"x","done":1}}` + "\n",
		"half a line":                  `{"result":{"te`,
		"no archive after the result":  result,
		"not even the end of the line": strings.TrimSpace(result),
		"half an archive":              result + whole[:514],
		"something else":               "<html>",
	} {
		_, files, err := read.Do(t.Context(), serveRaw(t, text), greetRequest{}, nil)
		if err == nil || !strings.Contains(err.Error(), "ended the answer early") {
			t.Errorf("%s: %v, %d files", name, err, len(files))
		}
	}
	_, files, err := read.Do(t.Context(), serveRaw(t, result+whole), greetRequest{}, nil)
	if err != nil || string(files["a"]) != "123" {
		t.Errorf("a whole answer: %v, %v", files, err)
	}
}

func TestAnAnswerWithMoreFilesThanAllowedIsRefused(t *testing.T) {
	_, c, _ := socket(t, &host{}, nil)
	c.most = 1000
	if _, _, err := read.Do(t.Context(), c, greetRequest{"set"}, nil); !errors.Is(err, errFiles) {
		t.Errorf("got %v", err)
	}
}

func TestFilesThatCannotBeReadEndTheCall(t *testing.T) {
	_, c, _ := socket(t, &host{}, nil)
	for name, files := range map[string]fs.FS{
		"a directory in it":      fstest.MapFS{"folder/a": {Data: []byte("1")}},
		"a file that is gone":    gone{fstest.MapFS{"a": {Data: []byte("1")}}},
		"larger than allowed":    fstest.MapFS{"a": {Data: []byte("1")}, "b": {Data: make([]byte, 1<<20)}},
		"a name with a slash \\": fstest.MapFS{`a\b`: {Data: []byte("1")}},
	} {
		if name == "larger than allowed" {
			_, c, _ = socket(t, &host{}, func(o *ServerOptions) { o.maxFiles = 1000 })
		}
		if got, err := store.Do(t.Context(), c, greetRequest{}, files, nil); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// gone lists files that are not there.
type gone struct{ fstest.MapFS }

func (g gone) Open(name string) (fs.File, error) {
	if name == "." {
		return g.MapFS.Open(name)
	}
	return nil, fs.ErrNotExist
}
