package files_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/train/data/files"
)

// packed is a tar archive of headers, those of files with their content.
func packed(t *testing.T, entries ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range entries {
		content := h.PAXRecords["content"]
		h.PAXRecords, h.Size, h.Mode = nil, int64(len(content)), 0o644
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// file is the header of a file with its content.
func file(name, content string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeReg, PAXRecords: map[string]string{"content": content}}
}

// opened opens an archive of some bytes.
func opened(t *testing.T, b []byte, kind files.Kind) (*files.Tree, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "archive")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	tree, err := files.OpenArchive(path, kind)
	if err == nil {
		t.Cleanup(func() { tree.Close() })
	}
	return tree, err
}

func TestTarArchivesAreReadAsTarReadsThem(t *testing.T) {
	tree, err := opened(t, packed(t, file("a/1", "old"), file("./a/2", "two"), file("/a/1", "new"),
		file("../up", "kept inside"),
		tar.Header{Name: "a/hard", Typeflag: tar.TypeLink, Linkname: "a/2"},
		tar.Header{Name: "a/soft", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}), files.Tar)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a/1": "new", "a/2": "two", "a/hard": "two", "up": "kept inside"} {
		if got, err := tree.Bytes(name, 100); err != nil || string(got) != want {
			t.Errorf("%s holds %q, want %q (%v)", name, got, want, err)
		}
	}
	var a files.Account
	_, others, err := tree.List("a", &a)
	if err != nil || !slices.Equal(others, []string{"a/1", "a/2", "a/hard"}) || len(a.Skipped) != 1 {
		t.Errorf("%v, %+v, %v", others, a.Skipped, err)
	}
}

func TestDamagedTarArchivesAreErrors(t *testing.T) {
	whole := packed(t, file("a", strings.Repeat("x", 2000)))
	for name, c := range map[string]struct {
		b    []byte
		want error
	}{
		"cut in a file":     {whole[:1500], files.ErrTruncated},
		"without its end":   {whole[:len(whole)-1024], files.ErrTruncated},
		"no archive":        {bytes.Repeat([]byte("no tar "), 200), files.ErrFormat},
		"a link to nowhere": {packed(t, tar.Header{Name: "a", Typeflag: tar.TypeLink, Linkname: "b"}), files.ErrFormat},
		"a link to a folder": {packed(t, tar.Header{Name: "d", Typeflag: tar.TypeDir},
			tar.Header{Name: "a", Typeflag: tar.TypeLink, Linkname: "d"}), files.ErrFormat},
	} {
		var e *files.Error
		if _, err := opened(t, c.b, files.Tar); !errors.Is(err, c.want) || !errors.As(err, &e) || e.Path == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestZipArchivesThatCannotBeReadAreErrors(t *testing.T) {
	zipped := func(change func(h *zip.FileHeader), names ...string) []byte {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for _, name := range names {
			h := &zip.FileHeader{Name: name, Method: zip.Store}
			if change != nil {
				change(h)
			}
			if _, err := w.CreateRaw(h); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	if tree, err := opened(t, zipped(nil, `folder\a`, "b"), files.Zip); err != nil {
		t.Error(err)
	} else if folders, others, err := tree.List(".", nil); err != nil || !slices.Equal(folders, []string{"folder"}) ||
		len(others) != 1 {
		t.Errorf("names of Windows: %v, %v, %v", folders, others, err)
	}
	for name, b := range map[string][]byte{
		"encrypted":         zipped(func(h *zip.FileHeader) { h.Flags |= 1 }, "a"),
		"another method":    zipped(func(h *zip.FileHeader) { h.Method = 12 }, "a"),
		"a name twice":      zipped(nil, "a", "./a"),
		"no archive at all": []byte("PK\x03\x04 and nothing"),
	} {
		var e *files.Error
		if _, err := opened(t, b, files.Zip); !errors.Is(err, files.ErrFormat) || !errors.As(err, &e) || e.Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
