package api

import (
	"bytes"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"os"
	"testing"
)

// FuzzRequest sends the server any request: to an operation or to none, as JSON or as a
// line of it and an archive.
func FuzzRequest(f *testing.F) {
	a := []byte(archive(f, file{"a.txt", "content"}))
	for _, path := range []string{pathPrefix + string(greet), pathPrefix + string(store), pathPrefix + string(read),
		"/v1/x"} {
		f.Add("POST", path, []byte(`{"name":"x"}`))
		f.Add("POST", path, append([]byte("{\"name\":\"x\"}\n"), a...))
	}
	f.Add("GET", pathPrefix+string(greet), []byte(nil))
	dir := f.TempDir()
	s := &Server{opt: ServerOptions{Table: (&host{greeting: "hello"}).table(), Spool: dir, maxRequest: 1 << 16,
		maxFiles: 1 << 20, Describe: func(err error) *Error { return Describe(err) }, Log: slog.New(slog.DiscardHandler)}}
	s.ctx, s.cancel = f.Context(), func() {}
	f.Fuzz(func(t *testing.T, method, path string, body []byte) {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/", bytes.NewReader(body))
		r.Method, r.URL = method, &url.URL{Path: path}
		answer := httptest.NewRecorder()
		s.ServeHTTP(answer, r)
		if answer.Code == 200 && answer.Body.Len() == 0 {
			t.Error("no answer")
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("files are left: %v, %v", left, err)
		}
	})
}

// FuzzArchive reads archives of files.
func FuzzArchive(f *testing.F) {
	f.Add([]byte(archive(f, file{"a.txt", "content"})))
	f.Add([]byte(archive(f, file{"../a", "content"})))
	f.Fuzz(func(t *testing.T, archive []byte) {
		got, err := collect(bytes.NewReader(archive), 1<<20)
		if err != nil {
			return
		}
		for name := range got {
			if !fs.ValidPath(name) || name == "." || len(got) > maxFiles {
				t.Errorf("a file %q", name)
			}
		}
	})
}
